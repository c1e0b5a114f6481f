import asyncio

import pytest

from qrmiddleware.errors import UpstreamError
from qrmiddleware.recipes.feedback.working import GivenUpError, work_through


async def square(number):
    if number in BROKEN:
        raise UpstreamError("busy")
    return number**2


BROKEN = {3, 4, 7}


async def test_items_that_fail_are_left_out_and_told_of():
    done, failures = [], []

    await work_through(
        range(9), square, done.append, concurrency=1, give_up_after=3, failed=failures.append
    )

    assert done == [number**2 for number in range(9) if number not in BROKEN]
    assert len(failures) == 3


async def test_as_many_are_under_way_as_may_be():
    under_way, most = 0, 0

    async def work(_):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1

    await work_through(range(9), work, lambda _: None, concurrency=3, give_up_after=1)

    assert most == 3


async def test_too_many_failures_in_a_row_end_it():
    done = []

    with pytest.raises(GivenUpError, match="2 queries in a row failed, the last one with: busy"):
        await work_through(range(9), square, done.append, concurrency=1, give_up_after=2)

    assert done == [0, 1, 4]
