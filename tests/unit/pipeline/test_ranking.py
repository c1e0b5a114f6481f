import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.reply import ReplyHit
from qrmiddleware.pipeline.ranking import combined_rewards, falling, rerank, window_scores

SCORES = st.lists(st.floats(-10, 10), max_size=12)


def make(scores):
    return [ReplyHit({}, f"d{n}", "p", score) for n, score in enumerate(scores, start=1)]


def ids(hits):
    return [hit.doc_id for hit in hits]


@given(SCORES)
def test_a_rerank_is_a_permutation_best_first(rewards):
    hits = make(rewards)

    ranked = rerank(hits, rewards)

    assert sorted(ids(ranked)) == sorted(ids(hits))
    assert [hit.score for hit in ranked] == sorted(rewards, reverse=True)


def test_ties_keep_the_engines_order():
    assert ids(rerank(make([9, 8, 7, 6]), [0.5, 0.9, 0.5, 0.9])) == ["d2", "d4", "d1", "d3"]


def test_a_reward_too_few_is_an_error():
    with pytest.raises(ValueError, match="1 rewards for 2 hits"):
        rerank(make([2, 1]), [0.5])


def test_rewards_are_normalised_weighted_and_added():
    totals = combined_rewards(
        {"a": [10.0, 20.0, 30.0], "b": [3.0, 1.0, 2.0]},
        [8.0, 4.0, 6.0],
        {"a": 1.0, "b": 0.5},
        engine_weight=0.2,
    )

    assert totals == pytest.approx((0 + 0.5 + 0.2, 0.5 + 0 + 0, 1 + 0.25 + 0.1))


def test_a_plugin_whose_rewards_are_all_alike_changes_no_order():
    totals = combined_rewards(
        {"a": [1.0, 2.0], "flat": [7.0, 7.0]}, [2.0, 1.0], {"a": 1, "flat": 5}
    )

    assert totals == (5.0, 6.0)


@given(SCORES)
def test_shown_scores_are_never_negative_and_never_rise(scores):
    shown = falling(scores)

    assert len(shown) == len(scores)
    assert all(score >= 0 for score in shown)
    assert list(shown) == sorted(shown, reverse=True)


@given(st.lists(st.floats(0, 10), max_size=12).map(lambda s: sorted(s, reverse=True)))
def test_scores_that_fall_are_shown_as_they_are(scores):
    assert list(falling(scores)) == scores


@given(SCORES, st.integers(1, 15))
def test_the_places_of_a_window_keep_their_scores(scores, window):
    shown = window_scores(make(scores), window)

    assert list(shown) == sorted(shown, reverse=True)
    inside = sorted((max(0.0, score) for score in scores[:window]), reverse=True)
    assert list(shown[:window]) == inside
