import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.rewriting.rows import Feedback, Valued
from qrmiddleware.recipes.rewrite_tables.choosing import Choosing, Scored, choose

GIVEN = Feedback(
    query="q",
    candidates=(
        Valued(text="a", found=9, relevance=0.6, increment=1.0),
        Valued(text="b", found=9, relevance=0.9, increment=3.0, hit_rate=0.5),
        Valued(text="c", found=9, relevance=0.4, increment=9.0),
        Valued(text="d", found=9, relevance=0.9, increment=0.05),
        Valued(text="e", found=0),
        Valued(text="f", refused="talk"),
        Valued(text="g", found=9, relevance=0.5, increment=1.0),
    ),
)


def test_rewrites_that_bring_enough_are_chosen_best_first():
    chosen = choose(GIVEN, Choosing(at_most=2))

    assert chosen.rewrites == (Scored("b", 0.75), Scored("a", 0.5))
    assert [each.text for each in chosen.valued] == ["b", "a"]
    assert chosen.refused == {
        "below min relevance": 1,
        "below min increment": 1,
        "finds nothing": 1,
        "talk": 1,
        "not among the best": 1,
    }


@pytest.mark.parametrize(
    ("objective", "weights", "score"),
    [
        ("rele", {"rele": 1}, 0.9),
        ("incr", {"rele": 1}, 0.75),
        ("hitrate", {"rele": 1}, 0.5),
        ("weighted", {"rele": 1, "incr": 1, "hitrate": 2}, 0.6625),
        ("weighted", {"rele": 1}, 0.9),
    ],
)
def test_the_score_is_what_the_objective_says(objective, weights, score):
    chosen = choose(GIVEN, Choosing(objective=objective, weights=weights))

    assert dict(chosen.rewrites)["b"] == pytest.approx(score)


def test_a_measure_that_nobody_knows_does_not_count():
    chosen = choose(GIVEN, Choosing(objective="weighted"))
    assert dict(chosen.rewrites)["a"] == pytest.approx((0.6 + 0.5) / 2)

    assert dict(choose(GIVEN, Choosing(objective="hitrate")).rewrites)["a"] == 0.0


def test_bounds_that_make_no_sense_are_refused():
    for wrong in (
        {"min_relevance": -1},
        {"at_most": 0},
        {"weights": {"rele": 0}},
        {"weights": {"x": 1}},
    ):
        with pytest.raises(ValueError, match=r"min_relevance|weights"):
            Choosing(**wrong)


valued = st.builds(
    Valued,
    text=st.sampled_from("abcdefgh"),
    found=st.integers(0, 3),
    relevance=st.floats(0, 1),
    increment=st.floats(0, 100),
    hit_rate=st.none() | st.floats(0, 1),
    refused=st.sampled_from(["", "talk"]),
)


@given(
    st.lists(valued, max_size=8, unique_by=lambda each: each.text),
    st.sampled_from(["rele", "incr", "hitrate", "weighted"]),
    st.floats(0, 1),
    st.integers(1, 4),
)
def test_every_candidate_is_chosen_or_refused_and_scores_fall(candidates, objective, least, most):
    feedback = Feedback(query="q", candidates=tuple(candidates))

    chosen = choose(feedback, Choosing(least, 0.1, most, objective))

    assert len(chosen.rewrites) + chosen.refused.total() == len(candidates)
    scores = [each.score for each in chosen.rewrites]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert all(each.relevance >= least and each.increment >= 0.1 for each in chosen.valued)
    again = choose(
        Feedback(query="q", candidates=tuple(reversed(candidates))),
        Choosing(least, 0.1, most, objective),
    )
    assert again.rewrites == chosen.rewrites
