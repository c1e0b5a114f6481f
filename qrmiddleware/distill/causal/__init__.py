"""Decoder-only language models: loaded or made, trained on responses, asked, and read."""
