"""What the model is asked in each of its tasks: words in files, and how they are read."""
