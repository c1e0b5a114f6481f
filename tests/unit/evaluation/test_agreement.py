"""Kappa against tables computed by hand, and what is said of it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.agreement import (
    Agreement,
    JudgedTwice,
    Kappa,
    cohen_kappa,
    describe,
    measure_agreement,
)

GRADES = st.integers(0, 3)
PAIRS = st.lists(
    st.builds(JudgedTwice, st.sampled_from(["q1", "q2", "q3"]), GRADES, GRADES), min_size=1
)


def agreed(value, low, high, bias=0.0):
    kappa = Kappa(value, low, high)
    return Agreement((0, 1), ((1, 0), (0, 1)), 2, 2, 1.0, kappa, kappa, kappa, bias)


def test_kappa_of_a_table_by_hand():
    # observed (20 + 15) / 50 = .7; by chance (25·30 + 25·20) / 50² = .5; (.7 - .5) / (1 - .5)
    assert cohen_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)


def test_weighted_kappa_of_a_table_by_hand():
    # rows 5, 5, 5; columns 5, 5, 5; of 15.
    # observed: 1·1 + 1·1 + 1·4 = 6; by chance per cell 25/15: (4·1 + 2·4)·25/15 = 20; 1 - 6/20
    table = [[4, 1, 0], [0, 4, 1], [1, 0, 4]]

    assert cohen_kappa(table, quadratic=True) == pytest.approx(0.7)
    # unweighted: 12/15 = .8 against 1/3
    assert cohen_kappa(table) == pytest.approx(0.7)


def test_far_disagreements_weigh_more_than_near_ones():
    near = [[5, 5, 0], [0, 5, 0], [0, 0, 5]]
    far = [[5, 0, 5], [0, 5, 0], [0, 0, 5]]

    assert cohen_kappa(near, quadratic=True) > cohen_kappa(far, quadratic=True)


def test_kappa_below_chance_is_negative():
    assert cohen_kappa([[0, 5], [5, 0]]) == pytest.approx(-1.0)


def test_kappa_of_one_grade_only_is_not_defined():
    assert math.isnan(cohen_kappa([[7, 0], [0, 0]]))


@given(PAIRS)
def test_judges_may_change_places(pairs):
    swapped = [JudgedTwice(pair.query_id, pair.other, pair.human) for pair in pairs]

    one, other = measure_agreement(pairs, range(4)), measure_agreement(swapped, range(4))

    assert one.kappa.value == pytest.approx(other.kappa.value, nan_ok=True)
    assert one.weighted.value == pytest.approx(other.weighted.value, nan_ok=True)
    assert one.bias == pytest.approx(-other.bias)


@given(PAIRS)
def test_nobody_agrees_more_than_fully(pairs):
    agreement = measure_agreement(pairs, range(4))

    for kappa in (agreement.kappa, agreement.weighted, agreement.binary):
        assert math.isnan(kappa.value) or kappa.value <= 1
        assert math.isnan(kappa.low) or kappa.low <= kappa.high
    assert sum(map(sum, agreement.table)) == agreement.pairs == len(pairs)


def test_full_agreement_is_one_with_an_interval_of_nothing():
    pairs = [JudgedTwice(f"q{number}", number % 4, number % 4) for number in range(40)]

    agreement = measure_agreement(pairs, range(4))

    assert agreement.kappa == Kappa(1.0, 1.0, 1.0)
    assert agreement.same == 1.0
    assert agreement.bias == 0.0
    assert agreement.queries == 40


def test_binary_kappa_knows_only_relevant_and_not():
    pairs = [JudgedTwice("q1", 2, 3), JudgedTwice("q2", 3, 2), JudgedTwice("q3", 0, 1)]

    agreement = measure_agreement(pairs, range(4), relevant_from=2)

    assert agreement.binary.value == 1.0
    assert agreement.kappa.value < 0.1
    assert agreement.bias == pytest.approx(1 / 3)


def test_the_interval_is_wider_where_pairs_come_from_few_queries():
    grades = [(0, 0), (1, 1), (2, 2), (3, 3), (0, 2), (3, 1)] * 10
    many = [JudgedTwice(f"q{n}", *grade) for n, grade in enumerate(grades)]
    few = [JudgedTwice(f"q{grade[0] == grade[1]}", *grade) for grade in grades]

    def width(pairs):
        kappa = measure_agreement(pairs, range(4)).weighted
        return kappa.high - kappa.low

    assert width(few) > width(many)


def test_no_common_pair_is_an_error():
    with pytest.raises(ValueError, match="no pair"):
        measure_agreement([], range(4))


def test_a_grade_off_the_scale_is_an_error():
    with pytest.raises(ValueError, match="query q1: grade 7 is not on the scale 0, 1"):
        measure_agreement([JudgedTwice("q1", 1, 7)], range(2))


@pytest.mark.parametrize(
    ("value", "low", "words"),
    [
        (-0.1, -0.2, ("no better than chance", "decide nothing")),
        (0.15, 0.1, ("slight", "decide nothing")),
        (0.5, 0.45, ("moderate", "a person confirm")),
        (0.75, 0.7, ("substantial", "may stand in")),
        (0.95, 0.5, ("almost perfect", "a person confirm")),
        (0.5, math.nan, ("moderate", "interval is unknown")),
        (math.nan, math.nan, ("not defined", "more pairs")),
    ],
)
def test_says_what_the_agreement_means(value, low, words):
    sentence = describe(agreed(value, low, 1.0))

    for word in words:
        assert word in sentence


@pytest.mark.parametrize(("bias", "word"), [(0.5, "lenient"), (-0.4, "strict")])
def test_says_when_the_judge_leans_to_one_side(bias, word):
    assert f"The judge is {word}: on average {bias:+.2f}" in describe(agreed(0.7, 0.6, 0.8, bias))


def test_does_not_speak_of_a_lean_too_small_to_matter():
    assert "The judge is" not in describe(agreed(0.7, 0.6, 0.8, 0.1))
