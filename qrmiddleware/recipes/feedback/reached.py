"""What users of a query got elsewhere, from a table or from UBI's events."""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.formats.reached import read_reached
from qrmiddleware.evaluation.formats.rows import first_line, table_rows
from qrmiddleware.evaluation.formats.ubi_reached import reached_elsewhere
from qrmiddleware.recipes.feedback.giving import Reached

_TABLES: Final = (".tsv", ".txt", ".tab")


def reached_by_query(path: Path, judged: JudgedQueries | None = None) -> Reached:
    """Read what users got without searching.

    Args:
        path: A table with tabs between the columns ``query`` or ``query_id`` and ``doc_id``; else
            a folder or file of UBI's queries and events, where it is what users bought or put
            into their cart soon after a search that did not show it.
        judged: Has the texts of the table's ``query_id``.

    Raises:
        FormatError: If it cannot be read.
        ConfigError: If nobody knows the text of a ``query_id``.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for query, doc_ids in _rows(path, judged):
        found[same_query(query)] |= doc_ids
    return dict(found)


def _rows(path: Path, judged: JudgedQueries | None) -> Iterator[tuple[str, set[str]]]:
    if path.suffix not in _TABLES:
        yield from ((query, set(ids)) for query, ids in reached_elsewhere(path).items())
    elif "query" in first_line(path).split("\t"):
        for row in table_rows(path, needs=("query", "doc_id")):
            yield row.text("query"), {row.text("doc_id")}
    else:
        texts = {query.query_id: query.text for query in judged.queries} if judged else {}
        for query_id, doc_ids in read_reached(path).items():
            if query_id not in texts:
                message = (
                    f"{path}: no judgments say what query {query_id!r} is; give the table a column "
                    "query with its text"
                )
                raise ConfigError(message)
            yield texts[query_id], set(doc_ids)
