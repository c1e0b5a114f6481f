import asyncio

import pytest

from qrmiddleware.asking.workers import all_or_none


async def test_waits_for_all():
    done = []

    async def work(number):
        await asyncio.sleep(0)
        done.append(number)

    await all_or_none(work(number) for number in range(3))

    assert done == [0, 1, 2]


async def test_the_first_error_cancels_the_others():
    cancelled = []

    async def wait():
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async def fail():
        await asyncio.sleep(0)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await all_or_none([wait(), fail(), wait()])

    assert cancelled == [True, True]
