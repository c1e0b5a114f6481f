"""Reranks and filters with students that learnt what a teacher says of every aspect."""

from qrmiddleware_ellm_rele.plugin import EllmRele

__all__ = ["EllmRele"]
