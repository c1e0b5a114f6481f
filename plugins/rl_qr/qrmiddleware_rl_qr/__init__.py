"""Rewrites queries with a small distilled generator that goes on learning (RL-QR)."""
