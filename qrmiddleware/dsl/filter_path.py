"""``filter_path``, applied to a reply that the engine had to answer whole."""

from collections.abc import Iterable
from itertools import groupby
from typing import Final, TypeAlias

from msgspec import Raw

from qrmiddleware.dsl.raw import RawObject, raw, read_array, read_object
from qrmiddleware.dsl.wildcards import matches

LONGEST: Final = 1_000
"""Characters of a ``filter_path`` that is applied here; the work grows with each of them."""

_Pattern: TypeAlias = tuple[str, ...]
_Patterns: TypeAlias = frozenset[_Pattern]


def filter_reply(data: bytes, filter_path: str) -> bytes:
    """Keep of a reply what ``filter_path`` names.

    Args:
        data: A JSON reply.
        filter_path: Comma-separated dotted paths; ``*`` stands for one name or a part of it,
            ``**`` for any number of names, a leading ``-`` leaves out.
    """
    patterns = [part for part in filter_path.split(",") if part]
    includes = frozenset(_steps(part) for part in patterns if not part.startswith("-"))
    excludes = frozenset(_steps(part[1:]) for part in patterns if part.startswith("-"))
    value = Raw(data.strip())
    if includes:
        value = _included(value, includes) or Raw(b"{}")
    return bytes(_excluded(value, excludes) if excludes else value)


def _steps(path: str) -> _Pattern:
    """Split a path; ``**`` once is as good as several times in a row."""
    runs = ((step, list(run)) for step, run in groupby(path.split(".")))
    return tuple(each for step, run in runs for each in (run[:1] if step == "**" else run))


def _advance(patterns: Iterable[_Pattern], name: str) -> _Patterns:
    """Return what is left of the patterns below ``name``; an empty one has matched."""
    rest: set[_Pattern] = set()
    for pattern in patterns:
        head, tail = pattern[0], pattern[1:]
        if head == "**":
            rest.add(pattern)
            if not tail:
                rest.add(())
            elif matches(name, tail[0]):
                rest.add(tail[1:])
        elif matches(name, head):
            rest.add(tail)
    return frozenset(rest)


def _included(value: Raw, patterns: _Patterns) -> Raw | None:
    """Keep what matches; ``None`` where nothing does."""
    first = bytes(memoryview(value)[:1])
    if first == b"[":
        items = [_included(item, patterns) for item in read_array(value)]
        found = [item for item in items if item is not None]
        return raw(found) if found else None
    if first != b"{":
        return None
    kept: RawObject = {}
    for name, child in read_object(value).items():
        rest = _advance(patterns, name)
        below = child if () in rest else _included(child, rest) if rest else None
        if below is not None:
            kept[name] = below
    return raw(kept) if kept else None


def _excluded(value: Raw, patterns: _Patterns) -> Raw:
    first = bytes(memoryview(value)[:1])
    if first == b"[":
        return raw([_excluded(item, patterns) for item in read_array(value)])
    if first != b"{":
        return value
    kept: RawObject = {}
    for name, child in read_object(value).items():
        rest = _advance(patterns, name)
        if () not in rest:
            kept[name] = _excluded(child, rest) if rest else child
    return raw(kept)
