import asyncio
import time
from functools import partial

import pytest

from qrmiddleware.errors import UpstreamError
from qrmiddleware.upstream import cluster
from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream
from qrmiddleware.upstream.exchange import UpstreamRequest
from qrmiddleware.upstream.pool import NodePool

HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"


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
    connect, start_engine, engine, make_engine, monkeypatch
):
    now_s = 0.0
    monkeypatch.setattr(cluster, "NodePool", partial(NodePool, clock=lambda: now_s))
    healthy = make_engine(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    url = await start_engine(healthy)
    gone = await start_engine(engine)
    port = int(gone.rpartition(":")[2])
    upstream = await connect(url, f"http://127.0.0.1:{port}/late", dead_node_backoff_ms=1_000)
    engine._answer = hang_up
    for _ in range(4):
        await upstream.ask()
    failures = len(engine.heads)

    engine._answer = healthy._answer
    now_s = 1.0
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
        for _ in range(6):
            yield b"{}"
            await asyncio.sleep(0.25)

    upstream = await connect(await start_engine(engine), timeout_ms=1_000)

    reply, _ = await upstream.ask("POST", "/_bulk", body=upload())

    assert reply.status == 200


async def read_by_chunks(reply):
    return [chunk async for chunk in reply.chunks()]


async def read_whole(reply):
    return await reply.read()


async def break_off(engine, reader, writer):
    await engine.read_body(reader)
    writer.write(HALF)
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("read", [read_by_chunks, read_whole])
async def test_a_reply_to_a_write_that_breaks_off_is_a_502(
    connect, start_engine, make_engine, read
):
    upstream = await connect(await start_engine(make_engine(break_off)))
    reply = await upstream.send(UpstreamRequest("PUT", "/a/_doc/1", body=b"{}"))

    with pytest.raises(UpstreamError, match="broke off") as caught:
        await read(reply)

    assert caught.value.status == 502


async def test_a_reply_to_a_read_that_breaks_off_is_asked_for_again(
    connect, start_engine, make_engine, engine
):
    broken = make_engine(break_off)
    upstream = await connect(await start_engine(broken), await start_engine(engine))

    replies = [await upstream.ask("POST", "/a/_search", body=b"{}") for _ in range(4)]

    assert [body for _, body in replies] == [b"{}"] * 4
    assert len(broken.heads) == 1


async def break_off_late(engine, reader, writer):
    await engine.read_body(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + bytes(1_000_000))
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("whole", [True, False])
async def test_a_long_reply_is_asked_for_again_only_if_it_is_held_whole(
    connect, start_engine, make_engine, engine, whole
):
    broken = make_engine(break_off_late)
    upstream = await connect(await start_engine(broken), await start_engine(engine))
    ask = UpstreamRequest("POST", "/a/_search", body=b"{}", whole=whole)

    failed = 0
    for _ in range(2):
        reply = await upstream.send(ask)
        try:
            await reply.read()
        except UpstreamError:
            failed += 1

    assert failed == (not whole)


async def test_a_long_reply_is_passed_on_before_it_is_there(connect, start_engine, make_engine):
    passed_on = asyncio.Event()

    async def pour(engine, reader, writer):
        await engine.read_body(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + bytes(500_000))
        await passed_on.wait()
        writer.write(bytes(1_500_000))
        await writer.drain()

    upstream = await connect(await start_engine(make_engine(pour)))

    async with asyncio.timeout(10):
        reply = await upstream.send(UpstreamRequest("GET", "/a/_search"))
    passed_on.set()

    assert len(await reply.read()) == 2_000_000


async def test_a_read_that_a_node_leaves_unanswered_is_asked_once_where_another_is_well(
    connect, start_engine, make_engine, engine
):
    silent = make_engine(b"")
    urls = [await start_engine(silent), await start_engine(engine)]
    upstream = await connect(*urls, timeout_ms=500)

    replies = [await upstream.ask("POST", "/a/_search", body=b"{}") for _ in range(4)]

    assert [body for _, body in replies] == [b"{}"] * 4
    assert len(silent.heads) == 1


async def test_a_write_that_a_node_leaves_unanswered_is_a_504(
    connect, start_engine, make_engine, engine
):
    silent = make_engine(b"")
    urls = [await start_engine(silent), await start_engine(engine)]
    upstream = await connect(*urls, timeout_ms=500)

    statuses = []
    for _ in range(2):
        try:
            statuses.append((await upstream.ask("PUT", "/a/_doc/1", body=b"{}"))[0].status)
        except UpstreamError as error:
            statuses.append(error.status)

    assert sorted(statuses) == [200, 504]


async def test_a_node_rests_whatever_the_time_of_day_is_set_to(
    connect, start_engine, make_engine, engine, monkeypatch
):
    broken = make_engine(hang_up)
    urls = [await start_engine(broken), await start_engine(engine)]
    upstream = await connect(*urls, dead_node_backoff_ms=50)
    for _ in range(2):
        await upstream.ask()
    failures = len(broken.heads)
    broken._answer = engine._answer
    monkeypatch.setattr(time, "time", lambda: 0.0)

    async with asyncio.timeout(20):
        while len(broken.heads) == failures:
            await upstream.ask()

    assert failures


UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nlate"


async def test_a_read_goes_elsewhere_where_a_node_is_not_available(
    connect, start_engine, make_engine, engine
):
    starting = make_engine(UNAVAILABLE)
    upstream = await connect(await start_engine(starting), await start_engine(engine))

    replies = [await upstream.ask("POST", "/a/_search", body=b"{}") for _ in range(4)]

    assert [(reply.status, body) for reply, body in replies] == [(200, b"{}")] * 4
    assert len(starting.heads) == 1


@pytest.mark.parametrize("count", [1, 2])
async def test_where_no_node_is_available_the_engines_own_503_comes_back(
    connect, start_engine, make_engine, count
):
    engines = [make_engine(UNAVAILABLE) for _ in range(count)]
    upstream = await connect(*[await start_engine(engine) for engine in engines])

    reply, body = await upstream.ask("POST", "/a/_search", body=b"{}")

    assert (reply.status, body) == (503, b"late")
    assert [len(engine.heads) for engine in engines] == [1] * count


async def test_a_503_comes_back_where_the_other_node_cannot_be_reached(
    connect, start_engine, make_engine, unused_url
):
    upstream = await connect(await start_engine(make_engine(UNAVAILABLE)), unused_url)

    replies = [await upstream.ask("POST", "/a/_search", body=b"{}") for _ in range(3)]

    assert [(reply.status, body) for reply, body in replies] == [(503, b"late")] * 3


async def test_a_write_is_not_repeated_where_a_node_is_not_available(
    connect, start_engine, make_engine
):
    engines = [make_engine(UNAVAILABLE) for _ in range(2)]
    upstream = await connect(*[await start_engine(engine) for engine in engines])

    reply, _ = await upstream.ask("PUT", "/a/_doc/1", body=b"{}")

    assert reply.status == 503
    assert sum(len(engine.heads) for engine in engines) == 1


async def test_failures_of_nodes_are_told(start_engine, make_engine, engine, unused_url):
    told = []
    urls = (unused_url, await start_engine(make_engine(hang_up)), await start_engine(engine))
    options = ClusterOptions(urls=urls, dead_node_backoff_ms=30_000)
    upstream = ClusterUpstream(options, lambda *failure: told.append(failure))

    for _ in range(3):
        await (await upstream.send(UpstreamRequest("GET", "/"))).close()
    await upstream.close()

    assert sorted(told) == sorted([(urls[0], "unreached"), (urls[1], "broken_off")])


async def test_a_reply_that_stops_half_way_is_a_504(connect, start_engine, make_engine):
    upstream = await connect(await start_engine(make_engine(HALF)), timeout_ms=150)
    reply = await upstream.send(UpstreamRequest("PUT", "/a/_doc/1", body=b"{}"))

    with pytest.raises(UpstreamError, match="stopped half-way") as caught:
        await reply.read()

    assert caught.value.status == 504
