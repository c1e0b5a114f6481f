"""Aggregations: what is counted and measured over all documents that a query finds."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import floor, fsum
from typing import Any, TypeAlias

from qrmiddleware.upstream.embedded.problems import illegal, unparsable, unsupported
from qrmiddleware.upstream.embedded.queries.clauses import constant
from qrmiddleware.upstream.embedded.queries.compile import compile_query
from qrmiddleware.upstream.embedded.queries.context import read_number
from qrmiddleware.upstream.embedded.sorting import no_values
from qrmiddleware.upstream.embedded.values import Json, from_millis
from qrmiddleware.upstream.embedded.view import View

Selection: TypeAlias = Sequence[tuple[View, Sequence[int]]]
"""Documents, by the index that they are in."""

MAX_BUCKETS = 65_536


@dataclass(frozen=True, slots=True)
class Asked:
    """One aggregation as it was asked for.

    Attributes:
        kind: Its type.
        params: What the type is given.
        inner: The aggregations inside each of its buckets.
    """

    kind: str
    params: Mapping[str, Any]
    inner: Mapping[str, "Asked"]


Run: TypeAlias = Callable[[Asked, Selection], dict[str, Any]]


def read_aggregations(body: Json) -> dict[str, Asked]:
    """Read ``aggs``.

    Raises:
        ApiError: If it is malformed, or of a type that is not supported.
    """
    if not isinstance(body, dict):
        raise unparsable(reason="Expected [START_OBJECT] in [aggregations]")
    return {name: _read_one(name, definition) for name, definition in body.items()}


def _read_one(name: str, definition: Json) -> Asked:
    if not isinstance(definition, dict):
        raise unparsable(reason=f"Expected [START_OBJECT] under aggregation [{name}]")
    inner = definition.get("aggs", definition.get("aggregations", {}))
    kinds = [key for key in definition if key not in {"aggs", "aggregations", "meta"}]
    if len(kinds) != 1:
        raise unparsable(reason=f"Expected one type in aggregation [{name}], found {kinds}")
    [kind] = kinds
    if kind not in AGGREGATIONS:
        raise unsupported(what="aggregation", name=kind)
    return Asked(kind, definition[kind], read_aggregations(inner))


def aggregate(asked: Mapping[str, Asked], selection: Selection, *, typed: bool) -> dict[str, Any]:
    """Run aggregations over a selection; ``typed`` prefixes each name with its type."""
    results = {}
    for name, each in asked.items():
        result = AGGREGATIONS[each.kind](each, selection)
        key = f"{_type_name(each, selection)}#{name}" if typed else name
        results[key] = _name_types(each, result, selection) if typed else result
    return results


def _name_types(asked: Asked, result: dict[str, Any], selection: Selection) -> dict[str, Any]:
    buckets = result.get("buckets", [result])
    for bucket in buckets.values() if isinstance(buckets, dict) else buckets:
        for name, each in asked.inner.items():
            if name in bucket:
                inner = _name_types(each, bucket.pop(name), selection)
                bucket[f"{_type_name(each, selection)}#{name}"] = inner
    return result


def _type_name(asked: Asked, selection: Selection) -> str:
    if asked.kind != "terms":
        return asked.kind
    family = _family(asked, selection)
    return {"keyword": "sterms", "float": "dterms"}.get(family, "lterms")


def _family(asked: Asked, selection: Selection) -> str:
    path = _path(asked)
    families = {field.family for view, _ in selection if (field := view.field(path))}
    return families.pop() if families else "keyword"


def _path(asked: Asked) -> str:
    if "script" in asked.params:
        raise unsupported(what=f"script in aggregation {asked.kind},", name="script")
    path = asked.params.get("field")
    if not isinstance(path, str):
        raise illegal(reason=f"Required one of fields [field, script] in [{asked.kind}]")
    return path


def _columns(asked: Asked, selection: Selection) -> Iterator[tuple[View, Sequence[int], Any]]:
    path = _path(asked)
    for view, seqs in selection:
        field = view.field(path)
        if field and field.family == "text":
            raise no_values(path, field.type)
        yield view, seqs, view.columns.get(path, {})


def _values(asked: Asked, selection: Selection) -> Iterator[Any]:
    missing = asked.params.get("missing")
    default = () if missing is None else (missing,)
    for _, seqs, column in _columns(asked, selection):
        for seq in seqs:
            yield from column.get(seq, default)


def _bucket(asked: Asked, selection: Selection, **labels: Json) -> dict[str, Any]:
    count = sum(len(seqs) for _, seqs in selection)
    return {**labels, "doc_count": count, **aggregate(asked.inner, selection, typed=False)}


def _run_terms(asked: Asked, selection: Selection) -> dict[str, Any]:
    size = int(read_number(asked.params.get("size", 10), "size"))
    at_least = int(read_number(asked.params.get("min_doc_count", 1), "min_doc_count"))
    groups = _group(asked, selection)
    buckets = [
        _bucket(asked, list(group.values()), **_labels(key, _family(asked, selection)))
        for key, group in groups.items()
        if sum(len(seqs) for _, seqs in group.values()) >= at_least
    ]
    for path, descending in reversed(_orders(asked.params.get("order"))):
        buckets.sort(key=partial(_order_value, path), reverse=descending)
    rest = sum(bucket["doc_count"] for bucket in buckets[size:])
    return {
        "doc_count_error_upper_bound": 0,
        "sum_other_doc_count": rest,
        "buckets": buckets[:size],
    }


def _group(asked: Asked, selection: Selection) -> dict[Any, dict[str, tuple[View, list[int]]]]:
    groups: dict[Any, dict[str, tuple[View, list[int]]]] = defaultdict(dict)
    missing = asked.params.get("missing")
    default = () if missing is None else (missing,)
    for view, seqs, column in _columns(asked, selection):
        found: dict[Any, list[int]] = defaultdict(list)
        if asked.params.get("min_doc_count") == 0:
            found.update((value, []) for values in column.values() for value in values)
        for seq in seqs:
            values = column.get(seq, default)
            for value in values if len(values) == 1 else dict.fromkeys(values):
                found[value].append(seq)
        for value, members in found.items():
            groups[value][view.name] = view, members
    wanted = _wanted(asked)
    return {value: group for value, group in groups.items() if wanted(value)}


def _wanted(asked: Asked) -> Callable[[Any], bool]:
    include, exclude = asked.params.get("include"), asked.params.get("exclude")
    for given in (include, exclude):
        if given is not None and not isinstance(given, list):
            raise unsupported(what="pattern in aggregation terms,", name=str(given)[:40])
    return lambda value: (include is None or value in include) and value not in (exclude or ())


def _labels(key: Json, family: str) -> dict[str, Any]:
    if family == "boolean":
        return {"key": int(key), "key_as_string": "true" if key else "false"}
    if family == "date":
        return {"key": key, "key_as_string": from_millis(key)}
    return {"key": key}


def _orders(asked: Json) -> list[tuple[str, bool]]:
    levels = [("_count", True)] if asked is None else []
    for entry in asked if isinstance(asked, list) else [asked] if asked else []:
        levels += [(path, str(order).lower() == "desc") for path, order in entry.items()]
    return [*levels, ("_key", False)]


def _order_value(path: str, bucket: Mapping[str, Any]) -> Json:
    if path == "_count":
        return bucket["doc_count"]
    if path == "_key":
        return bucket["key"]
    name, _, member = path.partition(".")
    if name not in bucket:
        raise illegal(reason=f"Invalid aggregation order path [{path}]")
    value = bucket[name].get(member or "value", bucket[name].get("doc_count"))
    return float("-inf") if value is None else value


def _run_filter(asked: Asked, selection: Selection) -> dict[str, Any]:
    return _bucket(asked, _select(asked.params, selection))


def _run_filters(asked: Asked, selection: Selection) -> dict[str, Any]:
    filters = asked.params.get("filters")
    if isinstance(filters, dict):
        named = {name: _bucket(asked, _select(body, selection)) for name, body in filters.items()}
        return {"buckets": named}
    if not isinstance(filters, list):
        raise unparsable(reason="[filters] cannot be empty")
    return {"buckets": [_bucket(asked, _select(body, selection)) for body in filters]}


def _select(query: Json, selection: Selection) -> Selection:
    kept = []
    for view, seqs in selection:
        clause, _ = compile_query(query, view)
        found = view.scores(constant(clause).query)
        kept.append((view, [seq for seq in seqs if seq in found]))
    return kept


def _run_missing(asked: Asked, selection: Selection) -> dict[str, Any]:
    columns = _columns(asked, selection)
    return _bucket(
        asked,
        [(view, [seq for seq in seqs if seq not in column]) for view, seqs, column in columns],
    )


def _run_range(asked: Asked, selection: Selection) -> dict[str, Any]:
    buckets = []
    if not asked.params.get("ranges"):
        raise illegal(reason="No [ranges] specified for the [range] aggregation")
    for bounds in asked.params["ranges"]:
        lower, upper = (
            None if bounds.get(name) is None else read_number(bounds[name], name)
            for name in ("from", "to")
        )
        key = bounds.get("key") or f"{_edge(lower)}-{_edge(upper)}"
        labels = {"from": lower, "to": upper}
        known = {name: value for name, value in labels.items() if value is not None}
        within = _between(asked, selection, lower, upper)
        buckets.append(_bucket(asked, within, key=key, **known))
    if asked.params.get("keyed"):
        return {"buckets": {bucket.pop("key"): bucket for bucket in buckets}}
    buckets.sort(
        key=lambda bucket: (bucket.get("from", float("-inf")), bucket.get("to", float("inf")))
    )
    return {"buckets": buckets}


def _edge(bound: float | None) -> str:
    return "*" if bound is None else str(bound)


def _between(
    asked: Asked, selection: Selection, lower: float | None, upper: float | None
) -> Selection:
    low = float("-inf") if lower is None else lower
    high = float("inf") if upper is None else upper
    return [
        (view, [seq for seq in seqs if any(low <= value < high for value in column.get(seq, ()))])
        for view, seqs, column in _columns(asked, selection)
    ]


def _run_histogram(asked: Asked, selection: Selection) -> dict[str, Any]:
    interval = read_number(asked.params.get("interval"), "interval")
    offset = read_number(asked.params.get("offset", 0), "offset")
    at_least = int(read_number(asked.params.get("min_doc_count", 0), "min_doc_count"))
    if interval <= 0:
        raise illegal(reason=f"[interval] must be >0 for histogram aggregation, found [{interval}]")
    groups: dict[int, dict[str, tuple[View, list[int]]]] = defaultdict(dict)
    for view, seqs, column in _columns(asked, selection):
        for seq in seqs:
            for step in {floor((value - offset) / interval) for value in column.get(seq, ())}:
                groups[step].setdefault(view.name, (view, []))[1].append(seq)
    steps: Sequence[int] = sorted(groups)
    if groups and at_least == 0:
        steps = range(min(groups), max(groups) + 1)
    if len(steps) > MAX_BUCKETS:
        raise illegal(reason=f"Trying to create too many buckets. Must be at most [{MAX_BUCKETS}]")
    buckets = [
        _bucket(asked, list(groups[step].values()), key=step * interval + offset) for step in steps
    ]
    buckets = [bucket for bucket in buckets if bucket["doc_count"] >= at_least]
    if asked.params.get("keyed"):
        return {"buckets": {str(bucket["key"]): bucket for bucket in buckets}}
    return {"buckets": buckets}


def _run_stats(asked: Asked, selection: Selection) -> dict[str, Any]:
    values = _numbers(asked, selection)
    total = fsum(values)
    return {
        "count": len(values),
        "min": min(values, default=None),
        "max": max(values, default=None),
        "avg": total / len(values) if values else None,
        "sum": total,
    }


def _numbers(asked: Asked, selection: Selection) -> list[float]:
    family = _family(asked, selection)
    if family == "keyword" and any(view.field(_path(asked)) for view, _ in selection):
        raise illegal(
            reason=f"Field [{_path(asked)}] of type [keyword] is not supported for aggregation "
            f"[{asked.kind}]"
        )
    return [float(value) for value in _values(asked, selection)]


def _run_measure(name: str, asked: Asked, selection: Selection) -> dict[str, Any]:
    value = _run_stats(asked, selection)[name]
    if _family(asked, selection) == "date" and value is not None:
        return {"value": value, "value_as_string": from_millis(value)}
    return {"value": value}


def _run_value_count(asked: Asked, selection: Selection) -> dict[str, Any]:
    return {"value": sum(1 for _ in _values(asked, selection))}


def _run_cardinality(asked: Asked, selection: Selection) -> dict[str, Any]:
    return {"value": len(set(_values(asked, selection)))}


AGGREGATIONS: Mapping[str, Run] = {
    "avg": partial(_run_measure, "avg"),
    "cardinality": _run_cardinality,
    "filter": _run_filter,
    "filters": _run_filters,
    "histogram": _run_histogram,
    "max": partial(_run_measure, "max"),
    "min": partial(_run_measure, "min"),
    "missing": _run_missing,
    "range": _run_range,
    "stats": _run_stats,
    "sum": partial(_run_measure, "sum"),
    "terms": _run_terms,
    "value_count": _run_value_count,
}
"""Every aggregation that can be asked for."""
