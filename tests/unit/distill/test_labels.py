import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.labels import Label, Pair, expected_gain, label_for

GAINS = {"E": 1.0, "S": 0.5, "C": 0.0, "I": 0.0}
PAIR = Pair("laptop", "p1", "Laptop 14 inch")


def make_label(**values):
    told = {"pair": "k", "query": "q", "doc_id": "d", "teacher": "t", "target": 0.5} | values
    return Label(**told)


def test_the_key_depends_on_query_document_and_text_and_on_nothing_else():
    keys = {
        PAIR.key,
        Pair("laptop", "p1", "Laptop 15 inch").key,
        Pair("laptop", "p2", "Laptop 14 inch").key,
        Pair("laptops", "p1", "Laptop 14 inch").key,
        Pair("laptop p1", "", "Laptop 14 inch").key,
    }

    assert len(keys) == 5
    assert Pair("laptop", "p1", "Laptop 14 inch").key == PAIR.key


def test_half_a_character_has_a_key_too():
    assert len(Pair("\ud83d", "p", "text").key) == 32


@pytest.mark.parametrize("target", [-0.1, 1.1, math.nan])
def test_a_target_beyond_0_and_1_is_no_label(target):
    with pytest.raises(ValueError, match="between 0 and 1"):
        make_label(target=target)


@pytest.mark.parametrize("logit", [math.nan, math.inf])
def test_a_logit_that_is_no_number_is_no_label(logit):
    with pytest.raises(ValueError, match="finite"):
        make_label(logit=logit)


@pytest.mark.parametrize("told", [{"E": 0.5, "S": 0.1}, {"E": 1.5, "S": -0.5}])
def test_probabilities_that_are_none_are_no_label(told):
    with pytest.raises(ValueError, match="sum to 1"):
        make_label(probabilities=told)


def test_log_odds_are_the_logit_where_there_is_one():
    assert make_label(target=0.9, logit=-3.0).log_odds() == -3.0


@pytest.mark.parametrize(("target", "expected"), [(0.5, 0.0), (0.75, math.log(3))])
def test_log_odds_of_a_target(target, expected):
    assert make_label(target=target).log_odds() == pytest.approx(expected)


def test_log_odds_of_a_sure_teacher_are_held():
    assert make_label(target=1.0).log_odds(limit=5) == pytest.approx(5)
    assert make_label(target=0.0).log_odds(limit=5) == pytest.approx(-5)


@given(st.floats(0, 1), st.floats(0, 1))
def test_log_odds_keep_the_order_of_targets(first, second):
    low, high = sorted((first, second))

    assert make_label(target=low).log_odds() <= make_label(target=high).log_odds()


def test_other_gains_make_another_target_of_the_same_probabilities():
    label = make_label(probabilities={"E": 0.5, "S": 0.5, "C": 0.0, "I": 0.0}, target=0.75)

    assert label.with_gains(GAINS | {"S": 0.1}).target == pytest.approx(0.55)


def test_other_gains_make_another_target_of_a_grade():
    assert make_label(grade="S").with_gains(GAINS | {"S": 0.1}).target == 0.1


def test_gains_need_classes_that_they_know():
    with pytest.raises(ValueError, match="no gain for 'X'"):
        make_label(grade="X").with_gains(GAINS)
    with pytest.raises(ValueError, match="no classes"):
        make_label(logit=1.0).with_gains(GAINS)


def test_an_expected_gain_is_the_sum_of_shares_times_gains():
    assert expected_gain({"E": 0.7, "S": 0.2, "C": 0.1}, GAINS) == pytest.approx(0.8)


def test_a_label_is_made_of_its_pair():
    label = label_for(PAIR, "t", 0.25)

    assert (label.pair, label.query, label.doc_id) == (PAIR.key, "laptop", "p1")
    assert (label.teacher, label.target, label.logit) == ("t", 0.25, None)


def test_shares_are_in_the_order_of_the_classes():
    sure = make_label(grade="S")
    doubting = make_label(grade="S", probabilities={"S": 0.75, "E": 0.25})

    assert sure.shares("ESCI") == (0.0, 1.0, 0.0, 0.0)
    assert doubting.shares(("E", "S")) == (0.25, 0.75)
    for label in (sure, make_label()):
        with pytest.raises(ValueError, match=r"of class '.?': the classes are E, C"):
            label.shares(("E", "C"))
