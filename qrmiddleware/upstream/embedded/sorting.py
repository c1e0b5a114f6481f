"""``sort`` and ``search_after``."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from operator import attrgetter
from statistics import fmean, median
from typing import Any, NamedTuple

from qrmiddleware.upstream.embedded.problems import ApiError, illegal, unparsable, unsupported
from qrmiddleware.upstream.embedded.values import LONG_MAX, LONG_MIN, Json, read_bound
from qrmiddleware.upstream.embedded.view import View

_SPECIAL = frozenset(("_score", "_doc", "_shard_doc"))
_OPTIONS = frozenset(("order", "missing", "mode", "unmapped_type", "numeric_type", "format"))
_MEASURES: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "sum": sum,
    "avg": fmean,
    "median": median,
}


class Row(NamedTuple):
    """One document that was found."""

    view: View
    shard: int
    seq: int
    score: float


@dataclass(frozen=True, slots=True)
class SortBy:
    """One level of a sort.

    Attributes:
        path: A field, ``"_score"`` or ``"_doc"``.
        descending: Highest first.
        missing: ``"_last"``, ``"_first"`` or the value to take for a missing one.
        mode: ``"min"``, ``"max"``, ``"sum"`` or ``"avg"`` of several values; empty for the
            one that sorts first.
        unmapped: Whether an index without the field counts as one of missing values.
    """

    path: str
    descending: bool = False
    missing: Json = "_last"
    mode: str = ""
    unmapped: bool = False


def read_sort(asked: Json) -> tuple[SortBy, ...]:
    """What ``sort`` asks for; empty where it is by score alone.

    Raises:
        ApiError: If it is malformed or sorts by what is not supported.
    """
    if asked is None:
        return ()
    levels = [_read_level(entry) for entry in (asked if isinstance(asked, list) else [asked])]
    if len(levels) == 1 and levels[0].path == "_score" and levels[0].descending:
        return ()
    return tuple(levels)


def read_url_sort(text: str) -> list[Any]:
    """The ``sort`` parameter of a URL: ``price:desc,name``."""
    levels = []
    for entry in text.split(","):
        path, _, order = entry.rpartition(":")
        levels.append({path: order} if path else order)
    return levels


def _read_level(entry: Json) -> SortBy:
    if isinstance(entry, str):
        return SortBy(entry, descending=entry == "_score")
    if not isinstance(entry, dict) or len(entry) != 1:
        raise unparsable(reason=f"malformed sort format, found [{str(entry)[:80]}]")
    [(path, options)] = entry.items()
    if path in {"_geo_distance", "_script"}:
        raise unsupported(what="sort", name=path)
    options = {"order": options} if isinstance(options, str) else options
    for name in options:
        if name not in _OPTIONS:
            raise unsupported(what="sort option", name=name)
    default = "desc" if path == "_score" else "asc"
    order = str(options.get("order", default)).lower()
    if order not in {"asc", "desc"}:
        raise illegal(reason=f"No enum constant for sort order [{order}]: use asc, desc")
    return SortBy(
        path,
        descending=order == "desc",
        missing=options.get("missing", "_last"),
        mode=str(options.get("mode", "")),
        unmapped="unmapped_type" in options,
    )


def check_sort(levels: Sequence[SortBy], view: View) -> None:
    """See that an index can be sorted so.

    Raises:
        ApiError: If it cannot.
    """
    for level in levels:
        field = view.field(level.path)
        if level.path in _SPECIAL or (field is None and level.unmapped):
            continue
        if field is None:
            raise ApiError(
                kind="query_shard_exception",
                reason=f"No mapping found for [{level.path}] in order to sort on",
                index=view.name,
            )
        if field.family == "text":
            raise no_values(level.path, field.type)


def no_values(path: str, kind: str) -> ApiError:
    """The refusal to sort or aggregate by words."""
    return illegal(
        reason=f"Fielddata is disabled on [{path}] of type [{kind}]: text fields are not optimised "
        "for sorting and aggregations; use a keyword field instead"
    )


def sort_value(level: SortBy, row: Row) -> Json:
    """What a row is sorted by; ``None`` for a word that is missing."""
    return _reader(level, row)(row)


def _reader(level: SortBy, example: Row) -> Callable[[Row], Json]:
    """What reads the sort value of every row of the same index."""
    if level.path == "_score":
        return lambda row: shown_score(row.score)
    if level.path in _SPECIAL:
        return lambda row: (row.shard << 40) + row.seq
    column = example.view.columns.get(level.path, {})
    missing = _missing_value(level, example.view)
    mode = level.mode or ("max" if level.descending else "min")
    if mode in {"min", "max"}:
        at = -1 if mode == "max" else 0
        return lambda row: column[row.seq][at] if row.seq in column else missing
    if mode not in _MEASURES:
        raise unsupported(what="sort mode", name=mode)
    measure = _MEASURES[mode]
    return lambda row: measure(column[row.seq]) if row.seq in column else missing


def _missing_value(level: SortBy, view: View) -> Json:
    if level.missing not in ("_last", "_first"):
        return level.missing
    field = view.field(level.path)
    if field and field.family == "keyword":
        return None
    at_top = (level.missing == "_last") != level.descending
    if field and field.family == "float":
        return inf if at_top else -inf
    is_long = field is None or field.type in {"long", "date"}
    if is_long:
        return LONG_MAX if at_top else LONG_MIN
    return 2**31 - 1 if at_top else -(2**31)


def sort_rows(rows: list[Row], levels: Sequence[SortBy]) -> None:
    """Sort in place; equals stay as they are."""
    if not levels:
        rows.sort(key=attrgetter("score"), reverse=True)
    examples = {row.shard: row for row in rows}
    for level in reversed(levels):
        readers = {shard: _reader(level, row) for shard, row in examples.items()}
        keys = [readers[row.shard](row) for row in rows]
        if any(key is None for key in keys):
            keys = [_comparable(level, key) for key in keys]
        order = sorted(range(len(rows)), key=keys.__getitem__, reverse=level.descending)
        rows[:] = [rows[at] for at in order]


def _comparable(level: SortBy, value: Json) -> tuple[bool, Any]:
    if value is None:
        return (level.missing == "_last") != level.descending, ""
    return (level.missing == "_first") != level.descending, value


def read_after(asked: Json, levels: Sequence[SortBy], view: View) -> tuple[Any, ...]:
    """The values of ``search_after``, as rows of the index are compared.

    Raises:
        ApiError: If they do not fit the sort.
    """
    if not isinstance(asked, list) or len(asked) != max(1, len(levels)):
        raise illegal(reason="search_after has another number of values than sort")
    after = []
    for level, value in zip(levels or (SortBy("_score", descending=True),), asked, strict=True):
        field = view.field(level.path)
        if value in ("Infinity", "-Infinity"):
            after.append(float(value))
        elif value is None or field is None or isinstance(value, int):
            after.append(value)
        else:
            after.append(read_bound(field.family, value))
    return tuple(after)


def is_after(row: Row, after: Sequence[Any], levels: Sequence[SortBy]) -> bool:
    """Whether a row comes after these sort values."""
    for level, value in zip(levels or (SortBy("_score", descending=True),), after, strict=True):
        ours, theirs = _comparable(level, sort_value(level, row)), _comparable(level, value)
        if ours != theirs:
            return (ours < theirs) if level.descending else (ours > theirs)
    return False


def shown_score(score: float) -> float:
    """A score with the digits that a 32-bit number has."""
    return float(f"{score:.8g}")


def show_value(value: Json) -> Json:
    """A sort value as the answer has it."""
    if isinstance(value, float) and value in {inf, -inf}:
        return "Infinity" if value > 0 else "-Infinity"
    return value
