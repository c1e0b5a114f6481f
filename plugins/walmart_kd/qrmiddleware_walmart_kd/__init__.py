"""Reranks and filters with a student distilled from a teacher's margins."""

from qrmiddleware_walmart_kd.plugin import WalmartKd

__all__ = ["WalmartKd"]
