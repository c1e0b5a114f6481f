import asyncio
import hashlib
import resource

import pytest

from qrmiddleware.upstream.exchange import UpstreamRequest

MEGABYTE = 1024 * 1024


def peak_rss_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


async def test_large_bodies_stream_both_ways_in_bounded_memory(connect, start_engine, make_engine):
    size_bytes = 64 * MEGABYTE
    received = hashlib.sha256()

    async def echo_size(engine, reader, writer):
        async for chunk in engine.chunks(reader):
            received.update(chunk)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size_bytes)
        for _ in range(64):
            writer.write(b"x" * MEGABYTE)
            await writer.drain()

    async def upload():
        for number in range(256):
            yield number.to_bytes(4, "big") * (MEGABYTE // 16)

    upstream = await connect(await start_engine(make_engine(echo_size)))
    before_bytes = peak_rss_bytes()

    reply = await upstream.send(UpstreamRequest("POST", "/_bulk", body=upload()))
    sizes = [len(chunk) async for chunk in reply.chunks()]

    sent = hashlib.sha256()
    async for chunk in upload():
        sent.update(chunk)
    assert received.digest() == sent.digest()
    assert sum(sizes) == size_bytes
    assert max(sizes) <= MEGABYTE
    assert peak_rss_bytes() - before_bytes < 16 * MEGABYTE


async def test_a_reader_that_stops_makes_the_engine_wait(connect, start_engine, make_engine):
    written = 0

    async def pour(engine, reader, writer):
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (64 * MEGABYTE))
        for _ in range(64 * 16):
            writer.write(b"x" * (MEGABYTE // 16))
            await writer.drain()
            written += MEGABYTE // 16

    upstream = await connect(await start_engine(make_engine(pour)), timeout_ms=1_000)
    reply = await upstream.send(UpstreamRequest("GET", "/"))

    await asyncio.sleep(1.5)

    assert written < 32 * MEGABYTE
    assert sum([len(chunk) async for chunk in reply.chunks()]) == 64 * MEGABYTE


async def test_a_streamed_body_of_known_length_keeps_it(connect, start_engine, engine):
    async def upload():
        yield b"{}"
        yield b"\n"

    upstream = await connect(await start_engine(engine))

    await upstream.ask("POST", "/_bulk", [("content-length", "3")], upload())

    assert ("content-length", "3") in engine.fields
    assert "transfer-encoding" not in dict(engine.fields)
    assert engine.bodies == [b"{}\n"]


async def test_a_body_that_fails_is_not_the_nodes_failure(connect, start_engine, engine):
    class ClientGoneError(Exception):
        pass

    async def upload():
        yield b"{}"
        raise ClientGoneError

    upstream = await connect(await start_engine(engine))

    with pytest.raises(ClientGoneError):
        await upstream.ask("POST", "/_bulk", body=upload())

    await asyncio.wait_for(engine.hung_up.wait(), 10)
    assert engine.bodies == []  # never seen as complete


async def test_an_early_reply_ends_the_upload(connect, start_engine, make_engine):
    async def refuse(engine, reader, writer):
        writer.write(b"HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        await reader.read(MEGABYTE)

    async def upload():
        for _ in range(10):
            yield b"x" * 1000
            await asyncio.sleep(0.05)

    upstream = await connect(await start_engine(make_engine(refuse)))

    reply, body = await upstream.ask("POST", "/_bulk", body=upload())

    assert (reply.status, body) == (413, b"{}")


async def test_cancelling_a_request_closes_its_connection(connect, start_engine, make_engine):
    asked = asyncio.Event()

    async def think(engine, reader, writer):
        asked.set()
        await reader.readexactly(1)

    engine = make_engine(think)
    upstream = await connect(await start_engine(engine))
    task = asyncio.create_task(upstream.ask(target="/_search"))
    await asked.wait()

    task.cancel()

    await asyncio.wait_for(engine.hung_up.wait(), 10)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_a_reply_half_way_closes_its_connection(connect, start_engine, make_engine):
    async def dribble(engine, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx")
        await reader.readexactly(1)

    engine = make_engine(dribble)
    upstream = await connect(await start_engine(engine))
    reply = await upstream.send(UpstreamRequest("DELETE", "/a"))

    await reply.close()

    await asyncio.wait_for(engine.hung_up.wait(), 10)


async def test_closing_a_reply_that_was_read_keeps_the_connection(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine))

    for _ in range(2):
        reply, _ = await upstream.ask()
        await reply.close()

    assert engine.connections == 1
