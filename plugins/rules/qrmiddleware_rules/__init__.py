"""Rewriting rules in the rules.txt format of Querqy."""

from qrmiddleware_rules.plugin import Rules

__all__ = ["Rules"]
