"""One search: from a request to an answer in Elasticsearch's shape."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qrmiddleware.upstream.embedded.aggregations import aggregate
from qrmiddleware.upstream.embedded.highlighting import highlight
from qrmiddleware.upstream.embedded.index import Index
from qrmiddleware.upstream.embedded.problems import illegal
from qrmiddleware.upstream.embedded.queries.clauses import Clause, constant, scores_of
from qrmiddleware.upstream.embedded.queries.compile import compile_query
from qrmiddleware.upstream.embedded.queries.context import Compilation
from qrmiddleware.upstream.embedded.search_request import SearchRequest
from qrmiddleware.upstream.embedded.sorting import (
    Row,
    check_sort,
    is_after,
    no_values,
    read_after,
    show_value,
    shown_score,
    sort_rows,
    sort_value,
)
from qrmiddleware.upstream.embedded.sources import show_fields
from qrmiddleware.upstream.embedded.store import StoredDocument
from qrmiddleware.upstream.embedded.values import Json
from qrmiddleware.upstream.embedded.view import View

_MATCH_ALL: Mapping[str, Any] = {"match_all": {}}


@dataclass(frozen=True, slots=True)
class _Shard:
    """One index in a search, with the query compiled for it."""

    number: int
    index: Index
    view: View
    clause: Clause
    context: Compilation


@dataclass(frozen=True, slots=True)
class _Found:
    rows: list[Row]
    total: int | None
    aggregations: dict[str, Any] | None = None


def run_search(
    indices: Sequence[Index],
    request: SearchRequest,
    *,
    typed: bool = False,
    total_as_int: bool = False,
) -> dict[str, Any]:
    """Search in indices.

    Args:
        indices: Where to search.
        request: What is asked.
        typed: Whether aggregations are named with their type.
        total_as_int: Whether the total is a number, and exact.

    Raises:
        ApiError: If an index cannot answer the request.
    """
    started = time.perf_counter_ns()
    shards = [_open(number, index, request) for number, index in enumerate(indices)]
    simple = not request.needs_all_matches and all(s.clause.rescore is None for s in shards)
    found = _find_best(shards, request) if simple else _find_all(shards, request, typed=typed)
    page = found.rows[request.offset : request.offset + request.size]
    shown = _Page(request, shards).show(page)
    answer: dict[str, Any] = {
        "took": (time.perf_counter_ns() - started) // 1_000_000,
        "timed_out": False,
        "_shards": {"total": len(shards), "successful": len(shards), "skipped": 0, "failed": 0},
        "hits": {
            **_show_total(found.total, request, as_int=total_as_int),
            **_max_score(found, request),
            "hits": shown,
        },
    }
    if found.aggregations is not None:
        answer["aggregations"] = found.aggregations
    return answer


def run_count(indices: Iterable[Index], query: Json) -> int:
    """How many documents match a query; all, where it is ``None``."""
    count = 0
    for index in indices:
        view = index.view()
        clause, _ = compile_query(_MATCH_ALL if query is None else query, view)
        count += view.count(clause.query)
    return count


def _open(number: int, index: Index, request: SearchRequest) -> _Shard:
    view = index.view()
    query = _MATCH_ALL if request.query is None else request.query
    clause, context = compile_query(query, view)
    check_sort(request.sort, view)
    return _Shard(number, index, view, clause, context)


def _find_best(shards: Sequence[_Shard], request: SearchRequest) -> _Found:
    limit = request.offset + request.size if request.size else 0
    rows = []
    total = 0
    for shard in shards:
        find = shard.view.first if shard.clause.is_constant else shard.view.top
        rows += [
            Row(shard.view, shard.number, seq, score)
            for seq, score in find(shard.clause.query, limit)
        ]
        if request.tracked != 0:
            total += shard.view.count(shard.clause.query)
    if len(shards) > 1:
        sort_rows(rows, ())
    return _Found(rows, total)


def _find_all(shards: Sequence[_Shard], request: SearchRequest, *, typed: bool) -> _Found:
    scores = [_matches(shard, request) for shard in shards]
    aggregations = None
    if request.aggregations:
        selection = [(shard.view, list(found)) for shard, found in zip(shards, scores, strict=True)]
        aggregations = aggregate(request.aggregations, selection, typed=typed)
    rows = []
    for shard, found in zip(shards, scores, strict=True):
        rows += _filtered(shard, found, request)
    total = len(rows)
    if request.size:
        sort_rows(rows, request.sort)
    if request.after is not None:
        rows = [
            row
            for row in rows
            if is_after(row, read_after(request.after, request.sort, row.view), request.sort)
        ]
    return _Found(_collapse(rows, request.collapse), total, aggregations)


def _matches(shard: _Shard, request: SearchRequest) -> Mapping[int, float]:
    found = scores_of(shard.clause, shard.view)
    if request.min_score is None:
        return found
    return {seq: score for seq, score in found.items() if score >= request.min_score}


def _filtered(shard: _Shard, found: Mapping[int, float], request: SearchRequest) -> list[Row]:
    kept = sorted(found)
    if request.post_filter:
        clause, context = compile_query(request.post_filter, shard.view)
        shard.context.named.extend(context.named)
        within = shard.view.scores(constant(clause).query)
        kept = [seq for seq in kept if seq in within]
    return [Row(shard.view, shard.number, seq, found[seq]) for seq in kept]


def _collapse(rows: list[Row], path: str) -> list[Row]:
    if not path:
        return rows
    seen: set[tuple[Any, ...]] = set()
    kept = []
    for row in rows:
        field = row.view.field(path)
        if field is None:
            raise illegal(reason=f"no mapping found for `{path}` in order to collapse on")
        if field.family == "text":
            raise no_values(path, field.type)
        key = row.view.columns.get(path, {}).get(row.seq, ())
        if len(key) > 1:
            raise illegal(reason=f"failed to collapse on [{path}]: a document has several values")
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def _show_total(total: int | None, request: SearchRequest, *, as_int: bool) -> dict[str, Any]:
    if as_int:
        return {"total": -1 if request.tracked == 0 else total}
    if total is None or request.tracked == 0:
        return {}
    if request.tracked is not None and total > request.tracked:
        return {"total": {"value": request.tracked, "relation": "gte"}}
    return {"total": {"value": total, "relation": "eq"}}


def _shows_scores(request: SearchRequest) -> bool:
    by_score = any(level.path == "_score" for level in request.sort)
    return not request.sort or by_score or request.track_scores


def _max_score(found: _Found, request: SearchRequest) -> dict[str, float | None]:
    if not found.rows or not request.size or not _shows_scores(request):
        return {"max_score": None}
    if not request.sort and request.after is None:
        return {"max_score": shown_score(found.rows[0].score)}
    return {"max_score": shown_score(max(row.score for row in found.rows))}


class _Page:
    """Shows the hits of one page."""

    def __init__(self, request: SearchRequest, shards: Sequence[_Shard]) -> None:
        self._request = request
        self._shards = shards

    def show(self, page: Sequence[Row]) -> list[dict[str, Any]]:
        documents: dict[tuple[int, int], StoredDocument] = {}
        names: dict[tuple[int, int], list[str]] = {}
        for shard in self._shards:
            seqs = [row.seq for row in page if row.shard == shard.number]
            for seq, document in shard.index.fetch(seqs).items():
                documents[shard.number, seq] = document
            for name, query in shard.context.named:
                for seq in shard.view.matching(query, seqs):
                    names.setdefault((shard.number, seq), []).append(name)
        return [
            self._show_hit(row, documents[row.shard, row.seq], names.get((row.shard, row.seq)))
            for row in page
        ]

    def _show_hit(
        self, row: Row, document: StoredDocument, names: list[str] | None
    ) -> dict[str, Any]:
        request = self._request
        hit: dict[str, Any] = {"_index": row.view.name, "_id": document.doc_id}
        if request.with_version:
            hit["_version"] = document.version
        if request.with_seq:
            hit |= {"_seq_no": document.seq, "_primary_term": 1}
        hit["_score"] = shown_score(row.score) if _shows_scores(request) else None
        if request.source.shown:
            hit["_source"] = request.source.apply(document.source)
        hit |= self._show_extras(row, document)
        if request.sort or request.after is not None:
            hit["sort"] = [show_value(sort_value(level, row)) for level in request.sort] or [
                hit["_score"]
            ]
        if names:
            hit["matched_queries"] = list(dict.fromkeys(names))
        return hit

    def _show_extras(self, row: Row, document: StoredDocument) -> dict[str, Any]:
        request = self._request
        extras: dict[str, Any] = {}
        shard = self._shards[row.shard]
        fields: dict[str, list[Any]] = {}
        if request.fields:
            mapping = shard.view.mapping
            fields = show_fields(document.doc_id, document.source, request.fields, mapping)
        if request.collapse:
            found = row.view.columns.get(request.collapse, {}).get(row.seq, (None,))
            fields = {**fields, request.collapse: list(found)}
        if fields:
            extras["fields"] = fields
        if request.highlight:
            marked = highlight(
                document.source, list(request.highlight), shard.context.terms, shard.view
            )
            if marked:
                extras["highlight"] = marked
        return extras
