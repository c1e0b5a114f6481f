import asyncio
import signal
import threading
import time

import pytest

from qrmiddleware.distill.teachers.background import iterate


async def two(emit):
    emit(1)
    await asyncio.sleep(0)
    emit(2)


def test_what_is_emitted_is_yielded_in_order():
    assert list(iterate(two)) == [1, 2]


async def test_it_works_where_a_loop_runs_already():
    assert list(iterate(two)) == [1, 2]


def test_an_error_comes_after_what_was_emitted():
    async def run(emit):
        emit(1)
        raise OSError("gone")

    items = iterate(run)

    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_a_closed_iterator_cancels_the_work_and_leaves_no_thread():
    ended = []

    async def run(emit):
        emit(1)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(True)

    items = iterate(run)
    next(items)
    items.close()

    assert ended == [True]
    assert "teacher" not in {thread.name for thread in threading.enumerate()}


def test_an_interruption_yields_what_is_finished_before_it_is_raised():
    started = time.perf_counter()
    got = []

    async def run(emit):
        emit(1)
        await asyncio.sleep(0.1)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        emit(2)
        emit(3)
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        collect(iterate(run), got)

    assert sorted(set(got)) == [1, 2, 3]
    assert time.perf_counter() - started < 10


def collect(items, into):
    for item in items:
        into.append(item)


def test_an_interruption_where_items_are_used_yields_the_rest_when_it_is_thrown_in():
    async def run(emit):
        for number in range(3):
            emit(number)
        await asyncio.sleep(60)

    items = iterate(run)
    first = next(items)
    time.sleep(0.1)

    again = items.throw(KeyboardInterrupt())

    assert (first, again) == (0, 0)
    assert (next(items), next(items)) == (1, 2)
    with pytest.raises(KeyboardInterrupt):
        next(items)
