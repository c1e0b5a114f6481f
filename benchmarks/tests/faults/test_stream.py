"""Clients see what engines do."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from qrmiddleware_benchmarks.faults import engine as engines
from qrmiddleware_benchmarks.faults.engine import FaultyEngine
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.faults.stream import Stream

BODIES = [f'{{"query": "{number}"}}'.encode() for number in range(1_000)]


@asynccontextmanager
async def serving(manner):
    engine = FaultyEngine(free_ports(), manner)
    await engine.start()
    try:
        yield engine
    finally:
        engine.kill()


def asked(port, patience_s=20.0):
    return Stream(port, BODIES, rate_hz=200.0, patience_s=patience_s)


async def until(holds):
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 no event tells
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("manner", "saw"),
    [
        (engines.fine, "200 plain"),
        (engines.partial, "200 partial"),
        (engines.refusing(429, "busy"), "429"),
        (engines.refusing(503, "closed"), "503"),
        (engines.talks_rubbish, "broken off"),
        (engines.resets_at_once, "broken off"),
        (engines.resets_midway, "broken off"),
        (engines.stays_silent, "late"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
async def test_what_an_engine_does_is_seen(manner, saw):
    once = engines.first_time(manner) if saw == "broken off" else manner  # or clients ask on
    async with serving(once) as engine:
        stream = asked(engine.port, patience_s=0.5 if saw == "late" else 20.0)
        async with stream.flowing():
            await until(lambda: engine.asked > 10)

    assert {seen.first for seen in stream.seen} == {saw}


async def test_a_connection_that_fails_is_tried_again_and_a_refusal_is_not():
    async with serving(engines.first_time(engines.resets_midway)) as engine:
        stream = asked(engine.port)
        async with stream.flowing():
            await until(lambda: engine.asked > 10)

    assert {(seen.first, seen.last, seen.tries) for seen in stream.seen} == {
        ("broken off", "200 plain", 2)
    }
    assert all(seen.answered for seen in stream.seen)


async def test_where_nobody_listens_clients_wait_until_somebody_does():
    engine = FaultyEngine(free_ports())
    stream = asked(engine.port)
    async with stream.flowing():
        for _ in range(20):  # turns of the loop, however long they take
            await asyncio.sleep(0.01)
        await engine.start()
        await until(lambda: any(seen.first == "200 plain" for seen in stream.seen))
    engine.kill()

    assert min(stream.seen, key=lambda seen: seen.due_s).first == "refused"
    assert all(seen.answered for seen in stream.seen)


async def test_searches_come_in_whether_or_not_earlier_ones_are_answered():
    told = asyncio.Event()

    async def answer_when_told(request):
        await told.wait()
        request.answer()

    async with serving(answer_when_told) as engine:
        stream = asked(engine.port)
        async with stream.flowing():
            await until(lambda: engine.asked > 10)
            answered = len(stream.seen)
            told.set()

    assert answered == 0


async def test_a_stream_that_lacks_something_is_not_whole():
    async with serving(engines.fine) as engine:
        stream = asked(engine.port)
        async with stream.flowing():
            assert not await stream.whole_for(0.2, within_s=0.2)


async def test_a_stream_without_answers_is_not_whole():
    async with serving(engines.stays_silent) as engine:
        stream = asked(engine.port, patience_s=0.5)
        async with stream.flowing():
            assert not await stream.whole_for(0.2, within_s=0.2)
