import aiohttp
import pytest
from elastic_transport import NodeConfig

from qrmiddleware.upstream.exchange import UpstreamRequest
from qrmiddleware.upstream.nodes import BrokenOffError, ClusterNode, SilentError, UnreachedError

PATIENCE = aiohttp.ClientTimeout(sock_connect=1, sock_read=0.2)


@pytest.fixture
async def node_at():
    nodes = []

    def make(url):
        port = int(url.rpartition(":")[2])
        nodes.append(ClusterNode(NodeConfig("http", "127.0.0.1", port)))
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
        await node_at(url).ask(UpstreamRequest("GET", "/"), PATIENCE)

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

    with pytest.raises(BrokenOffError, match="ended before a reply"):
        await node_at(url).ask(UpstreamRequest(method, "/a/_doc/1"), PATIENCE)

    assert len(engine.heads) == 1
