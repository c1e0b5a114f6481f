"""A search body, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from qrmiddleware.upstream.embedded.aggregations import Asked, read_aggregations
from qrmiddleware.upstream.embedded.highlighting import Style, read_highlight
from qrmiddleware.upstream.embedded.problems import illegal, unparsable, unsupported
from qrmiddleware.upstream.embedded.queries.context import read_number
from qrmiddleware.upstream.embedded.sorting import SortBy, read_sort
from qrmiddleware.upstream.embedded.sources import (
    SourceFilter,
    read_field_patterns,
    read_source_filter,
)
from qrmiddleware.upstream.embedded.values import Json

MAX_WINDOW = 10_000
_TRACKED = 10_000

SEARCH_KEYS = frozenset(
    (
        "_source", "aggregations", "aggs", "collapse", "docvalue_fields", "explain", "ext",
        "fields", "from", "highlight", "min_score", "post_filter", "profile", "query",
        "search_after", "seq_no_primary_term", "size", "sort", "stats", "timeout", "track_scores",
        "track_total_hits", "version",
    )
)  # fmt: skip
"""What a search body may hold. ``explain`` and ``profile`` only where they are false;
``ext``, ``stats`` and ``timeout`` are taken and mean nothing."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked of a search.

    Attributes:
        query: The query; ``None`` for all documents.
        offset: Hits that are skipped.
        size: Most hits that are given back.
        sort: Levels of the sort; empty for score.
        after: ``search_after``, or ``None``.
        source: Which part of documents is shown.
        fields: Patterns of fields whose values are shown.
        aggregations: By name.
        post_filter: A query that hits must match too, aggregations not; or ``None``.
        min_score: The least score.
        tracked: How many matches are counted exactly: ``None`` for all, 0 for none.
        track_scores: Whether hits show a score that they are not sorted by.
        highlight: Patterns of fields with their styles.
        collapse: The field of which each value is shown once; or empty.
        with_version: Whether hits show their version.
        with_seq: Whether hits show their sequence number.
    """

    query: Json = None
    offset: int = 0
    size: int = 10
    sort: tuple[SortBy, ...] = ()
    after: Json = None
    source: SourceFilter = field(default_factory=SourceFilter)
    fields: tuple[str, ...] = ()
    aggregations: Mapping[str, Asked] | None = None
    post_filter: Json = None
    min_score: float | None = None
    tracked: int | None = _TRACKED
    track_scores: bool = False
    highlight: tuple[tuple[str, Style], ...] = ()
    collapse: str = ""
    with_version: bool = False
    with_seq: bool = False

    @property
    def needs_all_matches(self) -> bool:
        """Whether more than the best hits must be looked at."""
        return bool(
            self.sort
            or self.aggregations
            or self.post_filter
            or self.collapse
            or self.after is not None
            or self.min_score is not None
        )


def read_search(body: Mapping[str, Any]) -> SearchRequest:
    """Read a search body.

    Raises:
        ApiError: If it is malformed, or asks for what is not supported.
    """
    for key in body:
        if key not in SEARCH_KEYS:
            raise unsupported(what="search body key", name=key)
    for key in ("explain", "profile"):
        if body.get(key):
            raise unsupported(what="search body key", name=key)
    offset, size = _read_window(body)
    names = body.get("fields"), body.get("docvalue_fields")
    aggregations = body.get("aggs", body.get("aggregations"))
    min_score = body.get("min_score")
    return SearchRequest(
        query=body.get("query"),
        offset=offset,
        size=size,
        sort=read_sort(body.get("sort")),
        after=_read_after(body, offset),
        source=read_source_filter(body.get("_source")),
        fields=tuple(pattern for each in names for pattern in read_field_patterns(each)),
        aggregations=read_aggregations(aggregations) if aggregations else None,
        post_filter=body.get("post_filter"),
        min_score=None if min_score is None else read_number(min_score, "min_score"),
        tracked=_read_tracked(body.get("track_total_hits")),
        track_scores=bool(body.get("track_scores", False)),
        highlight=tuple(read_highlight(body["highlight"])) if body.get("highlight") else (),
        collapse=_read_collapse(body.get("collapse")),
        with_version=bool(body.get("version", False)),
        with_seq=bool(body.get("seq_no_primary_term", False)),
    )


def _read_window(body: Mapping[str, Any]) -> tuple[int, int]:
    offset, size = (
        default if body.get(name) is None else int(read_number(body[name], name))
        for name, default in (("from", 0), ("size", 10))
    )
    for name, value in (("from", offset), ("size", size)):
        if value < 0:
            raise illegal(reason=f"[{name}] parameter cannot be negative but was [{value}]")
    if offset + size > MAX_WINDOW:
        raise illegal(
            reason=f"Result window is too large, from + size must be less than or equal to: "
            f"[{MAX_WINDOW}] but was [{offset + size}]. See the scroll api for a more efficient "
            "way to request large data sets. This limit can be set by changing the "
            "[index.max_result_window] index level setting."
        )
    return offset, size


def _read_after(body: Mapping[str, Any], offset: int) -> Json:
    after = body.get("search_after")
    if after is not None and not body.get("sort"):
        raise illegal(reason="Sort must contain at least one field.")
    if after is not None and offset > 0:
        raise illegal(reason="`from` parameter must be set to 0 when `search_after` is used")
    return after


def _read_tracked(asked: Json) -> int | None:
    if asked is None:
        return _TRACKED
    if isinstance(asked, bool):
        return None if asked else 0
    tracked = int(read_number(asked, "track_total_hits"))
    if tracked < -1:
        raise illegal(reason=f"[track_total_hits] parameter must be positive but was [{tracked}]")
    return None if tracked == -1 else tracked


def _read_collapse(asked: Json) -> str:
    if asked is None:
        return ""
    if not isinstance(asked, dict) or not isinstance(asked.get("field"), str):
        raise unparsable(reason="[collapse] requires a [field]")
    for name in asked:
        if name not in {"field", "max_concurrent_group_searches"}:
            raise unsupported(what="collapse option", name=name)
    return str(asked["field"])
