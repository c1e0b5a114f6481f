"""Rewrites as data: pairs to learn from, candidates, and what a search engine made of them."""
