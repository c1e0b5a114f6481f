"""``filter_path``, applied to a reply that the engine had to answer whole."""

from collections.abc import Sequence

from msgspec import Raw

from qrmiddleware.dsl.raw import RawObject, raw, read_array, read_object
from qrmiddleware.dsl.wildcards import matches

_Pattern = tuple[str, ...]


def filter_reply(data: bytes, filter_path: str) -> bytes:
    """Keep of a reply what ``filter_path`` names.

    Args:
        data: A JSON reply.
        filter_path: Comma-separated dotted paths; ``*`` stands for one name or a part of it,
            ``**`` for any number of names, a leading ``-`` leaves out.
    """
    patterns = [part for part in filter_path.split(",") if part]
    includes = [tuple(part.split(".")) for part in patterns if not part.startswith("-")]
    excludes = [tuple(part[1:].split(".")) for part in patterns if part.startswith("-")]
    value = Raw(data.strip())
    if includes:
        value = _included(value, includes) or Raw(b"{}")
    return bytes(_excluded(value, excludes) if excludes else value)


def _advance(patterns: Sequence[_Pattern], name: str) -> list[_Pattern]:
    """Return what is left of the patterns below ``name``; an empty one has matched."""
    rest: list[_Pattern] = []
    for pattern in patterns:
        head, tail = pattern[0], pattern[1:]
        if head == "**":
            rest.append(pattern)
            rest.extend(_advance([tail], name) if tail else [()])
        elif matches(name, head):
            rest.append(tail)
    return rest


def _included(value: Raw, patterns: Sequence[_Pattern]) -> Raw | None:
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


def _excluded(value: Raw, patterns: Sequence[_Pattern]) -> Raw:
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
