import asyncio
import time

from qrmiddleware.asking.pace import Pace


async def go(pace, turns, tokens=0):
    started = time.perf_counter()
    await asyncio.gather(*(pace.turn(tokens) for _ in range(turns)))
    return time.perf_counter() - started


async def test_without_bounds_nobody_waits():
    assert await go(Pace(), 1000, tokens=10**6) < 5


async def test_requests_beyond_what_is_allowed_at_once_wait():
    assert await go(Pace(requests_per_minute=1200), 105) >= 0.2  # 100 at once, then 20 a second


async def test_few_requests_a_minute_go_one_at_a_time():
    pace = Pace(requests_per_minute=300)

    burst_s = await go(pace, 25)
    next_s = await go(pace, 1)

    assert burst_s < 3  # one by one they would take 4.8 s
    assert burst_s + next_s >= 0.195


async def test_requests_go_one_by_one_where_there_are_no_bursts():
    pace = Pace(requests_per_minute=3000, burst_s=0)

    assert await go(pace, 6) >= 0.098  # 50 a second


async def test_tokens_wait_even_if_one_request_is_larger_than_what_is_allowed_at_once():
    pace = Pace(tokens_per_minute=60_000)

    assert await go(pace, 1, tokens=5300) >= 0.25  # 5000 at once, then 1000 a second


async def test_a_pause_holds_for_all():
    pace = Pace()
    started = time.perf_counter()

    pace.pause(0.2)
    await go(pace, 3)

    assert time.perf_counter() - started >= 0.195


async def test_after_a_pause_the_rate_still_holds():
    pace = Pace(requests_per_minute=3000, burst_s=0)
    turns = [asyncio.create_task(go(pace, 1)) for _ in range(6)]
    await asyncio.wait(turns, return_when=asyncio.FIRST_COMPLETED)

    pace.pause(0.2)
    waited = sorted(await asyncio.gather(*turns))

    late = [seconds for seconds in waited if seconds >= 0.195]
    assert len(late) >= 3
    assert late[-1] - late[0] >= 0.01 * (len(late) - 1)
