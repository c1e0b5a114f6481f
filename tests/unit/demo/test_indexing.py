import json

import pytest

from qrmiddleware.demo.indexing import (
    PLACEHOLDER,
    SEARCH,
    bulk_bodies,
    index_body,
    search_body,
)


def test_a_search_holds_the_users_text_and_leaves_the_pattern_alone():
    assert search_body("red sofa")["query"]["multi_match"]["query"] == "red sofa"
    assert SEARCH["query"]["multi_match"]["query"] == PLACEHOLDER


def test_every_field_that_is_searched_is_mapped():
    mapped = index_body("english")["mappings"]["properties"]
    searched = {field.partition("^")[0] for field in SEARCH["query"]["multi_match"]["fields"]}

    assert searched <= mapped.keys()


def test_every_field_of_a_product_is_mapped(stock):
    product = stock.products[0]

    assert product.document().keys() == index_body("english")["mappings"]["properties"].keys()


@pytest.mark.parametrize("analyzer", ["english", "standard"])
def test_texts_are_analysed_as_asked_and_identifiers_never_stemmed(analyzer):
    fields = index_body(analyzer)["mappings"]["properties"]

    assert fields["title"]["analyzer"] == analyzer
    assert fields["identifiers"]["analyzer"] == "standard"


def test_bulk_bodies_hold_every_product_once(stock):
    products = stock.products[:1_234]

    bodies = list(bulk_bodies(products))

    lines = [json.loads(line) for _, body in bodies for line in body.splitlines()]
    assert sum(count for count, _ in bodies) == 1_234
    assert all(body.endswith(b"\n") for _, body in bodies)
    assert [line["index"]["_id"] for line in lines[::2]] == [p.product_id for p in products]
    assert lines[1::2] == [product.document() for product in products]
