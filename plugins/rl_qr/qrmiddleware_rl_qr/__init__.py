"""Rewrites queries with a small distilled generator that goes on learning (RL-QR)."""

from qrmiddleware_rl_qr.plugin import RlQr

__all__ = ["RlQr"]
