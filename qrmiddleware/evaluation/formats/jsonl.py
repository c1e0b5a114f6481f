"""Our own format: ``queries.jsonl``, ``judgments.tsv``, ``products.jsonl.gz``.

``gains.json`` may stand beside them, where grades are worth something of their own:
``{"gains": {"0": 0, "1": 0.01, "2": 0.1, "3": 1}, "relevant_from": 2}``.
"""

import csv
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from qrmiddleware.evaluation.collection import Document, JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options
from qrmiddleware.evaluation.formats.rows import FormatError, Row, first_line, json_rows, table_rows

QUERIES: Final = "queries.jsonl"
GAINS: Final = "gains.json"
COLUMNS: Final = ("query_id", "product_id", "grade")
_JUDGMENTS: Final = ("judgments.tsv", "qrels.tsv")
_PRODUCTS: Final = ("products.jsonl", "products.jsonl.gz")
_LINES: Final = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


def fits(source: Source) -> bool:
    """Tell by the names, and by the judgments' columns."""
    if source.path.is_file():
        return source.path.name.endswith(_LINES)
    judgments = source.find(*_JUDGMENTS)
    if judgments is None or source.find(QUERIES) is None:
        return source.find(*_PRODUCTS) is not None
    return set(COLUMNS) <= set(first_line(judgments).split("\t"))


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read queries and judgments."""
    queries = tuple(read_queries(source.need(QUERIES)))
    judgments = Judgments()
    wanted = (chosen["judgments"],) if chosen["judgments"] else _JUDGMENTS
    for row in table_rows(source.need(*wanted), needs=COLUMNS):
        judgments.add(row.text("query_id"), row.text("product_id"), row.integer("grade"), row)
    gains = source.find(GAINS)
    usual = {"gain": "linear" if gains else "exponential", "relevant_from": "1"}
    stated = {name: value or usual.get(name, "") for name, value in chosen.items()}
    found = judgments.judged(stated, queries)
    return found if gains is None else _worth(found, gains, chosen)


def _worth(found: JudgedQueries, file: Path, chosen: Chosen) -> JudgedQueries:
    """Take what the file says, where nothing else is chosen."""
    try:
        told = json.loads(file.read_bytes())
        gains = {int(grade): float(gain) for grade, gain in told["gains"].items()}
        least = int(told["relevant_from"])
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        message = (
            f'{file}: expected {{"gains": {{grade: gain, …}}, "relevant_from": grade}} '
            f"({type(error).__name__}: {error})"
        )
        raise FormatError(message) from error
    if missing := sorted(found.gains.keys() - gains.keys()):
        message = f"{file}: says nothing of the grades {', '.join(map(str, missing))}"
        raise FormatError(message)
    return replace(
        found,
        gains=found.gains if chosen["gain"] else gains,
        relevant_from=found.relevant_from if chosen["relevant_from"] else least,
    )


def read_queries(file: Path) -> Iterator[JudgedQuery]:
    """Yield the queries of a file.

    Raises:
        FormatError: If an id comes twice, or a line lacks a text.
    """
    seen: set[str] = set()
    for row in json_rows(file):
        query_id = row.text("id", "query_id", "_id")
        if query_id in seen:
            expected = f"an id of its own, as {query_id} is another query's"
            raise row.wrong(expected)
        seen.add(query_id)
        yield JudgedQuery(query_id, row.text("query", "text"), _fold(row))


def _fold(row: Row) -> int | None:
    return None if row.values.get("fold") is None else row.integer("fold")


def catalogue(source: Source, chosen: Chosen) -> Iterator[Document]:
    """Yield the products, in the order of their file; a file itself may have any name."""
    if source.path.is_file():
        return documents(source.path, chosen["id"])
    wanted = chosen["products"]
    return documents(source.need(*((wanted,) if wanted else _PRODUCTS)), chosen["id"])


def documents(file: Path, id_field: str) -> Iterator[Document]:
    """Yield a document a line; its id is no field of its source."""
    for row in json_rows(file):
        yield Document(row.text(id_field), without(row.values, id_field))


def without(values: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the values but one."""
    return {key: value for key, value in values.items() if key != name}


def write_collection(folder: Path, found: JudgedQueries) -> None:
    """Write queries, judgments and gains in our own format.

    Args:
        folder: Made if it is not there.
        found: What to write; its queries keep their folds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / QUERIES).open("w", encoding="utf-8", newline="\n") as lines:
        lines.writelines(_line(_shown(query)) for query in found.queries)
    with (folder / _JUDGMENTS[0]).open("w", encoding="utf-8", newline="\n") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(
            (query_id, doc_id, grade)
            for query_id, judged in found.qrels.items()
            for doc_id, grade in judged.items()
        )
    worth = {"gains": dict(sorted(found.gains.items())), "relevant_from": found.relevant_from}
    (folder / GAINS).write_text(_line(worth), encoding="utf-8", newline="\n")


def write_catalogue(folder: Path, found: Iterable[Document]) -> Iterator[Document]:
    """Write documents to ``products.jsonl.gz``, and yield each as it is written.

    Raises:
        FormatError: If a document has a field ``id`` that is not its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / _PRODUCTS[1]).open("wb") as packed,
        gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as lines,
    ):
        for document in found:
            if str(document.source.get("id", document.doc_id)) != document.doc_id:
                message = f"document {document.doc_id} has another id in its field 'id'"
                raise FormatError(message)
            lines.write(_line({"id": document.doc_id, **document.source}).encode())
            yield document


def _shown(query: JudgedQuery) -> dict[str, object]:
    shown: dict[str, object] = {"id": query.query_id, "query": query.text}
    return shown if query.fold is None else {**shown, "fold": query.fold}


def _line(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) + "\n"


FORMAT: Final = Format(
    name="jsonl",
    title="our own: JSON lines and tab-separated judgments",
    needs="queries.jsonl and judgments.tsv; products.jsonl or products.jsonl.gz",
    fits=fits,
    options={
        "judgments": Option("File of the judgments, if not judgments.tsv (or qrels.tsv)."),
        "products": Option("File of the products, if not products.jsonl (or .jsonl.gz)."),
        "id": Option("Field that holds a product's id; it is not indexed.", "id"),
        **gain_options("", ""),
    },
    judged=judged,
    catalogue=catalogue,
)
