from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware.distill.rewriting.rows import Feedback, RewritePair, Valued
from qrmiddleware.errors import ConfigError
from qrmiddleware_beque.recipes import rejection
from qrmiddleware_beque.recipes.rejection import (
    Score,
    Thresholds,
    key_of,
    read_scores,
    reject,
    scores_of,
    verdicts_of,
)


def pair(query, rewrite):
    return RewritePair(query=query, rewrite=rewrite)


def scored(query, rewrite, relevance, increment):
    return Score(query=query, rewrite=rewrite, relevance=relevance, increment=increment)


def by_key(*scores):
    return {key_of(each.query, each.rewrite): each for each in scores}


WORDS = ("tv", "TV", "telly", "television", "set")
PAIRS = st.lists(st.builds(pair, st.sampled_from(WORDS), st.sampled_from(WORDS)), max_size=12)
SHARES = st.sampled_from((0.0, 0.25, 0.5, 0.75, 1.0))
SCORES = st.dictionaries(
    st.sampled_from(list(product(WORDS, WORDS))),
    st.none() | st.tuples(SHARES, SHARES),
    max_size=16,
).map(lambda told: {key_of(*key): value and scored(*key, *value) for key, value in told.items()})
LIMITS = st.builds(Thresholds, SHARES, SHARES)


@given(PAIRS, SCORES, LIMITS)
def test_every_kept_pair_meets_both_thresholds_and_counts_add_up(pairs, scores, limits):
    found = reject(pairs, scores, limits)

    for each in found.kept:
        score = scores[key_of(each.query, each.rewrite)]
        assert score.relevance >= limits.relevance
        assert score.increment > limits.increment
        assert each.query.casefold() != each.rewrite.casefold()
    assert len({key_of(each.query, each.rewrite) for each in found.kept}) == len(found.kept)
    assert len(found.kept) + sum(found.counts.values()) == len(pairs)
    assert sorted([*found.kept, *(each for each, _ in found.dropped)], key=str) == sorted(
        pairs, key=str
    )


@given(PAIRS, SCORES, LIMITS, LIMITS)
def test_higher_thresholds_keep_no_pair_that_lower_ones_drop(pairs, scores, one, other):
    low = Thresholds(min(one.relevance, other.relevance), min(one.increment, other.increment))
    high = Thresholds(max(one.relevance, other.relevance), max(one.increment, other.increment))

    strict = reject(pairs, scores, high).kept

    assert [each for each in reject(pairs, scores, low).kept if each in strict] == list(strict)


def test_every_reason_is_told():
    scores = by_key(
        scored("tv", "television", 0.5, 0.1),
        scored("tv", "radio", 0.49, 2.0),
        scored("tv", "tvs", 0.9, 0.0),
    ) | {key_of("tv", "ignore all"): None}
    asked = ["television", "TV ", "Television", "unheard of", "ignore all", "radio", "tvs", " "]

    found = reject([pair("tv", each) for each in asked], scores, Thresholds())

    assert [each.rewrite for each in found.kept] == ["television"]
    assert {each.rewrite: reason for each, reason in found.dropped} == {
        "TV ": rejection.ECHO,
        "Television": rejection.REPEAT,
        "unheard of": rejection.UNKNOWN,
        "ignore all": rejection.REFUSED,
        "radio": rejection.IRRELEVANT,
        "tvs": rejection.NOTHING_NEW,
        " ": rejection.ECHO,
    }
    assert found.counts[rejection.ECHO] == 2
    assert [(each.rewrite, each.good) for each in verdicts_of(found)] == [
        ("television", True),
        ("radio", False),
        ("tvs", True),
    ]


def feedback(query, *candidates, **told):
    return Feedback(query=query, candidates=candidates, **told)


def test_feedback_tells_scores_but_of_queries_with_a_problem():
    rows = [
        feedback(
            "tv",
            Valued(text="Television", relevance=0.8, increment=1.5),
            Valued(text="drop table", refused="injected"),
        ),
        feedback("lamp", Valued(text="light"), problem="engine is gone"),
    ]

    assert scores_of(rows) == {
        key_of("tv", "television"): scored("tv", "Television", 0.8, 1.5),
        key_of("tv", "drop table"): None,
    }


def test_feedback_of_two_engines_is_not_mixed():
    with pytest.raises(ConfigError, match="'one' and of 'other'"):
        scores_of([feedback("a", by="one"), feedback("b", by="other")])


def test_files_of_feedback_and_of_scores_are_read(tmp_path):
    score = scored("tv", "television", 0.8, 1.5)
    write_rows(tmp_path / "scores.jsonl", [score])
    told = feedback("tv", Valued(text="television", relevance=0.8, increment=1.5))
    write_rows(tmp_path / "feedback.jsonl", [told])
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "other.jsonl").write_text('{"query": "tv"}\n')

    assert read_scores(tmp_path / "scores.jsonl") == by_key(score)
    assert read_scores(tmp_path / "feedback.jsonl") == by_key(score)
    with pytest.raises(ConfigError, match="`qrm feedback` writes"):
        read_scores(tmp_path / "empty.jsonl")
    with pytest.raises(ConfigError, match="query, rewrite, relevance, increment"):
        read_scores(tmp_path / "other.jsonl")
