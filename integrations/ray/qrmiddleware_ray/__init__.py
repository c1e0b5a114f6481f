"""Offline jobs over millions of queries, on Ray Data."""
