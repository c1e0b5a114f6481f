import math
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.agreeing import Agreement, agreed_labels, joined
from qrmiddleware.distill.label_index import LabelIndex
from qrmiddleware.distill.label_store import write_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.errors import ConfigError

GAINS = {"E": 1.0, "S": 0.5, "C": 0.0, "I": 0.0}
SAID = st.lists(
    st.dictionaries(st.sampled_from("pqrstu"), st.sampled_from("ESCI")), min_size=2, max_size=4
)


def label(grade, pair="p", teacher="t", **values):
    return Label(
        pair=pair, query="q", doc_id=pair, teacher=teacher, target=GAINS.get(grade, 0),
        grade=grade, **values
    )  # fmt: skip


def chain(conclusion, *verdicts):
    aspects = ("category", "brand", "model", "attribute")
    lines = (f"{aspect}: {verdict}" for aspect, verdict in zip(aspects, verdicts, strict=True))
    return "\n".join((*lines, f"conclusion: {conclusion}"))


def agree(annotators, *, majority=False):
    """Join what annotators say; each is a mapping of classes by pair."""
    tally = Agreement()
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{name}.jsonl" for name in annotators]
        for (name, said), file in zip(annotators.items(), files, strict=True):
            write_labels(file, [label(grade, pair, name) for pair, grade in said.items()])
        with LabelIndex(files) as index:
            return list(agreed_labels(index, tally, majority=majority)), tally


def named(said):
    return {f"t{number}": {"always": "E", **each} for number, each in enumerate(said)}


def test_what_all_agree_on_is_kept_and_counted():
    labels, tally = agree(
        {"x": {"a": "E", "b": "S", "c": "I"}, "y": {"b": "S", "c": "C", "a": "E"}}
    )

    assert [(each.pair, each.grade) for each in labels] == [("a", "E"), ("b", "S")]
    assert {each.teacher for each in labels} == {"agree:2 of 2:x + y"}
    assert (tally.common, tally.same, tally.rate) == (3, 2, pytest.approx(2 / 3))
    assert list(tally.aside) == ["c"]
    assert (tally.kept, tally.said) == ({"E": 1, "S": 1}, {"C": 1, "I": 1})
    assert tally.met["x", "y"] == {("E", "E"): 1, ("S", "S"): 1, ("I", "C"): 1}


def test_a_majority_is_more_than_half_of_all_annotators():
    said = {
        "x": {"a": "E", "b": "E", "c": "E", "d": "E"},
        "y": {"a": "E", "b": "S", "c": "E"},
        "z": {"a": "I", "b": "I"},
    }

    labels, tally = agree(said, majority=True)

    assert [(each.pair, each.grade) for each in labels] == [("a", "E"), ("c", "E")]
    assert {each.teacher for each in labels} == {"agree:2 of 3:x + y + z"}
    assert (list(tally.aside), tally.passed_over, tally.common, tally.same) == (["b"], 1, 2, 0)


def test_pairs_that_not_all_have_labelled_are_passed_over():
    labels, tally = agree({"x": {"a": "E", "b": "E"}, "y": {"a": "E"}})

    assert [each.pair for each in labels] == ["a"]
    assert (tally.passed_over, len(tally.aside)) == (1, 0)


def test_probabilities_and_targets_are_means_of_those_who_agree():
    labels = [
        label("E", probabilities={"E": 0.8, "S": 0.2}, prompt_tokens=3),
        label("E", prompt_tokens=4, unread=1),
        label("I", probabilities={"I": 1.0}, completion_tokens=5),
    ]

    made = joined(labels, "E", "both")

    assert made.probabilities == pytest.approx({"E": 0.9, "S": 0.1})
    assert (made.target, made.teacher, made.logit) == (1.0, "both", None)
    assert (made.prompt_tokens, made.completion_tokens, made.unread) == (7, 5, 1)
    assert joined([label("S"), label("S")], "S", "both").probabilities is None


def test_the_reason_is_of_the_chain_nearest_to_the_others():
    odd = chain("S", "match", "mismatch", "unspecified", "match")
    usual = chain("S", "match", "match", "unspecified", "unspecified")
    other = chain("E", "match", "match", "unspecified", "unspecified")

    labels = [label("S", reason=odd), label("S", reason=usual), label("E", reason=other)]
    assert joined(labels, "S", "t").reason == usual


def test_the_first_of_two_reasons_that_are_as_good_is_kept():
    first = chain("S", "match", "mismatch", "unspecified", "match")
    second = chain("S", "match", "match", "unspecified", "unspecified")

    assert joined([label("S", reason=first), label("S", reason=second)], "S", "t").reason == first
    assert joined([label("S", reason=second), label("S", reason=first)], "S", "t").reason == second


def test_a_chain_goes_before_a_reason_that_is_none():
    good = chain("S", "match", "match", "match", "match")

    assert joined([label("S", reason="fits"), label("S", reason=good)], "S", "t").reason == good
    assert joined([label("S"), label("S", reason="fits")], "S", "t").reason == "fits"


def test_one_annotator_agrees_with_nobody():
    with pytest.raises(ConfigError, match="two teachers or more are needed, not of x"):
        agree({"x": {"a": "E"}})


def test_a_label_without_a_class_is_an_error():
    with pytest.raises(ConfigError, match="has no class"):
        agree({"x": {"a": ""}, "y": {"a": "E"}})


@given(said=SAID, majority=st.booleans(), data=st.data())
def test_the_order_of_annotators_does_not_change_what_is_kept(said, majority, data):
    annotators = named(said)
    mixed = dict(data.draw(st.permutations(list(annotators.items()))))

    one, other = agree(annotators, majority=majority), agree(mixed, majority=majority)

    assert {(x.pair, x.grade, x.target) for x in one[0]} == {
        (x.pair, x.grade, x.target) for x in other[0]
    }
    assert set(one[1].aside) == set(other[1].aside)


@given(said=SAID, majority=st.booleans())
def test_every_pair_is_kept_or_set_aside_or_passed_over(said, majority):
    annotators = named(said)
    pairs = {pair for each in annotators.values() for pair in each}

    labels, tally = agree(annotators, majority=majority)

    kept = {each.pair for each in labels}
    assert len(kept) == len(labels) == tally.kept.total()
    assert kept | set(tally.aside) <= pairs
    assert not kept & set(tally.aside)
    assert len(labels) + len(tally.aside) + tally.passed_over == len(pairs)
    assert math.isnan(tally.rate) or 0 <= tally.same <= tally.common


@given(said=SAID)
def test_a_majority_keeps_all_that_all_agree_on(said):
    annotators = named(said)

    strict, wide = agree(annotators)[0], agree(annotators, majority=True)[0]

    assert {(x.pair, x.grade) for x in strict} <= {(x.pair, x.grade) for x in wide}
