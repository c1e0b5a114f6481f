import asyncio
import inspect
import threading

import pytest

from qrmiddleware.runner.waiting import finish, together


class Pause:
    """Something that only an event loop can end."""

    def __await__(self):
        yield


async def double(number):
    return 2 * number


async def where():
    return threading.get_ident()


async def fail():
    raise ValueError("no")


def test_a_coroutine_that_waits_for_nothing_ends_at_the_first_step():
    assert finish(double(21)) == 42


def test_a_coroutine_that_waits_for_an_event_loop_is_refused():
    async def work():
        await Pause()

    with pytest.raises(RuntimeError, match="waits for an event loop"):
        finish(work())


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("count", [0, 1, 2, 50])
async def test_results_keep_their_order(count, blocking):
    works = [double(n) for n in range(count)]

    assert await together(works, blocking=blocking) == [2 * n for n in range(count)]


async def test_without_an_event_loop_works_run_in_threads_of_their_own():
    here = threading.get_ident()

    assert here not in await together([where(), where()], blocking=True)
    assert {here} == set(await together([where(), where()]))


@pytest.mark.parametrize("blocking", [False, True])
async def test_a_failure_is_raised_and_the_rest_is_closed(blocking):
    with pytest.raises(ValueError, match="no"):
        await together([fail(), *(double(n) for n in range(40))], blocking=blocking)


@pytest.mark.parametrize("at_a_time", [1, 64])
async def test_works_that_nobody_waits_for_any_more_end(at_a_time):
    never = asyncio.Event()
    works = [never.wait() for _ in range(5)]
    waiting = asyncio.ensure_future(together(works, at_a_time=at_a_time))
    await asyncio.sleep(0)

    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.sleep(0)

    assert {inspect.getcoroutinestate(work) for work in works} == {inspect.CORO_CLOSED}


async def test_a_failure_ends_the_others():
    never = asyncio.Event()
    other = never.wait()

    with pytest.raises(ValueError, match="no"):
        await together([other, fail()])
    await asyncio.sleep(0)

    assert inspect.getcoroutinestate(other) == inspect.CORO_CLOSED


async def test_no_more_run_at_a_time_than_allowed():
    running, most = 0, 0

    async def work():
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await together([work() for _ in range(20)], at_a_time=3)

    assert most == 3
