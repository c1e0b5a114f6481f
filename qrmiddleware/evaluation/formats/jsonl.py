"""Our own format: ``queries.jsonl``, ``judgments.tsv``, ``products.jsonl.gz``."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from qrmiddleware.evaluation.collection import Document, JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options, gains_of, relevant_from
from qrmiddleware.evaluation.formats.rows import Row, json_rows, open_text, table_rows

COLUMNS: Final = ("query_id", "product_id", "grade")


def fits(source: Source) -> bool:
    """Tell by the names, and by the judgments' columns."""
    judgments = source.find("judgments.tsv", "qrels.tsv")
    if judgments is None or source.find("queries.jsonl") is None:
        return source.find("products.jsonl", "products.jsonl.gz") is not None
    return set(COLUMNS) <= set(first_line(judgments).split("\t"))


def first_line(file: Path) -> str:
    """Return a text file's first line, without its end."""
    with open_text(file) as lines:
        return lines.readline().rstrip("\r\n")


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read queries and judgments."""
    queries = tuple(read_queries(source.need("queries.jsonl")))
    judgments = Judgments()
    wanted = (chosen["judgments"],) if chosen["judgments"] else ("judgments.tsv", "qrels.tsv")
    for row in table_rows(source.need(*wanted), needs=COLUMNS):
        judgments.add(row.text("query_id"), row.text("product_id"), row.integer("grade"), row)
    return JudgedQueries(
        queries,
        judgments.qrels,
        gains=gains_of(judgments.grades(), chosen),
        relevant_from=relevant_from(chosen),
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
    """Yield the products, in the order of their file."""
    wanted = chosen["products"]
    file = source.need(*((wanted,) if wanted else ("products.jsonl", "products.jsonl.gz")))
    for row in json_rows(file):
        doc_id = row.text(chosen["id"])
        yield Document(doc_id, without(row.values, chosen["id"]))


def without(values: Mapping[str, object], name: str) -> Mapping[str, object]:
    """Return the values but one."""
    return {key: value for key, value in values.items() if key != name}


FORMAT: Final = Format(
    name="jsonl",
    title="our own: JSON lines and tab-separated judgments",
    needs="queries.jsonl and judgments.tsv; products.jsonl or products.jsonl.gz",
    fits=fits,
    options={
        "judgments": Option("File of the judgments, if not judgments.tsv (or qrels.tsv)."),
        "products": Option("File of the products, if not products.jsonl (or .jsonl.gz)."),
        "id": Option("Field that holds a product's id; it is not indexed.", "id"),
        **gain_options(),
    },
    judged=judged,
    catalogue=catalogue,
)
