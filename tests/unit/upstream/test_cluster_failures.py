import asyncio

import pytest

from qrmiddleware.errors import UpstreamError
from qrmiddleware.upstream.exchange import UpstreamRequest


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
async def test_a_request_that_could_not_be_sent_goes_to_the_next_node(
    connect, start_engine, engine, unused_url, method
):
    upstream = await connect(unused_url, await start_engine(engine))

    for _ in range(4):
        reply, _ = await upstream.ask(method, "/a/_doc/1", body=b"{}")
        assert reply.status == 200


async def hang_up(engine, reader, writer):
    await engine.read_body(reader)
    writer.close()


async def test_a_read_that_broke_off_is_repeated_on_another_node(
    connect, start_engine, make_engine, engine
):
    broken = make_engine(hang_up)
    upstream = await connect(await start_engine(broken), await start_engine(engine))

    for _ in range(4):
        reply, _ = await upstream.ask("POST", "/a/_search", body=b'{"size":1}')
        assert reply.status == 200

    assert len(broken.heads) == 1  # left alone after its first failure
    assert engine.bodies == [b'{"size":1}'] * 4


@pytest.mark.parametrize(
    ("method", "target"), [("POST", "/_bulk"), ("DELETE", "/a"), ("POST", "/_search/scroll")]
)
async def test_a_write_that_broke_off_is_not_repeated(
    connect, start_engine, make_engine, method, target
):
    engines = [make_engine(hang_up), make_engine(hang_up)]
    upstream = await connect(*[await start_engine(engine) for engine in engines])

    with pytest.raises(UpstreamError, match="no reply") as caught:
        await upstream.ask(method, target, body=b"{}")

    assert caught.value.status == 502
    assert sum(len(engine.heads) for engine in engines) == 1


async def test_a_streamed_body_is_not_repeated(connect, start_engine, make_engine):
    async def upload():
        yield b"{}"

    engines = [make_engine(hang_up), make_engine(hang_up)]
    upstream = await connect(*[await start_engine(engine) for engine in engines])

    with pytest.raises(UpstreamError):
        await upstream.ask("POST", "/_search", body=upload())

    assert sum(len(engine.heads) for engine in engines) == 1


async def test_a_node_that_failed_is_tried_again_after_a_while(
    connect, start_engine, engine, make_engine
):
    healthy = make_engine(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    url = await start_engine(healthy)
    gone = await start_engine(engine)
    port = int(gone.rpartition(":")[2])
    upstream = await connect(url, f"http://127.0.0.1:{port}/late", dead_node_backoff_ms=50)
    engine._answer = hang_up
    for _ in range(4):
        await upstream.ask()
    failures = len(engine.heads)

    engine._answer = healthy._answer
    await asyncio.sleep(0.3)
    for _ in range(4):
        await upstream.ask()

    assert failures == 1
    assert len(engine.heads) > failures


async def test_retries_end(connect, start_engine, make_engine):
    engine = make_engine(hang_up)
    upstream = await connect(await start_engine(engine), max_retries=3)

    with pytest.raises(UpstreamError):
        await upstream.ask()

    assert len(engine.heads) == 4


async def test_a_cluster_that_cannot_be_reached_is_a_503_that_says_where(connect, unused_url):
    upstream = await connect(unused_url)

    with pytest.raises(UpstreamError, match="cannot connect") as caught:
        await upstream.ask()

    assert caught.value.status == 503
    assert unused_url in str(caught.value)


async def test_a_silent_node_is_a_504_and_is_not_asked_again(connect, start_engine, make_engine):
    engine = make_engine(b"")
    upstream = await connect(await start_engine(engine), timeout_ms=150)

    with pytest.raises(UpstreamError, match="no reply within") as caught:
        await upstream.ask()

    assert caught.value.status == 504
    assert len(engine.heads) == 1


async def test_a_slow_upload_is_not_silence(connect, start_engine, engine):
    async def upload():
        for _ in range(4):
            yield b"{}"
            await asyncio.sleep(0.1)

    upstream = await connect(await start_engine(engine), timeout_ms=200)

    reply, _ = await upstream.ask("POST", "/_bulk", body=upload())

    assert reply.status == 200


async def read_by_chunks(reply):
    return [chunk async for chunk in reply.chunks()]


async def read_whole(reply):
    return await reply.read()


@pytest.mark.parametrize("read", [read_by_chunks, read_whole])
async def test_a_reply_that_breaks_off_is_a_502(connect, start_engine, make_engine, read):
    async def break_off(engine, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    upstream = await connect(await start_engine(make_engine(break_off)))
    reply = await upstream.send(UpstreamRequest("GET", "/"))

    with pytest.raises(UpstreamError, match="broke off") as caught:
        await read(reply)

    assert caught.value.status == 502


async def test_a_reply_that_stops_half_way_is_a_504(connect, start_engine, make_engine):
    engine = make_engine(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
    upstream = await connect(await start_engine(engine), timeout_ms=150)
    reply = await upstream.send(UpstreamRequest("GET", "/"))

    with pytest.raises(UpstreamError, match="stopped half-way") as caught:
        await reply.read()

    assert caught.value.status == 504
