"""Waiting with and without an event loop."""

import asyncio
import threading

import pytest

from qrmiddleware.runner.waiting import finish, together


async def number(value: int) -> int:
    return value


async def failing() -> int:
    problem = "broken"
    raise ValueError(problem)


def test_finish_returns_what_a_coroutine_returns():
    assert finish(number(3)) == 3


def test_finish_raises_what_a_coroutine_raises():
    with pytest.raises(ValueError, match="broken"):
        finish(failing())


def test_finish_refuses_to_wait_for_an_event_loop():
    with pytest.raises(RuntimeError, match="event loop"):
        finish(asyncio.sleep(0))


async def test_finish_works_inside_a_running_event_loop():
    assert finish(number(3)) == 3


@pytest.mark.parametrize("count", [0, 1, 2, 40])
def test_together_keeps_the_order_without_an_event_loop(count: int):
    results = finish(together(map(number, range(count)), blocking=True))

    assert results == list(range(count))


@pytest.mark.parametrize("count", [0, 1, 2, 40])
async def test_together_keeps_the_order_with_an_event_loop(count: int):
    assert await together(map(number, range(count))) == list(range(count))


def test_together_runs_side_by_side_without_an_event_loop():
    meeting = threading.Barrier(3)

    async def meet() -> int:
        return meeting.wait(timeout=10)

    arrivals = finish(together([meet() for _ in range(3)], blocking=True))

    assert sorted(arrivals) == [0, 1, 2]


def test_together_raises_the_first_problem_and_leaves_nothing_unawaited():
    works = [failing(), *(number(value) for value in range(40))]

    with pytest.raises(ValueError, match="broken"):
        finish(together(works, blocking=True))
