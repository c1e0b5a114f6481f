"""Clicks over expected clicks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.click_model import (
    ClickRate,
    Impression,
    click_through_by_rank,
    clicks_over_expected,
    grade_by_thirds,
)


def shown(query, doc_id, rank, *, times, clicks):
    return [Impression(query, doc_id, rank, n < clicks) for n in range(times)]


# By hand. Rank 1 was shown 10 times and clicked 5 times: 0.5. Rank 2, 10 times and 2: 0.2.
LOG = [
    *shown("tv", "A", 1, times=6, clicks=4),
    *shown("tv", "A", 2, times=5, clicks=0),
    *shown("tv", "B", 1, times=4, clicks=1),
    *shown("tv", "B", 2, times=5, clicks=2),
]


def test_the_prior_of_a_rank_is_its_share_of_clicks_whatever_was_shown():
    assert click_through_by_rank(LOG) == {1: 0.5, 2: 0.2}


def test_a_hand_computed_example():
    rates = clicks_over_expected(LOG, min_impressions=1)

    # A: 4 clicks; 6 * 0.5 + 5 * 0.2 = 4 expected. B: 3 clicks; 4 * 0.5 + 5 * 0.2 = 3 expected.
    assert rates["tv", "A"] == ClickRate(11, 4, pytest.approx(4.0))
    assert rates["tv", "B"] == ClickRate(9, 3, pytest.approx(3.0))
    assert rates["tv", "A"].coec == pytest.approx(1.0)


def test_a_click_low_down_counts_more_than_one_high_up():
    log = [
        *shown("tv", "A", 1, times=10, clicks=5),
        *shown("radio", "B", 1, times=10, clicks=5),
        *shown("tv", "C", 2, times=10, clicks=4),
        *shown("radio", "D", 2, times=10, clicks=0),
    ]

    rates = clicks_over_expected(log, min_impressions=10)

    assert rates["tv", "A"].coec == pytest.approx(1.0)
    assert rates["tv", "C"].coec == pytest.approx(2.0)


def test_too_few_impressions_are_left_out_but_still_make_the_prior():
    rates = clicks_over_expected(LOG, min_impressions=10)

    assert list(rates) == [("tv", "A")]
    assert rates["tv", "A"].expected_clicks == pytest.approx(4.0)


def test_what_was_shown_only_where_nobody_clicks_is_left_out():
    log = [*shown("tv", "A", 1, times=2, clicks=1), *shown("tv", "B", 9, times=50, clicks=0)]

    assert list(clicks_over_expected(log, min_impressions=1)) == [("tv", "A")]


logs = st.lists(
    st.builds(
        Impression,
        st.sampled_from(["tv", "radio"]),
        st.sampled_from("ABC"),
        st.integers(1, 3),
        st.booleans(),
    )
)


@given(logs)
def test_all_clicks_together_are_as_many_as_expected(log):
    rates = clicks_over_expected(log, min_impressions=1)

    assert sum(rate.expected_clicks for rate in rates.values()) == pytest.approx(
        sum(each.clicked for each in log)
    )


def rate(coec):
    return ClickRate(10, 1 if coec else 0, 1 / coec if coec else 1.0)


@pytest.mark.parametrize(
    ("coecs", "grades"),
    [
        ([0, 0.5, 1.0, 1.5, 2.0], [0, 1, 2, 3, 3]),  # terciles of the clicked: 1.0 and 1.5
        ([0, 0.7], [0, 3]),
        ([1.0, 1.0, 1.0], [3, 3, 3]),
        ([0, 0], [0, 0]),
        ([], []),
    ],
)
def test_grades_are_thirds_of_what_was_clicked(coecs, grades):
    rates = {("q", str(n)): rate(coec) for n, coec in enumerate(coecs)}

    assert list(grade_by_thirds(rates).values()) == grades
