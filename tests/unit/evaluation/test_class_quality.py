import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.class_quality import f1_scores, macro_f1, measure_classes

CODES = ("E", "S", "C", "I")
SCIKIT_LEARN = 0.4809523809523809
"""What its f1_score, version 1.9.1, says of these two, average="macro"."""
TRUTH, SAID = "EEEESSSCII", "EEESSSIICI"
PAIRS = st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(CODES)), min_size=1, max_size=40)


def by_query(codes, queries=2):
    """Deal documents to queries in turn; a blank is no class."""
    found = {f"q{n}": {} for n in range(min(queries, len(codes)))}
    for number, code in enumerate(codes):
        if code != " ":
            found[f"q{number % queries}"][f"d{number}"] = code
    return found


def measure(truth, *said, queries=2):
    systems = {f"s{n}": by_query(each, queries) for n, each in enumerate(said)}
    return measure_classes("t", by_query(truth, queries), systems, CODES)


def test_figures_by_hand():
    (scores,) = measure(TRUTH, SAID).systems

    exact, substitute, complement, irrelevant = scores.classes
    assert (exact.precision, exact.recall, exact.support) == (1.0, 0.75, 4)
    assert exact.f1 == pytest.approx(6 / 7)
    assert substitute.f1 == pytest.approx(2 / 3)
    assert (complement.precision, complement.recall, complement.f1) == (0.0, 0.0, 0.0)
    assert irrelevant.f1 == pytest.approx(2 / 5)
    assert scores.macro_f1 == pytest.approx((6 / 7 + 2 / 3 + 0 + 2 / 5) / 4)
    assert scores.macro_f1 == pytest.approx(SCIKIT_LEARN)
    assert scores.accuracy == pytest.approx(0.6)
    assert scores.matrix == ((3, 1, 0, 0), (0, 2, 0, 1), (0, 0, 0, 1), (0, 0, 1, 1))


def test_a_class_that_neither_is_nor_is_predicted_does_not_count():
    (scores,) = measure("EEII", "EEIE").systems

    assert scores.macro_f1 == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert math.isnan(scores.classes[1].f1)


def test_f1_of_a_stack_of_tables():
    tables = np.array([[[1.0, 1, 0], [0, 2, 0]], [[0, 0, 2], [0, 0, 0]]])

    assert f1_scores(tables)[0] == pytest.approx([2 / 3, 4 / 5])
    assert macro_f1(tables) == pytest.approx([(2 / 3 + 4 / 5) / 2, 0.0])


def test_the_baseline_always_says_the_most_frequent_class():
    quality = measure(TRUTH, SAID)

    assert quality.majority.name == "always E"
    assert quality.majority.accuracy == pytest.approx(0.4)
    assert quality.majority.macro_f1 == pytest.approx(8 / 14 / 4)


def test_what_one_system_lacks_is_measured_of_none_and_counted():
    quality = measure("EESSII", "EESSII", "EE SI ")

    assert (quality.judged, quality.pairs, quality.queries) == (6, 4, 2)
    whole, part = quality.systems
    assert (whole.macro_f1, whole.missing, whole.macro_f1_of_all) == (1.0, 0.0, 1.0)
    assert (part.macro_f1, part.missing) == (1.0, pytest.approx(1 / 3))
    assert part.macro_f1_of_all == pytest.approx((1 + 2 / 3 + 2 / 3) / 3)


def test_a_student_retains_a_share_of_its_teachers_macro_f1():
    quality = measure(TRUTH * 5, TRUTH * 5, SAID * 5, queries=5)

    (difference,) = quality.differences
    assert difference.retention == pytest.approx(quality.systems[1].macro_f1)
    assert difference.difference == pytest.approx(difference.retention - 1)
    assert difference.low <= difference.difference <= difference.high < 0


def test_a_system_does_not_differ_from_itself():
    (difference,) = measure(TRUTH, SAID, SAID).differences

    assert (difference.difference, difference.low, difference.high) == (0.0, 0.0, 0.0)
    assert difference.retention == 1.0


def test_one_query_has_no_interval():
    (difference,) = measure(TRUTH, TRUTH, SAID, queries=1).differences

    assert math.isnan(difference.low)


@pytest.mark.parametrize(
    ("truth", "said", "message"),
    [("EE", "  ", "no judged pair is predicted"), ("EX", "EE", "class 'X' is none of E, S, C, I")],
)
def test_what_cannot_be_measured_is_an_error(truth, said, message):
    with pytest.raises(ValueError, match=message):
        measure(truth, said)


@given(pairs=PAIRS)
def test_counts_add_up_and_shares_are_shares(pairs):
    truth, said = zip(*pairs, strict=True)

    (scores,) = measure(truth, said).systems

    assert sum(map(sum, scores.matrix)) == sum(each.support for each in scores.classes)
    assert [sum(row) for row in scores.matrix] == [each.support for each in scores.classes]
    assert 0 <= scores.macro_f1 <= 1
    assert (scores.macro_f1 == 1) is (truth == said)
    assert scores.macro_f1_of_all == scores.macro_f1
