"""BEIR: ``corpus.jsonl``, ``queries.jsonl``, ``qrels/test.tsv``.

Source: https://github.com/beir-cellar/beir; Thakur et al. 2021, arXiv:2104.08663.
"""

from collections.abc import Iterator
from typing import Final

from qrmiddleware.evaluation.collection import Document, JudgedQueries
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options
from qrmiddleware.evaluation.formats.jsonl import documents, read_queries
from qrmiddleware.evaluation.formats.rows import table_rows

COLUMNS: Final = ("query-id", "corpus-id", "score")
_CORPUS: Final = ("corpus.jsonl", "corpus.jsonl.gz")
_QUERIES: Final = ("queries.jsonl", "queries.jsonl.gz")


def fits(source: Source) -> bool:
    """Tell by the names."""
    return source.find(*_CORPUS) is not None or source.find("qrels/*.tsv") is not None


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read the judgments of the chosen split, and the queries that it judges."""
    judgments = Judgments()
    for row in table_rows(source.need(f"qrels/{chosen['split']}.tsv"), needs=COLUMNS):
        query_id, doc_id = row.text("query-id"), row.text("corpus-id")
        judgments.add(query_id, doc_id, row.number("score"), row)
    queries = read_queries(source.need(*_QUERIES))
    return judgments.judged(chosen, [q for q in queries if q.query_id in judgments.ratings])


def catalogue(source: Source, chosen: Chosen) -> Iterator[Document]:  # noqa: ARG001 no options
    """Yield the documents: ``title``, ``text``, ``metadata``."""
    return documents(source.need(*_CORPUS), "_id")


FORMAT: Final = Format(
    name="beir",
    title="BEIR",
    needs="queries.jsonl and qrels/test.tsv; corpus.jsonl or corpus.jsonl.gz",
    fits=fits,
    options={
        "split": Option("Which file of qrels/.", "test"),
        **gain_options("linear"),
    },
    judged=judged,
    catalogue=catalogue,
)
