"""What users of a query got without it, from User Behavior Insights."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qrmiddleware.evaluation.formats.format import Source
from qrmiddleware.evaluation.formats.rows import FormatError, Row
from qrmiddleware.evaluation.formats.ubi import object_of, shown_hits, ubi_files, ubi_records

WITHIN_S: Final = 1800.0
"""How long after a search what a user got is taken to be what they searched for."""


@dataclass(frozen=True, slots=True)
class _Search:
    time: float
    query_id: str
    text: str
    shown: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Got:
    time: float
    query_id: str
    doc_id: str


def reached_elsewhere(
    path: Path,
    *,
    actions: Sequence[str] = ("purchase", "add_to_cart"),
    within_s: float = WITHIN_S,
) -> Mapping[str, AbstractSet[str]]:
    """Find what users got within a while after a search that did not show it.

    Users are told apart by ``client_id``; queries and events without one, or without a
    ``timestamp`` (ISO 8601, or milliseconds since 1970), say nothing.

    Args:
        path: Folder or file of ``ubi_queries`` and ``ubi_events``.
        actions: Values of ``action_name`` that mean that a user got something.
        within_s: How long after the search.

    Returns:
        The doc_ids by the query's text as it was typed.

    Raises:
        FormatError: If there are no such files, or they cannot be read.
    """
    files = ubi_files(Source(path))
    if not files:
        message = f"{path}: expected files named *ubi*.ndjson or *ubi*.jsonl, or .gz"
        raise FormatError(message)
    searches: defaultdict[str, list[_Search]] = defaultdict(list)
    got: defaultdict[str, list[_Got]] = defaultdict(list)
    for row in (row for file in files for row in ubi_records(file)):
        client, time = str(row.values.get("client_id") or ""), _time(row)
        if not client or time is None:
            continue
        query_id = str(row.values.get("query_id") or "")
        if row.values.get("action_name") in actions and (doc_id := object_of(row)):
            got[client].append(_Got(time, query_id, doc_id))
        elif "action_name" not in row.values and (text := row.values.get("user_query")):
            shown = frozenset(shown_hits(row))
            searches[client].append(_Search(time, query_id, str(text), shown))
    found: defaultdict[str, set[str]] = defaultdict(set)
    for client, items in got.items():
        for text, doc_id in _elsewhere(searches.get(client, ()), items, within_s):
            found[text].add(doc_id)
    return dict(found)


def _elsewhere(
    searches: Sequence[_Search], items: Sequence[_Got], within_s: float
) -> Iterator[tuple[str, str]]:
    for item in items:
        for search in searches:
            after = 0 <= item.time - search.time <= within_s
            through = item.query_id == search.query_id or item.doc_id in search.shown
            if after and not through:
                yield search.text, item.doc_id


def _time(row: Row) -> float | None:
    """Return seconds since 1970."""
    told = row.values.get("timestamp")
    try:
        if isinstance(told, int | float):
            return told / 1_000
        time = dt.datetime.fromisoformat(str(told))
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
