"""What is put up for judging, and how judgments are taken in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.pooling import (
    ConflictError,
    PooledPair,
    merge_judgments,
    pool_unjudged,
    shown_fields,
    with_fields,
)
from qrmiddleware.evaluation.rankings import ArmRun, RankedHit, Ranking

DOC_IDS = st.sampled_from("abcdefgh")
RANKINGS = st.lists(DOC_IDS, unique=True)


def make_run(name, doc_ids):
    return ArmRun(name, {"q": Ranking("q", tuple(RankedHit(d, 1.0) for d in doc_ids))}, depth=10)


def test_pools_what_nobody_judged_with_the_arms_that_returned_it(judged, runs):
    pairs = {pair.key: pair for pair in pool_unjudged(judged, runs, depth=10)}

    assert set(pairs) == {("q1", "x"), ("q1", "z"), ("q2", "y")}
    assert pairs["q1", "x"].ranks == {"alone": 2, "with rules": 1}
    assert pairs["q2", "y"].query == "sneakers"
    assert pairs["q1", "z"].fields == {"title": "Title of z"}
    assert pairs["q1", "z"].relevance is None


def test_pools_no_deeper_than_asked(judged, runs):
    keys = {pair.key for pair in pool_unjudged(judged, runs, depth=1)}

    assert keys == {("q1", "x"), ("q2", "y")}


@given(RANKINGS, RANKINGS, st.sets(DOC_IDS), st.integers(1, 9))
def test_every_unjudged_hit_above_the_depth_is_pooled_once(one, other, known, depth):
    judged = JudgedQueries((JudgedQuery("q", "text"),), {"q": dict.fromkeys(known, 1)})
    runs = [make_run("one", one), make_run("other", other)]

    doc_ids = [pair.doc_id for pair in pool_unjudged(judged, runs, depth=depth)]

    assert len(doc_ids) == len(set(doc_ids))
    assert set(doc_ids) == {*one[:depth], *other[:depth]} - known


@given(RANKINGS, RANKINGS)
def test_the_order_tells_nothing_of_arms_and_ranks(one, other):
    judged = JudgedQueries((JudgedQuery("q", "text"),), {})
    runs = [make_run("one", one), make_run("other", other)]
    changed = [make_run("one", other[::-1]), make_run("other", one[::-1])]

    there = [pair.doc_id for pair in pool_unjudged(judged, runs, depth=9)]

    assert there == [pair.doc_id for pair in pool_unjudged(judged, changed, depth=9)]


def test_another_seed_draws_another_order():
    judged = JudgedQueries((JudgedQuery("q", "text"),), {})
    runs = [make_run("one", "abcdefgh")]

    orders = {
        tuple(pair.doc_id for pair in pool_unjudged(judged, runs, depth=9, seed=seed))
        for seed in range(5)
    }

    assert len(orders) == 5
    assert tuple("abcdefgh") not in orders


def test_shows_the_fields_of_the_catalogue():
    pairs = [PooledPair("q", "text", "a", {"title": "old"}), PooledPair("q", "text", "b")]
    source = {"title": "Sofa", "tags": ["red", "soft"], "price": 9, "size": {"cm": 120}, "x": ""}

    shown = list(with_fields(pairs, {"a": source}, ["title", "price", "size", "none", "x"]))

    assert shown[0].fields == {"title": "Sofa", "price": "9", "size": "cm: 120"}
    assert shown[1].fields == {}


def test_without_names_shows_the_fields_that_hold_text():
    source = {"title": "A  line\nof text", "tags": ["red", "soft"], "price": 9, "none": None}

    assert shown_fields(source) == {"title": "A line of text", "tags": "red, soft"}


def test_takes_judgments_in_and_says_who_made_them(judged):
    pairs = [
        PooledPair("q1", "laptop", "x", relevance=2, source="llm:m:relevance-1"),
        PooledPair("q1", "laptop", "a", relevance=3),
        PooledPair("q2", "sneakers", "y"),
    ]

    merged = merge_judgments(judged, {}, pairs, source="anna")

    assert merged.judged.qrels["q1"] == {"a": 3, "b": 0, "x": 2}
    assert merged.sources == {("q1", "x"): "llm:m:relevance-1"}
    assert (merged.added, merged.same, merged.blank) == (1, 1, 1)
    assert judged.qrels["q1"] == {"a": 3, "b": 0}


def test_refuses_a_judgment_that_differs_and_says_whose(judged):
    pairs = [PooledPair("q1", "laptop", doc, relevance=1, source="llm") for doc in ("a", "b")]

    with pytest.raises(ConflictError, match=r"2 pairs .*q1 a: 3 \(human\) against 1 \(llm\)"):
        merge_judgments(judged, {}, pairs)


def test_shows_only_the_first_conflicts():
    judged = JudgedQueries((JudgedQuery("q", "text"),), {"q": dict.fromkeys("abcdefgh", 0)})
    pairs = [PooledPair("q", "text", doc, relevance=1) for doc in "abcdefgh"]

    with pytest.raises(ConflictError, match=r"8 pairs .* and 3 more"):
        merge_judgments(judged, {}, pairs)


@pytest.mark.parametrize(
    ("told", "relevance", "source", "counts"),
    [("keep", 3, None, (1, 0)), ("replace", 1, "anna", (0, 1))],
)
def test_resolves_conflicts_as_it_is_told(judged, told, relevance, source, counts):
    pairs = [PooledPair("q1", "laptop", "a", relevance=1)]

    merged = merge_judgments(judged, {}, pairs, source="anna", on_conflict=told)

    assert merged.judged.qrels["q1"]["a"] == relevance
    assert merged.sources.get(("q1", "a")) == source
    assert (merged.kept, merged.replaced) == counts


def test_refuses_a_query_of_another_collection(judged):
    with pytest.raises(ValueError, match=r"query 'q9' .'sofa'. is not in this collection"):
        merge_judgments(judged, {}, [PooledPair("q9", "sofa", "a", relevance=1)])
