from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.distill.chance import below, dice, sampled, shuffled, weighted


def test_the_same_seeds_throw_the_same_dice():
    rng, again = dice(7, "epoch", 2), dice(7, "epoch", 2)

    assert [below(1000, rng) for _ in range(4)] == [below(1000, again) for _ in range(4)]
    assert dice(1, 23).random() != dice(12, 3).random()


@given(st.lists(st.integers()), st.integers())
def test_a_shuffle_keeps_every_value(values, seed):
    assert Counter(shuffled(values, dice(seed))) == Counter(values)


@given(st.integers(0, 30), st.integers(0, 40), st.integers())
def test_a_sample_has_different_values_in_their_order(size, count, seed):
    values = list(range(size))

    got = sampled(values, count, dice(seed))

    assert got == sorted(set(got))
    assert len(got) == min(size, count)


def test_every_sample_is_as_likely():
    rng = dice("likely")

    seen = Counter(tuple(sampled("abcd", 2, rng)) for _ in range(6000))

    assert len(seen) == 6
    assert all(times == pytest.approx(1000, rel=0.15) for times in seen.values())


def test_weights_make_a_draw_likelier_and_nothing_makes_it_impossible():
    rng = dice("weights")

    first = Counter(weighted("abc", [3.0, 1.0, 0.0], 3, rng)[0] for _ in range(4000))

    assert first["a"] / 4000 == pytest.approx(0.75, abs=0.03)
    assert first["c"] == 0
    assert sorted(weighted("abc", [3.0, 1.0, 0.0], 3, rng)) == ["a", "b"]
