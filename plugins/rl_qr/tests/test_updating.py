import pytest

from qrmiddleware.distill.causal.generation import Response
from qrmiddleware_rl_qr.recipes.rewards import Rewarded, RewardedQuery
from qrmiddleware_rl_qr.recipes.updating import preferences_of, texts_of


def told(**worth):
    return RewardedQuery("q", tuple(Rewarded(name, reward) for name, reward in worth.items()))


def pair(rewarded, margin=0.05):
    found = preferences_of(rewarded, margin=margin)
    return found and tuple(one.rewrite for one in found)


def test_the_best_is_preferred_to_the_worst_if_they_differ_enough():
    assert pair(told(a=0.5, b=0.9, c=0.1)) == ("b", "c")
    assert pair(told(a=0.50, b=0.52)) is None
    assert pair(told(a=0.50, b=0.52), margin=0.01) == ("b", "a")


def test_equal_rewards_are_no_preference_even_without_a_margin():
    assert pair(told(a=0.5, b=0.5), margin=0.0) is None


def test_what_could_not_be_searched_is_neither():
    assert pair(told(a=0.5, b=None)) is None
    assert pair(told(a=None)) is None
    assert pair(RewardedQuery("q", ())) is None


def test_what_a_guard_refused_may_be_rejected_and_never_chosen():
    refused = Rewarded("x", 0.0, refused="copy")

    assert pair(RewardedQuery("q", (refused, Rewarded("a", 0.4)))) == ("a", "x")
    assert pair(RewardedQuery("q", (refused, Rewarded("a", 0.0)))) is None


def test_texts_that_were_cut_off_are_none():
    said = [
        Response("red  sofa", (1, 2), ended=True),
        Response("red sofa", (3, 2), ended=True),
        Response("red so", (1,), ended=False),
    ]

    assert texts_of(said) == ("red sofa",)


@pytest.mark.parametrize("margin", [0.0, 0.3])
def test_a_preference_is_always_of_two(margin):
    assert pair(told(a=1.0), margin=margin) is None
