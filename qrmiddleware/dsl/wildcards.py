"""Patterns in names, as the engines read them: ``*`` stands for anything, all else for itself."""

import re
from collections.abc import Iterable
from functools import lru_cache


@lru_cache(maxsize=1_024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


def matches(name: str, pattern: str) -> bool:
    """Whether the whole of ``name`` is what ``pattern`` stands for."""
    return _compiled(pattern).fullmatch(name) is not None


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns stands for ``name``."""
    return any(matches(name, pattern) for pattern in patterns)


def overlap(one: str, other: str) -> bool:
    """Whether there can be a name that both patterns stand for; rather yes where it is unclear."""
    if "*" not in one or "*" not in other:
        return matches(one, other) or matches(other, one)
    begins, also = (pattern.split("*", 1)[0] for pattern in (one, other))
    return begins.startswith(also) or also.startswith(begins)
