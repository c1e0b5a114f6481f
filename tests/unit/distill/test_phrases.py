"""A made-up shop whose titles are written as a catalogue's data team writes them."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.phrases import Floors, find_types, spans, text_of, value_words
from qrmiddleware.distill.phrases import read_title as read

BRANDS = ("Acme", "Borea", "Cordo")
COLOURS = ("black", "white", "red")
KINDS = ("desk lamp", "lamp", "kettle", "camera case", "camera", "garden hose")


def record(number, brand, kind, colour, *, line=""):
    return Record(
        doc_id=f"p{number}",
        title=f"{brand} {line}{number}X {kind} {colour} {number} cm Glossy",
        brand=brand,
        attributes={"colour": (colour,)},
    )


def shop():
    kinds = product(BRANDS, KINDS, COLOURS)
    return [record(n, *each) for n, each in enumerate(kinds)]


def test_kinds_are_found_and_values_brands_and_numbers_are_not():
    types = find_types(shop(), Floors())

    assert set(types.counts) == {*KINDS, "case", "hose"} - {"case", "hose"}
    assert types.counts["lamp"] == 18
    assert types.counts["desk lamp"] == 9


def test_a_product_is_named_by_its_longest_phrase_first_and_not_by_what_it_is_for():
    types = find_types(shop(), Floors())
    by_title = {item.title.split(" ", 2)[2]: types.of_product[item.doc_id] for item in shop()}

    assert by_title["desk lamp black 0 cm Glossy"] == ("desk lamp", "lamp")
    assert by_title["camera case black 9 cm Glossy"] == ("camera case",)


def test_a_line_behind_one_brand_is_no_kind():
    line = [
        record(100 + n, BRANDS[n % 3], "camera", COLOURS[n % 3], line="Lumina ") for n in range(12)
    ]

    assert "lumina" not in find_types([*shop(), *line], Floors()).counts


def test_a_given_type_is_taken_as_it_is_and_found_in_other_titles():
    given = [Record(f"g{n}", f"Acme {n}Z Gizmo", "Acme", product_type="Gizmo") for n in range(5)]
    other = Record("other", "Acme 77Y gizmo silver", "Acme")

    types = find_types([*given, other], Floors())

    assert types.of_product["g0"] == types.of_product["other"] == ("gizmo",)


def test_a_title_that_names_no_kind_is_looked_up_in_its_description():
    bare = Record("bare", "Acme 4711", "Acme", description="Kettle of 2 litres")

    assert find_types([*shop(), bare], Floors()).of_product["bare"] == ("kettle",)


def test_too_few_products_or_brands_are_no_kind():
    types = find_types(shop(), Floors(products=10))

    assert set(types.counts) == {"lamp", "camera"}
    assert find_types(shop(), Floors(brands=4)).counts == {}


def test_words_that_are_attribute_values_are_found():
    assert value_words(shop(), Floors()) == set(COLOURS)


@pytest.mark.parametrize("title", ["", "\U0001f4a1", "1234", "Acme", "a the of", "x " * 500])
def test_odd_titles_have_no_kind_and_do_no_harm(title):
    odd = Record("odd", title, "Acme")

    assert find_types([*shop(), odd], Floors()).of_product["odd"] == ()


def test_an_empty_catalogue_has_no_kinds():
    assert find_types([], Floors()).counts == {}


@given(st.text(max_size=80))
def test_phrases_are_of_words_that_stand_together_in_the_title(text):
    title = read(Record("1", text, "Acme"), frozenset())

    for start, end in spans(title):
        assert 0 <= start < end <= len(title.words)
        assert end - start <= 3
        assert text_of(title, (start, end)) in " ".join(title.words)
