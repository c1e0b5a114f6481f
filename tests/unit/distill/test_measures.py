import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.measures import auc, pairwise_accuracy

SMALL = st.integers(-3, 3).map(float)


def test_pairs_count_as_worked_by_hand():
    # targets 2 > 1 > 0: scores order two of three pairs; the other query has one tie of scores
    assert pairwise_accuracy([([0.9, 0.1, 0.5], [2, 1, 0])]) == pytest.approx(2 / 3)
    assert pairwise_accuracy([([0.5, 0.5, 0.1], [1, 0, 0])]) == pytest.approx(1.5 / 2)


def test_pairs_of_equal_targets_do_not_count():
    assert pairwise_accuracy([([0.1, 0.9, 0.5], [1, 1, 0]), ([3.0, 1.0], [0, 0])]) == 0.5
    assert math.isnan(pairwise_accuracy([([1.0, 2.0], [1, 1])]))


def test_a_constant_scorer_is_right_half_the_time():
    assert pairwise_accuracy([([1.0] * 4, [3, 2, 1, 0])]) == 0.5
    assert auc([1.0] * 4, [True, False, False, True]) == 0.5


@given(st.lists(st.tuples(SMALL, st.booleans()), max_size=12))
def test_auc_equals_counting_pairs(rows):
    better = [score for score, label in rows if label]
    worse = [score for score, label in rows if not label]
    wins = [(b > w) + (b == w) / 2 for b in better for w in worse]

    got = auc([score for score, _ in rows], [label for _, label in rows])

    assert got == pytest.approx(sum(wins) / len(wins)) if wins else math.isnan(got)


def test_scores_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one each"):
        pairwise_accuracy([([1.0], [1, 0])])
    with pytest.raises(ValueError, match="score 1 of 2 is NaN"):
        auc([1.0, math.nan], [True, False])
