"""User Behavior Insights: logged queries and events, from which clicks make judgments.

Lines of ``ubi_queries`` and ``ubi_events`` in one file or several: plain, as ``_bulk`` takes them
(with a line of action before each), or as dumps of hits with ``_source``.

Source: UBI 1.3.0, https://github.com/o19s/ubi (schema/1.3.0); the mappings of
https://github.com/opensearch-project/user-behavior-insights.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from qrmiddleware.evaluation.click_model import (
    Impression,
    clicks_over_expected,
    grade_by_thirds,
)
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options
from qrmiddleware.evaluation.formats.rows import FormatError, Row, json_rows

_PATTERNS: Final = ("*ubi*.ndjson", "*ubi*.jsonl", "*ubi*.ndjson.gz", "*ubi*.jsonl.gz")
_ACTIONS: Final = ("index", "create")
_PEEK: Final = 20
_OBJECT: Final = ("event_attributes", "object", "object_id")
_ORDINAL: Final = ("event_attributes", "position", "ordinal")


@dataclass(slots=True)
class _Log:
    """What has been read.

    Attributes:
        texts: What was searched for, by query_id.
        shown: The hits of the reply, best first, by query_id.
        seen: Ranks of impression events, by query_id and doc_id.
        clicked: Pairs of query_id and doc_id.
    """

    texts: dict[str, str] = field(default_factory=dict[str, str])
    shown: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    seen: dict[tuple[str, str], int] = field(default_factory=dict[tuple[str, str], int])
    clicked: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])


def fits(source: Source) -> bool:
    """Tell by the fields of the first lines."""
    return any(_is_ubi(file) for file in ubi_files(source))


def ubi_files(source: Source) -> list[Path]:
    """Return the files of queries and events; none if there are none."""
    if source.path.is_file():
        endings = tuple(pattern.rpartition("*")[2] for pattern in _PATTERNS)
        return [source.path] if source.path.name.endswith(endings) else []
    found = (name for name in source.names if "/" not in name)
    return [source.file(n) for n in found if any(Path(n).match(p) for p in _PATTERNS)]


def _is_ubi(file: Path) -> bool:
    try:
        rows = (row for _, row in zip(range(_PEEK), ubi_records(file), strict=False))
        return any({"user_query", "action_name"} & row.values.keys() for row in rows)
    except FormatError:
        return False


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read the log, and judge what was shown often enough by clicks over expected clicks.

    Queries that differ only in case and blanks are one; the first spelling is its text.
    """
    files = ubi_files(source)
    if not files:
        message = f"{source.path}: expected {' or '.join(_PATTERNS)}, found {source.listed()}"
        raise FormatError(message)
    log = _Log()
    clicks = frozenset(chosen["clicks"].split(","))
    for file in files:
        for row in ubi_records(file):
            _note(row, log, clicks)
    return _judge(source, log, chosen)


def ubi_records(file: Path) -> Iterator[Row]:
    """Yield queries and events, without the lines between them."""
    for row in json_rows(file):
        inner = row.values.get("_source", row.values)
        if len(row.values) == 1 and next(iter(row.values)) in _ACTIONS:
            continue
        if not isinstance(inner, dict):
            expected = "an object in '_source'"
            raise row.wrong(expected)
        yield Row(row.place, inner)


def _note(row: Row, log: _Log, clicks: frozenset[str]) -> None:
    if text := row.values.get("user_query"):
        log.texts.setdefault(row.text("query_id"), str(text))
    action = str(row.values.get("action_name"))
    if "action_name" not in row.values:
        _note_query(row, log)
    elif action in clicks:
        if found := _pair(row):
            log.clicked.add(found)
    elif action == "impression":
        ordinal = _inside(row.values, _ORDINAL)
        if (found := _pair(row)) and ordinal is not None:
            log.seen.setdefault(found, Row(row.place, {"ordinal": ordinal}).integer("ordinal"))


def _note_query(row: Row, log: _Log) -> None:
    log.shown.setdefault(row.text("query_id"), shown_hits(row))


def shown_hits(row: Row) -> list[str]:
    """Return the doc_ids that a query showed; raises ``FormatError`` if they are no list."""
    hits = row.values.get("query_response_hit_ids") or ()
    if not isinstance(hits, Sequence) or isinstance(hits, str):
        expected = "a list in 'query_response_hit_ids'"
        raise row.wrong(expected)
    return [str(hit) for hit in hits]


def _pair(row: Row) -> tuple[str, str] | None:
    """Return query_id and doc_id of an event; ``None`` if it is not about a hit of a query."""
    query_id, doc_id = row.values.get("query_id"), object_of(row)
    return (str(query_id), doc_id) if query_id and doc_id else None


def object_of(row: Row) -> str:
    """Return the doc_id that an event is about; empty for none."""
    doc_id = _inside(row.values, _OBJECT)
    return "" if doc_id is None else str(doc_id)


def _inside(tree: Mapping[str, Any], path: Sequence[str]) -> Any:  # noqa: ANN401 JSON
    value: Any = tree
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _judge(source: Source, log: _Log, chosen: Chosen) -> JudgedQueries:
    judgments = Judgments()
    spellings: dict[str, str] = {}
    names = {
        query_id: judgments.name(spellings.setdefault(" ".join(text.lower().split()), text))
        for query_id, text in log.texts.items()
        if text.strip()
    }
    impressions = [
        Impression(names[query_id], doc_id, rank, (query_id, doc_id) in log.clicked)
        for query_id, doc_id, rank in _shown(source, log, chosen["impressions"])
        if query_id in names
    ]
    rates = clicks_over_expected(impressions, min_impressions=_least(chosen))
    grades = grade_by_thirds(rates)
    for pair, rate in rates.items():
        rating = float(grades[pair]) if chosen["rating"] == "grades" else round(rate.coec, 3)
        judgments.ratings.setdefault(pair[0], {})[pair[1]] = rating
    return judgments.judged(chosen)


def _least(chosen: Chosen) -> int:
    wish = chosen["min_impressions"]
    if not wish.isdecimal():
        message = f"min_impressions is a whole number, not {wish!r}"
        raise FormatError(message)
    return int(wish)


def _shown(source: Source, log: _Log, wish: str) -> Iterator[tuple[str, str, int]]:
    """Yield query_id, doc_id and rank of everything that was shown."""
    if wish == "events" or (wish == "auto" and log.seen):
        yield from ((query_id, doc_id, rank) for (query_id, doc_id), rank in log.seen.items())
        return
    if not any(log.shown.values()):
        message = (
            f"{source.path}: nothing says what was shown: expected events with action_name "
            "impression and event_attributes.position.ordinal, or queries with "
            f"query_response_hit_ids; found {len(log.texts)} queries and {len(log.clicked)} clicks"
        )
        raise FormatError(message)
    for query_id, doc_ids in log.shown.items():
        yield from ((query_id, doc_id, rank) for rank, doc_id in enumerate(doc_ids, start=1))


FORMAT: Final = Format(
    name="ubi",
    title="User Behavior Insights events",
    needs="files named *ubi*.ndjson (or .jsonl, .gz) with lines of ubi_queries and ubi_events",
    fits=fits,
    options={
        "impressions": Option(
            "What was shown: impression events with their ordinals, or the hits of each query; "
            "auto takes events if there are any.",
            "auto",
            ("auto", "events", "hits"),
        ),
        "clicks": Option(
            "Values of action_name that count as a click, with commas between.",
            "click,click_through",
        ),
        "min_impressions": Option("Pairs that were shown less often are not judged.", "10"),
        "rating": Option(
            "Grades 0 to 3, by thirds of clicks over expected clicks; or that ratio itself.",
            "grades",
            ("grades", "coec"),
        ),
        **gain_options(),
    },
    judged=judged,
)
