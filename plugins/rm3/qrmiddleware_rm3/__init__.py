"""Widens queries with words of their own first hits (RM3)."""

from qrmiddleware_rm3.plugin import Rm3

__all__ = ["Rm3"]
