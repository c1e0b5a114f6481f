"""Has a language model judge pairs, over any endpoint that speaks OpenAI's chat completions."""
