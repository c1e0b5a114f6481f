import asyncio

import pytest

from qrmiddleware.upstream.exchange import UpstreamRequest


async def test_a_body_that_only_the_end_of_the_connection_delimits_is_read(
    connect, start_engine, make_engine
):
    async def pour_and_close(engine, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000)
        await writer.drain()
        writer.close()

    engine = make_engine(pour_and_close)
    upstream = await connect(await start_engine(engine))

    for _ in range(2):
        _, body = await upstream.ask()
        assert len(body) == 100_000
    assert engine.connections == 2


async def test_chunks_end_and_stay_ended(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine))
    reply = await upstream.send(UpstreamRequest("GET", "/"))

    assert [chunk async for chunk in reply.chunks()] == [b"{}"]
    assert [chunk async for chunk in reply.chunks()] == []


async def test_a_connection_is_free_again_as_soon_as_the_reply_is_there(
    connect, start_engine, engine
):
    upstream = await connect(await start_engine(engine), connections_per_node=1)

    first = await upstream.send(UpstreamRequest("GET", "/"))
    second = await upstream.send(UpstreamRequest("GET", "/"))

    assert await first.read() == await second.read() == b"{}"


@pytest.mark.parametrize("times", [1, 2])
async def test_a_reply_may_be_closed_more_than_once(connect, start_engine, make_engine, times):
    engine = make_engine(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    upstream = await connect(await start_engine(engine), connections_per_node=1)

    for _ in range(3):
        reply = await upstream.send(UpstreamRequest("DELETE", "/a"))
        for _ in range(times):
            await reply.close()

    await asyncio.wait_for(engine.hung_up.wait(), 10)
    assert engine.connections == 3
