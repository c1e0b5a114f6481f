"""Reranks and filters with a student that learnt from reasons, and needs none to judge."""

from qrmiddleware_crsd.plugin import Crsd

__all__ = ["Crsd"]
