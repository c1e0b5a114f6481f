"""Rewrites queries with a generator that a search engine has taught (BEQUE)."""

from qrmiddleware_beque.plugin import Beque

__all__ = ["Beque"]
