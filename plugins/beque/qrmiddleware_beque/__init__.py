"""Rewrites queries with a generator that a search engine has taught (BEQUE)."""
