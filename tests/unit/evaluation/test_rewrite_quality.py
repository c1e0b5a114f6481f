import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.rewrite_quality import (
    Nearness,
    distinct_n,
    mean_overlap,
    nearness,
    product_coverage,
    rouge_l,
    token_f1,
)

WORDS = st.lists(st.sampled_from("abcd"), max_size=8)


def test_rouge_l_by_lins_own_example():
    """Police killed the gunman: 3 words in common in order, then 2."""
    wanted = ["police", "killed", "the", "gunman"]

    assert rouge_l(["police", "kill", "the", "gunman"], wanted) == 0.75
    assert rouge_l(["the", "gunman", "kill", "police"], wanted) == 0.5


def test_token_f1_knows_no_order_and_counts_words_once():
    assert token_f1(["sofa", "red"], ["red", "sofa"]) == 1.0
    assert token_f1(["red", "red", "red"], ["red", "sofa"]) == pytest.approx(2 * 1 / 5)
    assert token_f1([], []) == token_f1([], ["a"]) == 0.0


@given(WORDS, WORDS)
def test_order_can_only_cost(told, wanted):
    longest, unordered = rouge_l(told, wanted), token_f1(told, wanted)

    assert 0 <= longest <= unordered <= 1
    assert rouge_l(wanted, told) == longest
    assert (rouge_l(told, told) == 1.0) is bool(told)


def test_a_query_has_the_best_of_its_references():
    references = {
        "red couch": ["red settee", "Red Sofa"],
        "lamp": ["light"],
        "rug": ["small rug"],
        "stove": ["cooker"],
    }
    predictions = {"red couch": "red sofa", "lamp": "lamp", "rug": "rug small"}

    told = nearness(predictions, references)

    assert told == Nearness(4, 0.25, 0.5, pytest.approx((1 + 0.5) / 4), 0.25)
    with pytest.raises(ConfigError, match="no references"):
        nearness(predictions, {})


def test_distinct_runs_of_words():
    assert distinct_n(["red sofa", "red lamp"], n=1) == 3 / 4
    assert distinct_n(["red sofa", "red sofa now"], n=2) == 2 / 3
    assert distinct_n(["red"], n=2) == 0.0


def test_overlap_of_what_rewrites_find():
    found = [frozenset("ab"), frozenset("bc"), frozenset()]

    assert mean_overlap(found) == pytest.approx((1 / 3 + 0 + 0) / 3)
    assert mean_overlap(found[:1]) is None
    assert mean_overlap([frozenset(), frozenset()]) == 0.0


def test_coverage_counts_relevant_products_once():
    assert product_coverage([frozenset("ab"), frozenset("bcx")], frozenset("abcd")) == 3
    assert product_coverage([], frozenset("a")) == 0
