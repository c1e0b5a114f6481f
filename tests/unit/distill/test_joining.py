import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.joining import join_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError

DOUBT = {"S": 0.02, "C": 0.02, "I": 0.02}
SURE = {"E": 0.94, **DOUBT}
NUMBERS = st.floats(-5, 5, allow_nan=False)


def label(pair, teacher="t", **values):
    told = {"target": 0.5, **values}
    return Label(pair=pair, query="q", doc_id=pair, teacher=teacher, **told)


def scored(*logits, teacher="s"):
    return [label(f"{n}", teacher, logit=logit) for n, logit in enumerate(logits)]


def test_a_class_is_as_probable_as_both_say_by_hand():
    first = [label("0", grade="E", probabilities=SURE, reason="because")]
    joined, other = join_labels(first, [scored(-1.0, 1.0)], trust=0.5, pull=2.0)
    exact, substitute, none = math.sqrt(0.94) * math.exp(-2), math.sqrt(0.02) * math.exp(-1), 0.0
    none = math.sqrt(0.02)
    total = exact + substitute + 2 * none
    assert joined.probabilities == pytest.approx(
        {"E": exact / total, "S": substitute / total, "C": none / total, "I": none / total}
    )
    assert joined.target == pytest.approx((exact + substitute / 2) / total)
    assert (joined.grade, joined.reason, joined.logit) == ("C", "because", None)
    powers = (math.exp(2), math.exp(1), 1.0, 1.0)
    assert list(other.probabilities.values()) == pytest.approx([p / sum(powers) for p in powers])
    assert (other.grade, other.reason) == ("E", "")


@given(st.lists(NUMBERS, min_size=2, max_size=6, unique=True))
def test_where_nobody_names_a_class_products_are_ranked_by_their_scores(logits):
    if len({round(each, 3) for each in logits}) < len(logits):
        return
    found = list(join_labels([], [scored(*logits)]))
    order = sorted(range(len(logits)), key=lambda n: logits[n])
    targets = [found[n].target for n in order]
    assert targets == sorted(targets)


def test_with_no_pull_and_full_trust_the_first_teacher_is_believed():
    first = [label("0", probabilities=SURE, grade="E")]
    joined, _ = join_labels(first, [scored(3.0, 1.0)], trust=1.0, pull=0.0)
    assert joined.probabilities == pytest.approx(SURE)


def test_scores_of_several_are_standardised_before_they_are_averaged():
    once = list(join_labels([], [scored(1.0, 2.0, 4.0)]))
    twice = list(join_labels([], [scored(1.0, 2.0, 4.0), scored(10, 20, 40, teacher="u")]))
    assert [each.target for each in twice] == pytest.approx([each.target for each in once])
    assert once[0].teacher != twice[0].teacher


def test_only_pairs_that_all_score_are_labelled_and_none_is_an_error():
    both = join_labels([], [scored(1.0, 2.0, 3.0), scored(2.0, 1.0, teacher="u")])
    assert [each.pair for each in both] == ["0", "1"]
    other = [label("x", logit=1.0), label("y", logit=2.0)]
    with pytest.raises(ConfigError, match="no pair is scored by all of 2 files"):
        list(join_labels([], [scored(1.0, 2.0), other]))


def test_a_class_that_nobody_knows_is_an_error():
    with pytest.raises(ConfigError, match="'X'"):
        list(join_labels([label("0", grade="X")], [scored(1.0, 2.0)]))


def test_scores_that_are_all_alike_rank_nothing():
    with pytest.raises(ConfigError, match="labels that score"):
        list(join_labels([], [scored(1.0, 1.0)]))
