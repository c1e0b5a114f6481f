"""Precomputed rewrites, looked up by query."""

from qrmiddleware_rewrite_table.plugin import RewriteTable

__all__ = ["RewriteTable"]
