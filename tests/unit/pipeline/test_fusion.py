import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.reply import ReplyHit
from qrmiddleware.pipeline.fusion import linear, min_max, quota, rrf

RANKINGS = st.lists(st.lists(st.sampled_from("abcdefgh"), unique=True), min_size=1, max_size=4)


def ranking(ids, scores=None):
    scores = scores or [float(len(ids) - place) for place in range(len(ids))]
    return [ReplyHit({}, doc_id, "p", score) for doc_id, score in zip(ids, scores, strict=True)]


def ids(hits):
    return "".join(hit.doc_id for hit in hits)


def test_rrf_adds_weighted_reciprocal_ranks():
    fused = rrf([ranking("abc"), ranking("ca")], [1.0, 0.5], rank_constant=60)

    assert [(hit.doc_id, hit.score) for hit in fused] == [
        ("a", pytest.approx(1 / 61 + 0.5 / 62)),
        ("c", pytest.approx(1 / 63 + 0.5 / 61)),
        ("b", pytest.approx(1 / 62)),
    ]


def test_linear_adds_weighted_scores_from_0_to_1():
    fused = linear([ranking("abc", [10.0, 4.0, 2.0]), ranking("cd", [9.0, 3.0])], [1.0, 0.6])

    assert [(hit.doc_id, hit.score) for hit in fused] == [
        ("a", pytest.approx(1.0)),
        ("c", pytest.approx(0.6)),
        ("b", pytest.approx(0.25)),
        ("d", pytest.approx(0.0)),
    ]


def test_fusion_says_which_rankings_held_a_hit():
    fused = rrf([ranking("ab"), ranking("bc")], [1.0, 1.0], rank_constant=1)

    assert {hit.doc_id: hit.wordings for hit in fused} == {"a": (0,), "b": (0, 1), "c": (1,)}


def test_ties_keep_the_order_of_the_rankings():
    assert ids(rrf([ranking("ab"), ranking("ba")], [1.0, 1.0], rank_constant=60)) == "ab"
    assert (
        ids(rrf([ranking("a"), ranking("b"), ranking("c")], [1, 1, 1], rank_constant=60)) == "abc"
    )
    assert ids(linear([ranking("ab", [1.0, 1.0]), ranking("cd", [2.0, 2.0])], [1, 1])) == "abcd"


@given(RANKINGS)
def test_every_document_is_fused_once_and_scores_fall(lists):
    rankings = [ranking(ids) for ids in lists]
    weights = [1 / (place + 1) for place in range(len(lists))]

    for fused in (rrf(rankings, weights, rank_constant=60), linear(rankings, weights)):
        assert sorted(ids(fused)) == sorted(set("".join(map("".join, lists))))
        scores = [hit.score for hit in fused]
        assert scores == sorted(scores, reverse=True)
        assert all(score >= 0 for score in scores)


@given(st.lists(st.sampled_from("abcdefgh"), unique=True))
def test_one_ranking_alone_keeps_its_order(doc_ids):
    hits = ranking(doc_ids)

    assert (
        ids(rrf([hits], [1.0], rank_constant=60)) == ids(linear([hits], [1.0])) == "".join(doc_ids)
    )


@pytest.mark.parametrize(
    ("first", "second", "places", "per", "ranked"),
    [
        ("abcdef", "xyz", 1, 3, "abxcdyefz"),
        ("abcdef", "xyz", 2, 4, "abxycdzef"),
        ("ab", "wxyz", 1, 3, "abwxyz"),
        ("", "xy", 1, 3, "xy"),
        ("abc", "", 1, 3, "abc"),
    ],
)
def test_the_last_places_of_every_block_go_to_the_rewrites(first, second, places, per, ranked):
    assert ids(quota(ranking(first), ranking(second), places=places, per=per)) == ranked


@given(st.integers(0, 30), st.integers(0, 30), st.integers(2, 10), st.data())
def test_rewrites_never_get_more_than_their_places_while_both_last(own, others, per, data):
    places = data.draw(st.integers(1, per - 1))
    first = ranking([f"a{n} " for n in range(own)])
    second = ranking([f"x{n} " for n in range(others)])

    ranked = ids(quota(first, second, places=places, per=per)).split()

    both_last = (
        min(ranked.index(last.doc_id.strip()) for last in (first[-1], second[-1]))
        if own and others
        else 0
    )
    for start in range(both_last - per + 1):
        block = ranked[start : start + per]
        assert sum(doc_id.startswith("x") for doc_id in block) <= places
    assert [doc_id for doc_id in ranked if doc_id.startswith("a")] == [f"a{n}" for n in range(own)]
    assert [doc_id for doc_id in ranked if doc_id.startswith("x")] == [
        f"x{n}" for n in range(others)
    ]


@pytest.mark.parametrize(
    ("scores", "normal"),
    [([], []), ([3.0], [1.0]), ([2.0, 2.0], [1.0, 1.0]), ([5.0, 3.0, 1.0], [1.0, 0.5, 0.0])],
)
def test_min_max_maps_to_0_and_1(scores, normal):
    assert min_max(scores) == normal


@given(st.lists(st.floats(-1e300, 1e300)))
def test_min_max_stays_between_0_and_1(scores):
    assert all(0 <= value <= 1 for value in min_max(scores))
