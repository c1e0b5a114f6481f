"""Where numbers stand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.evaluation.report.axes import Axis, round_step, spread


def test_numbers_stand_in_proportion():
    axis = Axis(0.0, 10.0, 100, 300)

    assert [axis.place(number) for number in (0, 5, 10)] == [100, 200, 300]
    assert Axis(0.0, 1.0, 200, 0).place(0.25) == 150


@pytest.mark.parametrize(
    ("axis", "ticks"),
    [
        (Axis(0.0, 10.0, 0, 1), (0, 2, 4, 6, 8, 10)),
        (Axis(-1.0, 1.0, 0, 1), (-1, -0.5, 0, 0.5, 1)),
        (Axis(0.61, 0.89, 0, 1), (0.7, 0.8)),
    ],
)
def test_ticks_are_round(axis, ticks):
    assert axis.ticks() == pytest.approx(ticks)


@given(st.floats(-100, 100), st.floats(0.001, 1000), st.integers(2, 12))
def test_ticks_are_on_the_axis_and_few(low, length, most):
    axis = Axis(low, low + length, 0, 100)

    ticks = axis.ticks(most)

    assert len(ticks) <= most
    assert all(low - 1e-6 <= tick <= low + length + 1e-6 for tick in ticks)


@pytest.mark.parametrize(("least", "step"), [(0.3, 0.5), (1.0, 1), (1.1, 2), (5.1, 10), (70, 100)])
def test_steps_are_one_two_or_five(least, step):
    assert round_step(least) == pytest.approx(step)


@given(st.lists(st.floats(0, 300), min_size=1, max_size=6))
def test_labels_do_not_stand_over_each_other_and_keep_their_order(places):
    moved = spread(places, 17)

    order = sorted(range(len(places)), key=lambda number: places[number])
    heights = [moved[number] for number in order]
    assert all(above - below > 16 for below, above in pairwise(heights))
