import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.demo.measures import ndcg


def test_ndcg_agrees_with_a_sum_written_out():
    grades = {"a": 3, "b": 2, "c": 1}
    found = 3 / 1 + 0 / math.log2(3) + 7 / 2
    best = 7 / 1 + 3 / math.log2(3) + 1 / 2

    assert ndcg(["b", "x", "a"], grades) == pytest.approx(found / best)


def test_nothing_found_is_worth_nothing():
    assert ndcg([], {"a": 3}) == 0.0


def test_a_search_without_answers_is_worth_nothing():
    assert ndcg(["a"], {}) == 0.0


def test_hits_below_the_cutoff_do_not_count():
    assert ndcg(["x", "a"], {"a": 3}, cutoff=1) == 0.0


@given(st.dictionaries(st.text(max_size=3), st.integers(1, 3), min_size=1), st.randoms())
def test_the_ideal_ranking_is_worth_one_and_no_other_more(grades, chance):
    ideal = sorted(grades, key=lambda doc_id: -grades[doc_id])
    shuffled = list(grades)
    chance.shuffle(shuffled)

    assert ndcg(ideal, grades) == pytest.approx(1.0)
    assert 0 <= ndcg(shuffled, grades) <= 1 + 1e-9
