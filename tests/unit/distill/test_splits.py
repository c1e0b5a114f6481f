import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.splits import (
    FoldedQuery,
    hold_out,
    normalised_query,
    refuse_leaks,
    stemmed_query,
)
from qrmiddleware.errors import ConfigError

JUDGED = [FoldedQuery("1", "lamp", 0), FoldedQuery("2", "desk", 1), FoldedQuery("3", "chair", 2)]


def test_a_fold_is_held_out_and_the_others_are_recorded_as_seen():
    split = hold_out(JUDGED, {1})

    assert [query.query for query in split.training] == ["lamp", "chair"]
    assert [query.query for query in split.held_out] == ["desk"]
    assert split.seen_folds == (0, 2)


def test_folds_that_are_not_there_or_leave_nothing_are_refused():
    with pytest.raises(ConfigError, match=r"fold 7; there are folds \[0, 1, 2\]"):
        hold_out(JUDGED, {7})
    with pytest.raises(ConfigError, match="no judged query to train on"):
        hold_out(JUDGED, {0, 1, 2})


def test_a_held_out_query_in_the_training_set_is_named():
    with pytest.raises(ConfigError, match=r"1 training queries .* 'Garden  Chair!'"):
        refuse_leaks(["lamp", "Garden  Chair!", "Garden  Chair!"], ["garden chair"])


def test_a_plural_is_a_leak_only_where_asked_for():
    refuse_leaks(["garden chairs"], ["garden chair"])

    with pytest.raises(ConfigError, match="garden chairs"):
        refuse_leaks(["garden chairs"], ["garden chair"], stems=True)


def test_many_leaks_are_counted_and_ten_are_named():
    queries = [f"query {n}" for n in range(13)]

    with pytest.raises(ConfigError, match=r"13 training queries.* and 3 more"):
        refuse_leaks(queries, queries)


@pytest.mark.parametrize(
    ("query", "normal"),
    [
        ("  USB-C   hub ", "usb c hub"),
        ("\uff35\uff33\uff22", "usb"),  # full width letters
        ("STRASSE", "strasse"),
        ("Stra\u00dfe", "strasse"),
        ("\u30c7\u30b8\u30ab\u30e1", "\u30c7\u30b8\u30ab\u30e1"),
        ("?!", "?!"),
        ("", ""),
    ],
)
def test_queries_are_normalised(query, normal):
    assert normalised_query(query) == normal


@pytest.mark.parametrize(
    ("query", "stem"),
    [
        ("batteries", "battery"),
        ("cables", "cable"),
        ("shoes", "shoe"),
        ("watches glasses boxes", "watch glass box"),
        ("boss bus glass", "boss bus glass"),
        ("ps4s gps", "ps4s gps"),
    ],
)
def test_plurals_are_taken_off(query, stem):
    assert stemmed_query(query) == stem


@given(st.text())
def test_a_normalised_query_is_normalised(query):
    once = normalised_query(query)

    assert normalised_query(once) == once
