"""Search replies: hits read one level deep, and the page put back among the rest as it came."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from msgspec import Raw

from qrmiddleware.dsl.merge import NAME_PREFIX
from qrmiddleware.dsl.raw import (
    Json,
    NotJsonError,
    RawObject,
    guarded,
    raw,
    read_object,
    read_value,
    write,
)
from qrmiddleware.dsl.wildcards import matches_any

_NAMES: Final = "matched_queries"


class _Known(msgspec.Struct):
    """What is read of every hit."""

    doc_id: str = msgspec.field(name="_id", default="")
    index: str = msgspec.field(name="_index", default="")
    score: float | None = msgspec.field(name="_score", default=None)
    names: list[str] | dict[str, float] | None = msgspec.field(name=_NAMES, default=None)


_KNOWN: Final = msgspec.json.Decoder(list[_Known])
_TREES: Final = msgspec.json.Decoder(list[dict[str, Raw]])
_LEAKED: Final = f'"{NAME_PREFIX}'.encode()
_OURS: Final = re.compile(re.escape(NAME_PREFIX) + "[0-9]+")


@dataclass(frozen=True, slots=True)
class ReplyHit:
    """One hit of a reply.

    Attributes:
        tree: The hit by key, as it came but for the names of the copies.
        doc_id: Its ``_id``.
        index: Its ``_index``.
        score: Its ``_score``; 0 where the engine gave none.
        wordings: Positions of the wordings that found it.
    """

    tree: RawObject
    doc_id: str
    index: str
    score: float
    wordings: tuple[int, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """What makes the document the same one in two rankings."""
        return self.index, self.doc_id


@dataclass(frozen=True, slots=True)
class SearchReply:
    """A reply in its parts.

    Attributes:
        tree: The reply by key.
        section: ``hits`` by key.
        hits: ``hits.hits``, best first.
    """

    tree: RawObject
    section: RawObject
    hits: tuple[ReplyHit, ...]

    @property
    def total(self) -> int | None:
        """Documents found, or counted up to ``track_total_hits``; ``None`` if not counted."""
        if "total" not in self.section:
            return None
        total = read_value(self.section["total"])
        value = total.get("value") if isinstance(total, dict) else total
        return value if isinstance(value, int) and value >= 0 else None

    @property
    def is_whole(self) -> bool:
        """Whether every shard answered in time."""
        if bytes(self.tree.get("timed_out", b"false")) != b"false":
            return False
        shards = read_value(self.tree["_shards"]) if "_shards" in self.tree else {}
        return not (isinstance(shards, dict) and shards.get("failed"))


@dataclass(frozen=True, slots=True)
class PageHit:
    """A hit at its place on the answered page.

    Attributes:
        hit: As it came.
        score: The ``_score`` to show; ``None`` leaves the engine's.
        provenance: The ``_qrm`` object to show; empty shows none.
    """

    hit: ReplyHit
    score: float | None = None
    provenance: Mapping[str, Json] = field(default_factory=dict[str, Json])


def read_reply(data: bytes | Raw) -> SearchReply:
    """Read a search reply.

    Raises:
        NotJsonError: If it is not a reply with hits, such as one cut by ``filter_path``.
    """
    tree = read_object(data)
    _scrub(tree, "aggregations")
    if "hits" not in tree:
        problem = "no hits in the reply"
        raise NotJsonError(problem)
    section = read_object(tree["hits"])
    listed = section.get("hits", Raw(b"[]"))
    trees: list[RawObject] = guarded(_TREES.decode, listed)
    known: list[_Known] = guarded(_KNOWN.decode, listed)
    return SearchReply(tree, section, tuple(map(_read_hit, trees, known)))


def _read_hit(tree: RawObject, known: _Known) -> ReplyHit:
    """Put a hit together without the copies' names; the client's own stay."""
    _scrub(tree, "inner_hits")
    wordings: tuple[int, ...] = ()
    ours = [name for name in known.names or () if _OURS.fullmatch(name)]
    if ours:
        wordings = tuple(sorted(int(name.removeprefix(NAME_PREFIX)) for name in ours))
        tree = _exchanged(tree, _NAMES, _without(known.names, ours))
    return ReplyHit(tree, known.doc_id, known.index, known.score or 0.0, wordings)


def _scrub(tree: RawObject, key: str) -> None:
    """Take the copies' names out of the hits inside inner hits and ``top_hits``."""
    if key in tree and _LEAKED in bytes(tree[key]):
        tree[key] = raw(_scrubbed(read_value(tree[key])))


def _scrubbed(value: Json) -> Json:
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    if not isinstance(value, dict):
        return value
    scrubbed = {key: _scrubbed(part) for key, part in value.items() if key != _NAMES}
    names = value.get(_NAMES)
    if isinstance(names, list | dict):
        ours = [name for name in names if isinstance(name, str) and _OURS.fullmatch(name)]
        kept = _without(names, ours) if ours else names
        if kept is not None:
            scrubbed[_NAMES] = kept
    return scrubbed


def _without(names: list[str] | dict[str, float] | None, ours: Sequence[str]) -> Json:
    """Return what is left of ``matched_queries``, in the form it came; ``None`` for nothing."""
    if names is None or len(names) == len(ours):
        return None
    if isinstance(names, dict):  # with include_named_queries_score
        return {name: score for name, score in names.items() if name not in ours}
    return [name for name in names if name not in ours]


def without_fields(hit: ReplyHit, ours: Sequence[str], wanted: Sequence[str]) -> ReplyHit:
    """Take out of a hit's ``fields`` what only the pipeline asked for.

    Args:
        hit: A hit of a search that was sent with ``ours``.
        ours: Field patterns that were added.
        wanted: Field patterns of the client.
    """
    if "fields" not in hit.tree:
        return hit
    values = read_object(hit.tree["fields"])
    kept = {
        name: value
        for name, value in values.items()
        if matches_any(name, wanted) or not matches_any(name, ours)
    }
    if len(kept) == len(values):
        return hit
    return replace(hit, tree=_exchanged(hit.tree, "fields", kept or None))


def field_values(hit: ReplyHit, fields: Sequence[str], *, whole_source: bool) -> dict[str, Json]:
    """Return what a plugin gets to see of a document.

    Args:
        hit: As it came.
        fields: Dotted field paths; empty for all there is.
        whole_source: Read them from ``_source``, not from ``fields``.
    """
    if not whole_source:
        fetched = read_value(hit.tree["fields"]) if "fields" in hit.tree else {}
        return {
            name: value[0] if isinstance(value, list) and len(value) == 1 else value
            for name, value in fetched.items()
            if not fields or matches_any(name, fields)
        }
    source = read_value(hit.tree["_source"]) if "_source" in hit.tree else {}
    if not fields:
        return dict(source) if isinstance(source, dict) else {}
    found = ((path, _at(source, path)) for path in fields)
    return {path: value for path, value in found if value is not None}


def render_reply(
    reply: SearchReply,
    page: Sequence[PageHit],
    *,
    max_score: float | None = None,
    extension: Mapping[str, Json] | None = None,
) -> bytes:
    """Put a page of hits into a reply, and leave the rest of it as it came.

    Args:
        reply: Whose total, aggregations and all else are kept.
        page: What to show, best first.
        max_score: The ``max_score`` to show; ``None`` leaves the engine's.
        extension: The ``ext.qrm`` object to show; empty shows none.
    """
    section: dict[str, Json] = {**reply.section, "hits": [_render_hit(item) for item in page]}
    if max_score is not None and "max_score" in section:
        section["max_score"] = max_score
    tree: dict[str, Json] = {**reply.tree, "hits": section}
    if extension:
        others = read_object(reply.tree["ext"]) if "ext" in tree else {}
        tree["ext"] = {**others, "qrm": extension}
    return write(tree)


def _render_hit(item: PageHit) -> RawObject:
    tree = item.hit.tree
    if item.score is None and not item.provenance:
        return tree
    tree = dict(tree)
    if item.score is not None:
        tree["_score"] = raw(item.score)
    if item.provenance:
        tree["_qrm"] = raw(item.provenance)
    return tree


def _exchanged(tree: RawObject, key: str, value: Json) -> RawObject:
    """Return an object with one value exchanged, or taken out for ``None``."""
    changed = dict(tree)
    if value is None:
        del changed[key]
    else:
        changed[key] = raw(value)
    return changed


def _at(source: Json, path: str) -> Json:
    """Follow a dotted path through objects and lists of objects."""
    node: Json = source
    for step in path.split("."):
        if isinstance(node, list):
            node = [item[step] for item in node if isinstance(item, dict) and step in item]
        else:
            node = node.get(step) if isinstance(node, dict) else None
    return None if node == [] else node
