"""WANDS, Wayfair's annotation dataset: tab-separated files whose names end in csv.

Source: https://github.com/wayfair/WANDS; Chen et al. 2022, WANDS: Dataset for Product Search
Relevance Assessment, ECIR.
"""

from collections import Counter
from collections.abc import Iterator
from types import MappingProxyType
from typing import Any, Final

from qrmiddleware.evaluation.collection import Document, JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats.format import Chosen, Format, Source
from qrmiddleware.evaluation.formats.grades import (
    Judgments,
    gain_options,
    grade_of,
    refuse_unknown,
)
from qrmiddleware.evaluation.formats.rows import Row, first_line, table_rows

GRADES: Final = MappingProxyType({"Exact": 2, "Partial": 1, "Irrelevant": 0})

_TEXTS: Final = MappingProxyType(
    {
        "product_name": "title",
        "product_class": "class",
        "category hierarchy": "category_hierarchy",
        "product_description": "description",
        "product_features": "features",
    }
)
_NUMBERS: Final = ("rating_count", "average_rating", "review_count")
_QUERY: Final = ("query_id", "query")
_LABEL: Final = ("query_id", "product_id", "label")
_PRODUCT: Final = ("product_id", "product_name")


def fits(source: Source) -> bool:
    """Tell by the columns."""
    files = {"label.csv": _LABEL, "product.csv": _PRODUCT}
    found = {source.find(name): columns for name, columns in files.items()}
    return any(
        file is not None and set(columns) <= set(first_line(file).split("\t"))
        for file, columns in found.items()
    )


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read queries and labels."""
    queries = [
        JudgedQuery(row.text("query_id"), row.text("query"))
        for row in table_rows(source.need("query.csv"), needs=_QUERY)
    ]
    judgments = Judgments()
    unknown: Counter[str] = Counter()
    file = source.need("label.csv")
    for row in table_rows(file, needs=_LABEL):
        grade = grade_of(row.text("label"), GRADES, unknown)
        _add(judgments, row, grade)
    refuse_unknown(str(file), unknown, GRADES)
    return judgments.judged(chosen, queries)


def _add(judgments: Judgments, row: Row, grade: int) -> None:
    """Note a label; of several for a pair, the best counts."""
    query_id, doc_id = row.text("query_id"), row.text("product_id")
    rated = judgments.ratings.setdefault(query_id, {})
    rated[doc_id] = max(grade, rated.get(doc_id, 0))


def catalogue(source: Source, chosen: Chosen) -> Iterator[Document]:  # noqa: ARG001 no options
    """Yield the products, without fields that are empty."""
    for row in table_rows(source.need("product.csv"), needs=_PRODUCT):
        yield Document(row.text("product_id"), _source(row))


def _source(row: Row) -> dict[str, Any]:
    texts = {new: row.values.get(old, "").strip() for old, new in _TEXTS.items()}
    numbers = {name: row.number(name) for name in _NUMBERS if row.values.get(name)}
    return {name: text for name, text in texts.items() if text} | numbers


FORMAT: Final = Format(
    name="wands",
    title="WANDS, Wayfair's annotation dataset",
    needs="query.csv and label.csv; product.csv (all tab-separated)",
    fits=fits,
    options=gain_options("linear"),
    judged=judged,
    catalogue=catalogue,
)
