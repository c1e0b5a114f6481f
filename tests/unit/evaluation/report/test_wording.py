"""What reports say, and never say."""

from dataclasses import replace
from math import nan

import pytest

from qrmiddleware.evaluation.comparison import Difference
from qrmiddleware.evaluation.report import wording
from qrmiddleware.evaluation.report.wording import (
    difference_of,
    grade_dots,
    interval_text,
    is_better,
    judged_warning,
    latency_text,
    main_measure,
    p_text,
    signed_text,
    value_text,
    verdict,
    without_secrets,
)


def make_difference(low, high, measure="nDCG@10", **values):
    middle = (low + high) / 2
    return Difference(
        "rules", measure, 0.5, 0.5 + middle, middle, low, high, 0.01, 0.02, 1, 7, 2, **values
    )


def with_judged(evaluation, *shares):
    arms = tuple(
        replace(arm, means={**arm.means, "Judged@10": share})
        for arm, share in zip(evaluation.arms, shares, strict=True)
    )
    return replace(evaluation, arms=arms)


def test_passwords_and_keys_are_left_out(evaluation):
    shown = without_secrets(evaluation)

    assert shown.arms[1].run.asked == "http://shop:9250/products; authorization: …"
    assert shown.environment["engine"] == "http://es:9200"
    assert without_secrets(shown) == shown


def test_what_plots_go_by_is_condensed_unless_wished_otherwise(evaluation):
    assert main_measure(evaluation) == "nDCG@10 condensed"
    assert main_measure(evaluation, "RR") == "RR"
    with pytest.raises(ValueError, match="'MAP' was not measured; choose nDCG@10, "):
        main_measure(evaluation, "MAP")


def test_what_plots_go_by_where_little_was_measured(evaluation):
    arms = tuple(replace(arm, means={"RR": 0.5}) for arm in evaluation.arms)

    assert main_measure(replace(evaluation, arms=arms)) == "RR"
    assert main_measure(replace(evaluation, arms=())) == ""


def test_numbers_have_three_digits_and_a_true_minus():
    assert value_text(0.12345) == "0.123"
    assert [signed_text(n) for n in (0.5, -0.25, 0.0, -0.0001)] == [
        "+0.500", f"{wording.MINUS}0.250", "0.000", "0.000"
    ]  # fmt: skip
    assert [p_text(p) for p in (0.0004, 0.0496)] == ["< 0.001", "0.050"]
    assert interval_text(make_difference(0.1, 0.3)) == "+0.100 to +0.300"


def test_what_is_no_number_is_a_dash():
    shown = (
        value_text(nan),
        signed_text(nan),
        p_text(nan),
        interval_text(make_difference(nan, nan)),
    )

    assert set(shown) == {wording.NONE}


def test_latency_is_told_with_its_tail():
    assert latency_text({"p50": 1.0, "p95": 2.25, "p99": 1234.0}) == (
        "p50 1.0 ms, p95 2.2 ms, p99 1,234.0 ms"
    )
    assert latency_text({}) == "not timed"


@pytest.mark.parametrize(
    ("difference", "better"),
    [
        (make_difference(0.1, 0.2), True),
        (make_difference(-0.2, -0.1), False),
        (make_difference(-0.1, 0.2), None),
        (make_difference(nan, nan), None),
        (make_difference(-0.2, -0.1, "nothing found"), True),
    ],
)
def test_an_arm_is_better_where_its_interval_says_so(difference, better):
    assert is_better(difference) is better


def test_a_verdict_has_its_figures():
    said = verdict(make_difference(0.1, 0.3), "alone")

    assert said.word == "better"
    assert said.sentence == (
        "“rules” is better than “alone”: nDCG@10 0.700 against 0.500, difference +0.200 "
        "(95 % interval +0.100 to +0.300); better for 1 query, the same for 7, worse for 2."
    )
    assert "cannot be told apart" in verdict(make_difference(-0.1, 0.3), "alone").sentence


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ((0.5, 0.51), "is low ("),
        ((0.99, 0.95), "differs between the arms ("),
        ((0.9, 0.5), "is low and differs between the arms (90% for “alone”, 50% for “with rules”)"),
    ],
)
def test_warns_where_unjudged_hits_may_decide(evaluation, shares, words):
    assert words in judged_warning(with_judged(evaluation, *shares))


def test_does_not_warn_where_nearly_all_is_judged(evaluation):
    assert judged_warning(with_judged(evaluation, 0.99, 0.98)) == ""
    assert judged_warning(replace(evaluation, arms=())) == ""


@pytest.mark.parametrize(
    ("relevance", "highest", "dots"),
    [(2, 3, "●●○"), (0, 3, "○○○"), (None, 3, "?"), (-2, 3, "○○○"), (9, 3, "●●●"), (7, 10, "7")],
)
def test_grades_are_dots(relevance, highest, dots):
    assert grade_dots(relevance, highest) == dots


def test_finds_a_difference(evaluation):
    first, second = evaluation.arms

    assert difference_of(evaluation, first, "RR") is None
    assert difference_of(evaluation, second, "RR").arm == "with rules"
