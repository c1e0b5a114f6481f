"""The stages of training, each one file."""
