import asyncio

import pytest
from elastic_transport import NodeConfig

from qrmiddleware.errors import RequestError
from qrmiddleware.upstream.exchange import UpstreamRequest
from qrmiddleware.upstream.nodes import (
    BrokenOffError,
    BusyError,
    ClusterNode,
    Patience,
    SilentError,
    UnreachedError,
)

PATIENCE = Patience(connect_s=10, silence_s=10)
HASTE = Patience(connect_s=10, silence_s=0.2)


@pytest.fixture
async def node_at():
    nodes = []

    def make(url, **options):
        port = int(url.rpartition(":")[2])
        nodes.append(ClusterNode(NodeConfig("http", "127.0.0.1", port, **options)))
        return nodes[-1]

    yield make
    for node in nodes:
        await node.close()


async def test_a_closed_port_is_unreached(node_at, unused_url):
    with pytest.raises(UnreachedError, match="cannot connect") as caught:
        await node_at(unused_url).ask(UpstreamRequest("GET", "/"), PATIENCE)

    assert caught.value.status == 503
    assert unused_url in str(caught.value)


async def test_a_node_that_says_nothing_is_silent(node_at, start_engine, make_engine):
    url = await start_engine(make_engine(b""))

    with pytest.raises(SilentError, match=r"no reply within 0\.2 s") as caught:
        await node_at(url).ask(UpstreamRequest("GET", "/"), HASTE)

    assert caught.value.status == 504


async def test_a_node_that_does_not_speak_http_breaks_off(node_at, start_engine, make_engine):
    url = await start_engine(make_engine(b"220 smtp ready\r\n\r\n"))

    with pytest.raises(BrokenOffError, match="not HTTP") as caught:
        await node_at(url).ask(UpstreamRequest("GET", "/"), PATIENCE)

    assert caught.value.status == 502


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
async def test_a_connection_that_ends_is_not_asked_again(
    node_at, start_engine, make_engine, method
):
    async def hang_up(engine, reader, writer):
        await engine.read_body(reader)
        writer.close()

    engine = make_engine(hang_up)
    url = await start_engine(engine)

    with pytest.raises(BrokenOffError, match="no reply"):
        await node_at(url).ask(UpstreamRequest(method, "/a/_doc/1"), PATIENCE)

    assert len(engine.heads) == 1


async def test_a_connection_that_the_node_has_closed_is_not_used_again(
    node_at, start_engine, make_engine
):
    async def answer_and_close(engine, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    engine = make_engine(answer_and_close)
    node = node_at(await start_engine(engine))

    for _ in range(3):
        await node.ask(UpstreamRequest("PUT", "/a"), PATIENCE)
        await asyncio.sleep(0.02)

    assert engine.connections == 3


async def test_a_node_whose_connections_are_all_busy_is_given_up(
    start_engine, make_engine, node_at
):
    url = await start_engine(make_engine(b""))
    node = node_at(url, connections_per_node=1)
    first = asyncio.create_task(node.ask(UpstreamRequest("GET", "/"), PATIENCE))
    await asyncio.sleep(0.05)

    with pytest.raises(BusyError, match="all 1 connections are busy"):
        await node.ask(UpstreamRequest("GET", "/"), HASTE)

    first.cancel()


@pytest.mark.parametrize(
    "request_",
    [
        UpstreamRequest("GET", "/a b"),
        UpstreamRequest("GET", "/", [("x-a", "1\r\nx-b: 2")]),
    ],
)
async def test_a_request_that_is_no_http_is_not_sent(node_at, start_engine, engine, request_):
    node = node_at(await start_engine(engine))

    with pytest.raises(RequestError, match="line breaks"):
        await node.ask(request_, PATIENCE)

    assert engine.connections == 0


@pytest.mark.parametrize("pieces", [[b"ab"], [b"abc", b"d"], []])
async def test_a_body_of_another_length_than_announced_is_not_sent_as_whole(
    node_at, start_engine, engine, pieces
):
    async def body():
        for piece in pieces:
            yield piece

    node = node_at(await start_engine(engine))
    request = UpstreamRequest("POST", "/_bulk", [("content-length", "3")], body())

    with pytest.raises(RequestError, match="content-length"):
        await node.ask(request, PATIENCE)

    await asyncio.wait_for(engine.hung_up.wait(), 10)
