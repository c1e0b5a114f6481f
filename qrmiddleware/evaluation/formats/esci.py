"""ESCI, Amazon's Shopping Queries Dataset, as parquet files.

Source: https://github.com/amazon-science/esci-data; Reddy et al. 2022, arXiv:2206.06588.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from qrmiddleware.evaluation.collection import Document, Gains, JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import grade_of, refuse_unknown
from qrmiddleware.evaluation.formats.parquet import parquet_rows

GRADES: Final = MappingProxyType({"E": 3, "S": 2, "C": 1, "I": 0})
"""Exact, Substitute, Complement, Irrelevant."""

GAINS: Final[Mapping[str, Gains]] = MappingProxyType(
    {
        "kddcup": {3: 1.0, 2: 0.1, 1: 0.01, 0: 0.0},
        "linear": {3: 3.0, 2: 2.0, 1: 1.0, 0: 0.0},
        "official_script": {3: 1.0, 2: 0.01, 1: 0.1, 0: 0.0},
    }
)
"""What grades are worth, by name.

``kddcup`` is what the paper and the KDD Cup 2022 state: E 1, S 0.1, C 0.01, I 0.

``official_script`` is what the repository's evaluation does. ``ranking/prepare_trec_eval_files.py``
(commit 63b7d0e) writes qrels with E 4, S 2, C 3, I 1, and states the command
``trec_eval -c -J -m 'ndcg.1=0,2=0.01,3=0.1,4=1'``: a complement is worth 0.1 and a substitute
0.01, the other way round. Its ``ranking/train.py`` trains with S 0.1 and C 0.01. Numbers that
were made with the script, such as the README's 0.852, compare with this one only.
"""

_EXAMPLES: Final = "*examples*.parquet"
_PRODUCTS: Final = "*products*.parquet"
_FIELDS: Final = MappingProxyType(
    {
        "product_title": "title",
        "product_description": "description",
        "product_bullet_point": "bullet_point",
        "product_brand": "brand",
        "product_color": "color",
        "product_locale": "locale",
    }
)
_JUDGED: Final = ("query", "query_id", "product_id", "product_locale", "esci_label")


def fits(source: Source) -> bool:
    """Tell by the names."""
    return source.find(_EXAMPLES) is not None or source.find(_PRODUCTS) is not None


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read the chosen examples."""
    file = source.need(_EXAMPLES)
    queries: dict[str, JudgedQuery] = {}
    qrels: dict[str, dict[str, int]] = {}
    unknown: Counter[str] = Counter()
    for row in _examples(file, chosen):
        query_id = str(row["query_id"])
        queries.setdefault(query_id, JudgedQuery(query_id, str(row["query"])))
        grade = grade_of(str(row["esci_label"]), GRADES, unknown)
        qrels.setdefault(query_id, {})[_doc_id(row, chosen)] = grade
    refuse_unknown(str(file), unknown, GRADES)
    gains = GAINS[chosen["gain"]]
    return JudgedQueries(tuple(queries.values()), qrels, gains, GRADES[chosen["relevant_from"]])


def catalogue(source: Source, chosen: Chosen) -> Iterator[Document]:
    """Yield the products of the chosen locale, without fields that are empty."""
    wanted: set[str] | None = None
    if chosen["products"] == "judged":
        examples = _examples(source.need(_EXAMPLES), chosen)
        wanted = {_doc_id(row, chosen) for row in examples}
    file = source.need(_PRODUCTS)
    for row in parquet_rows(file, ["product_id", *_FIELDS], _only(product_locale=chosen["locale"])):
        doc_id = _doc_id(row, chosen)
        if wanted is None or doc_id in wanted:
            values = {new: row[old] for old, new in _FIELDS.items()}
            yield Document(doc_id, {name: value for name, value in values.items() if value})


def _examples(file: Path, chosen: Chosen) -> Iterator[Mapping[str, Any]]:
    small = 1 if chosen["small_version"] == "true" else "all"
    only = _only(product_locale=chosen["locale"], split=chosen["split"], small_version=small)
    return parquet_rows(file, _JUDGED, only)


def _only(**wishes: object) -> Mapping[str, object]:
    return {column: value for column, value in wishes.items() if value != "all"}


def _doc_id(row: Mapping[str, Any], chosen: Chosen) -> str:
    """Return the product's id; with its locale if there are several, which share ids."""
    plain = str(row["product_id"])
    return f"{row['product_locale']}-{plain}" if chosen["locale"] == "all" else plain


FORMAT: Final = Format(
    name="esci",
    title="ESCI, Amazon's Shopping Queries Dataset",
    needs="shopping_queries_dataset_examples.parquet; shopping_queries_dataset_products.parquet",
    fits=fits,
    options={
        "small_version": Option(
            "Only the smaller set of harder queries (Task 1), or all.", "true", ("true", "false")
        ),
        "locale": Option(
            "Whose queries and products; with all, ids begin with the locale.",
            "us",
            ("us", "es", "jp", "all"),
        ),
        "split": Option("Which examples.", "test", ("test", "train", "all")),
        "products": Option(
            "All products of the locale, or those of the chosen examples.", "all", ("all", "judged")
        ),
        "gain": Option(
            "What E, S, C, I are worth: 1, .1, .01, 0; or 3, 2, 1, 0; or, as the repository's "
            "script has it, 1, .01, .1, 0.",
            "kddcup",
            tuple(GAINS),
        ),
        "relevant_from": Option(
            "Least label that counts as relevant where a measure knows only relevant and not.",
            "S",
            ("E", "S", "C"),
        ),
    },
    judged=judged,
    catalogue=catalogue,
)
