"""The gate, on numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.exporting.parity import (
    Thresholds,
    check_parity,
    largest_difference,
    mean_cosine,
    rank_correlation,
    share_equal,
)
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Parity


def test_differences_are_the_largest_and_absolute():
    ours = np.array([[1.0, -2.0], [3.0, -np.inf]])
    theirs = np.array([[1.5, -2.0], [2.9, -np.inf]])

    assert largest_difference(ours, theirs) == pytest.approx(0.5)
    assert largest_difference(ours, ours) == 0


def test_what_cannot_be_compared_differs_without_end():
    assert largest_difference(np.zeros(2), np.zeros(3)) == np.inf
    assert largest_difference(np.array([np.nan]), np.zeros(1)) == np.inf


def test_rank_correlation_is_spearmans_with_ties_in_the_middle():
    ours, theirs = np.array([1.0, 2, 2, 4]), np.array([10.0, 20, 30, 40])

    # ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5
    assert rank_correlation(ours, theirs) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)
    assert rank_correlation(ours, -ours) == pytest.approx(-1)


def test_flat_or_broken_scores_have_no_correlation():
    assert rank_correlation(np.ones(3), np.arange(3.0)) is None
    assert rank_correlation(np.array([1.0, np.nan]), np.arange(2.0)) is None


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=20))
def test_only_ranks_matter_to_a_rank_correlation(values):
    scores = np.array(values, dtype=np.float64)

    found = rank_correlation(scores, 1 / (1 + np.exp(-scores / 10)))

    assert found == (None if len(set(values)) == 1 else pytest.approx(1))


def test_mean_cosine_takes_no_account_of_length():
    ours = np.array([[2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    theirs = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 0.0]])

    assert mean_cosine(ours, theirs) == pytest.approx((1 + 0.5**0.5 + 0) / 3)


def test_equal_outputs_are_counted():
    assert share_equal([(1, 2), (3,)], [(1, 2), (4,)]) == 0.5


def test_a_good_conversion_passes():
    good = Parity(probes=50, float32_difference=1e-5, correlation=0.99)

    check_parity(good, "cross_encoder", Thresholds(), stored="int8", name="x")
    check_parity(good, "bi_encoder", Thresholds(), stored="int8", name="x")


BAD = [
    ("cross_encoder", {"float32_difference": 0.1, "correlation": 0.99}, "differs by up to 0.1"),
    ("cross_encoder", {"float32_difference": np.nan, "correlation": 0.99}, "differs by up to nan"),
    ("cross_encoder", {"float32_difference": 0.0, "correlation": 0.5}, "correlation is 0.5000"),
    ("cross_encoder", {"float32_difference": 0.0}, "undefined, since all are equal"),
    ("bi_encoder", {"float32_difference": 0.0, "correlation": 0.5}, "mean cosine is 0.5000"),
    ("generator", {"float32_difference": 0.0, "equal_outputs": 0.5}, "greedy outputs is 0.5000"),
    (
        "cross_encoder",
        {"float32_difference": 0.0, "correlation": 1.0, "equal_verdicts": 0.8},
        "equal verdicts on aspects is 0.8000, and must be 0.9",
    ),
]


@pytest.mark.parametrize(("kind", "found", "problem"), BAD)
def test_a_bad_conversion_is_refused_with_what_is_bad(kind, found, problem):
    with pytest.raises(ConfigError, match=problem):
        check_parity(Parity(probes=50, **found), kind, Thresholds(), stored="int8", name="x")


def test_thresholds_can_be_lowered():
    poor = Parity(probes=50, float32_difference=0.01, equal_outputs=0.5)
    low = Thresholds(float32_difference=0.1, equal_outputs=0.5)

    check_parity(poor, "generator", low, stored="int8", name="x")
