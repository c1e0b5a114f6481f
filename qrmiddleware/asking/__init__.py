"""Asks language models, over any endpoint that speaks OpenAI's chat completions."""
