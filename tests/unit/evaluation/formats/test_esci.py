"""ESCI, in parquet files with the columns of the real ones."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qrmiddleware.evaluation.collection import Document, JudgedQuery
from qrmiddleware.evaluation.formats import (
    FileMissingError,
    FormatError,
    load_catalogue,
    load_judged,
)

EXAMPLES = "shopping_queries_dataset_examples.parquet"
PRODUCTS = "shopping_queries_dataset_products.parquet"


def example(query_id, product_id, label, *, small=1, locale="us", split="test"):
    return {
        "example_id": query_id * 100,
        "query": f"query {query_id}",
        "query_id": query_id,
        "product_id": product_id,
        "product_locale": locale,
        "esci_label": label,
        "small_version": small,
        "large_version": 1,
        "split": split,
    }


def product(product_id, locale="us", **fields):
    names = ("title", "description", "bullet_point", "brand", "color")
    values = {f"product_{name}": fields.get(name) for name in names}
    return {"product_id": product_id, **values, "product_locale": locale}


@pytest.fixture
def folder(tmp_path):
    examples = [
        example(1, "B1", "E"),
        example(1, "B2", "S"),
        example(1, "B3", "C"),
        example(1, "B4", "I"),
        example(2, "B1", "E", small=0),
        example(3, "B1", "E", split="train"),
        example(4, "B1", "S", locale="es"),
    ]
    products = [
        product("B1", title="Lamp", brand="Acme", color="red"),
        product("B1", "es", title="Lámpara"),
        product("B9", title="Shade", description=""),
    ]
    pq.write_table(pa.Table.from_pylist(examples), tmp_path / EXAMPLES)
    pq.write_table(pa.Table.from_pylist(products), tmp_path / PRODUCTS)
    return tmp_path


def test_reads_the_small_american_test_set_unless_told_otherwise(folder):
    judged = load_judged(folder)

    assert judged.queries == (JudgedQuery("1", "query 1"),)
    assert judged.qrels == {"1": {"B1": 3, "B2": 2, "B3": 1, "B4": 0}}
    assert judged.relevant_from == 2


@pytest.mark.parametrize(
    ("options", "query_ids"),
    [
        ({"small_version": "false"}, ["1", "2"]),
        ({"split": "train"}, ["3"]),
        ({"split": "all"}, ["1", "3"]),
        ({"locale": "es"}, ["4"]),
    ],
)
def test_other_parts_can_be_chosen(folder, options, query_ids):
    judged = load_judged(folder, options=options)

    assert [query.query_id for query in judged.queries] == query_ids


@pytest.mark.parametrize(
    ("name", "gains"),
    [
        ("kddcup", {3: 1, 2: 0.1, 1: 0.01, 0: 0}),
        ("linear", {3: 3, 2: 2, 1: 1, 0: 0}),
        ("official_script", {3: 1, 2: 0.01, 1: 0.1, 0: 0}),
    ],
)
def test_gains_have_names(folder, name, gains):
    judged = load_judged(folder, options={"gain": name, "relevant_from": "E"})

    assert judged.gains == gains
    assert judged.relevant_from == 3


def test_reads_the_products_of_a_locale_without_empty_fields(folder):
    assert list(load_catalogue(folder)) == [
        Document("B1", {"title": "Lamp", "brand": "Acme", "color": "red", "locale": "us"}),
        Document("B9", {"title": "Shade", "locale": "us"}),
    ]


def test_reads_only_judged_products_if_that_is_wanted(folder):
    documents = load_catalogue(folder, options={"products": "judged"})

    assert [document.doc_id for document in documents] == ["B1"]


def test_ids_tell_locales_apart_where_there_are_several(folder):
    options = {"locale": "all"}

    judged = load_judged(folder, options=options)
    doc_ids = [document.doc_id for document in load_catalogue(folder, options=options)]

    assert judged.qrels["4"] == {"es-B1": 2}
    assert doc_ids == ["us-B1", "es-B1", "us-B9"]


def test_lists_unknown_labels(folder):
    rows = [example(1, "B1", "E"), example(1, "B2", "Exact"), example(1, "B3", "Exact")]
    pq.write_table(pa.Table.from_pylist(rows), folder / EXAMPLES)

    with pytest.raises(FormatError, match=r"labels E, S, C, I; also found 'Exact' \(2 times\)"):
        load_judged(folder)


def test_says_which_column_is_missing(folder):
    pq.write_table(pa.table({"query": ["lamp"]}), folder / EXAMPLES)

    with pytest.raises(FormatError, match=r"query_id, .* not among query"):
        load_judged(folder)


def test_says_that_a_file_is_no_parquet(folder):
    (folder / EXAMPLES).write_text("example_id,query")

    with pytest.raises(FormatError, match="cannot be read as parquet"):
        load_judged(folder)


def test_says_which_file_is_missing(folder):
    (folder / PRODUCTS).unlink()

    with pytest.raises(FileMissingError, match=r"expected \*products\*\.parquet, found shopping_"):
        list(load_catalogue(folder))
