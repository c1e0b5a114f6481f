"""Patterns in names, as the engines read them: ``*`` stands for anything, all else for itself."""

from collections.abc import Iterable


def matches(name: str, pattern: str) -> bool:
    """Whether the whole of ``name`` is what ``pattern`` stands for.

    Patterns come from clients: the time is bounded by the product of both lengths.
    """
    first, *others = pattern.split("*")
    if not others:
        return name == first
    *middle, last = others
    if not name.startswith(first):
        return False
    at = len(first)
    for part in middle:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(name) - at >= len(last) and name.endswith(last)


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns stands for ``name``."""
    return any(matches(name, pattern) for pattern in patterns)


def overlap(one: str, other: str) -> bool:
    """Whether there can be a name that both patterns stand for; rather yes where it is unclear."""
    if "*" not in one or "*" not in other:
        return matches(one, other) or matches(other, one)
    begins, also = (pattern.split("*", 1)[0] for pattern in (one, other))
    return begins.startswith(also) or also.startswith(begins)
