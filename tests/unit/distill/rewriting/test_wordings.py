import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.rewriting.wordings import (
    COMPOUND,
    FORM,
    SPELLING,
    TYPE,
    Lexicon,
    Usage,
    types_meant,
    wordings,
)

TITLES = (
    "Acme desk lamp",
    "Borea desk lamps",
    "Cordo lamps for desks",
    "Acme smart watch",
    "Borea smart watch",
    "Cordo smartwatch",
    "Cordo watch, smart",
)
RECORDS = [Record(doc_id=f"{n}", title=title) for n, title in enumerate(TITLES)]
ONCE = Usage(products=1, slips=0)


@pytest.fixture(scope="module")
def lexicon():
    return Lexicon(RECORDS)


def proposed(queries, lexicon, usage=ONCE, seed=0):
    return [(p.query, p.rewrite, p.source) for p in wordings(queries, lexicon, usage, seed=seed)]


def test_words_take_the_other_forms_that_the_catalogue_has(lexicon):
    found = proposed(["desk lamp"], lexicon)

    assert found == [("desk lamp", "desks lamp", FORM), ("desk lamp", "desk lamps", FORM)]


def test_a_form_that_too_few_products_have_is_not_proposed(lexicon):
    assert proposed(["desk lamp"], lexicon, Usage(products=2, slips=0)) == [
        ("desk lamp", "desk lamps", FORM)
    ]


def test_words_are_joined_and_parted_as_the_catalogue_writes_them(lexicon):
    assert ("smart watch", "smartwatch", COMPOUND) in proposed(["smart watch"], lexicon)
    assert ("smartwatch", "smart watch", COMPOUND) in proposed(["smartwatch"], lexicon)


def test_a_word_whose_halves_are_rarer_stays_whole(lexicon):
    assert list(lexicon.parted("desklamp", least=1)) == ["desk lamp"]
    assert list(lexicon.parted("desklamp", least=3)) == []


def test_a_mended_slip_leads_to_the_query_as_it_should_be(lexicon):
    usage = Usage(products=9, slips=20)

    found = proposed(["smart watch"], lexicon, usage)

    assert found
    assert {(rewrite, source) for _, rewrite, source in found} == {("smart watch", SPELLING)}
    assert all(query != "smart watch" for query, _, _ in found)
    assert all(query[0] == "s" for query, _, _ in found)


def test_words_of_letters_alone_are_slipped(lexicon):
    assert proposed(["tn-2110 5x 77"], lexicon, Usage(products=1, slips=9)) == []


def test_the_same_seed_makes_the_same_slips(lexicon):
    usage = Usage(products=9, slips=3)

    assert proposed(["desk lamp"], lexicon, usage) == proposed(["desk lamp"], lexicon, usage)
    assert proposed(["desk lamp"], lexicon, usage) != proposed(["desk lamp"], lexicon, usage, 1)


@given(st.text(max_size=40))
def test_no_wording_is_the_query_and_none_is_empty(query):
    found = proposed([query], Lexicon(RECORDS), Usage(products=1, slips=2))

    assert all(rewrite.strip() and rewrite != said for said, rewrite, _ in found)


def test_another_language_has_other_forms():
    records = [Record(doc_id=f"{n}", title=title) for n, title in enumerate(("Lampe", "Lampen"))]

    assert list(Lexicon(records, language="german").forms("lampe", least=1)) == ["lampen"]


def test_a_language_without_a_stemmer_is_refused():
    with pytest.raises(KeyError):
        Lexicon(RECORDS, language="klingon")


def test_kinds_are_proposed_nearest_first_down_to_a_floor():
    types = ["lamp", "desk lamp", "watch"]
    vectors = np.array([[1.0, 0.0]], np.float32), np.array([[0.8, 0.6], [1, 0], [0, 1]], np.float32)

    found = list(types_meant(["thing for light"], types, vectors, Usage(nearest=3, nearness=0.5)))

    assert [(each.rewrite, each.source) for each in found] == [("desk lamp", TYPE), ("lamp", TYPE)]


def test_a_kind_that_the_query_names_already_is_not_proposed():
    vectors = np.array([[1.0, 0.0]], np.float32), np.array([[1, 0], [1, 0]], np.float32)

    found = list(types_meant(["red desk lamp"], ["desk lamp", "lamp shade"], vectors, Usage()))

    assert [each.rewrite for each in found] == ["lamp shade"]
