"""Widens queries with words of their own first hits (RM3)."""
