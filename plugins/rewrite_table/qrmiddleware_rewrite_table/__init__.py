"""Precomputed rewrites, looked up by query."""
