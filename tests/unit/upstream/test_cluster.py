import asyncio

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream


@pytest.mark.parametrize(
    "target",
    [
        "/a%2Fb,c*/_search?q=%C3%A4%20+&x",
        "/%3Clogs-%7Bnow%2Fd%7D%3E/_search?",
        "//_search?a=b?c=d&&",
        "/a/../b/./_count?filter_path=hits.hits._id,-took",
        '/a/_doc/100%25%zz?q=a:"b+c"|{}',
    ],
)
async def test_the_target_goes_out_byte_for_byte(connect, start_engine, engine, target):
    upstream = await connect(await start_engine(engine))

    await upstream.ask(target=target)

    assert engine.head.startswith(f"GET {target} HTTP/1.1\r\n")


async def test_a_path_in_the_url_goes_before_the_target(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine) + "/es/")

    await upstream.ask(target="/_search?q=a")

    assert engine.head.startswith("GET /es/_search?q=a HTTP/1.1\r\n")


async def test_fields_go_out_in_order_and_nothing_is_added(connect, start_engine, engine):
    url = await start_engine(engine)
    upstream = await connect(url)
    headers = [("x-b", "1"), ("x-opaque-id", "Müller".encode().decode("latin-1")), ("x-b", "2")]

    await upstream.ask(headers=headers)

    host = url.removeprefix("http://")
    assert engine.fields == [("host", host), *headers]


async def test_hop_by_hop_fields_host_and_expect_are_the_proxys_own(connect, start_engine, engine):
    url = await start_engine(engine)
    upstream = await connect(url)
    headers = [
        ("host", "shop.example"),
        ("connection", "close, x-private"),
        ("x-private", "1"),
        ("expect", "100-continue"),
        ("content-length", "99"),
        ("content-type", "application/x-ndjson"),
    ]

    await upstream.ask("POST", "/_bulk", headers, b"{}\n")

    host = url.removeprefix("http://")
    assert engine.fields == [
        ("host", host),
        ("content-type", "application/x-ndjson"),
        ("content-length", "3"),
    ]


async def test_a_get_may_have_a_body(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine))

    await upstream.ask("GET", "/_search", body=b'{"size":1}')

    assert engine.bodies == [b'{"size":1}']


async def test_the_clients_credentials_win_over_fixed_ones(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine), authorization="ApiKey fixed")

    await upstream.ask()
    await upstream.ask(headers=[("authorization", "Basic own")])

    assert "authorization: ApiKey fixed\r\n" in engine.heads[0].decode()
    assert "authorization: Basic own\r\n" in engine.heads[1].decode()
    assert "fixed" not in engine.heads[1].decode()


async def test_credentials_in_the_url_are_sent(connect, start_engine, engine):
    url = await start_engine(engine)
    upstream = await connect(url.replace("//", "//elastic:p%40ss@"), authorization="ApiKey other")

    await upstream.ask()

    assert ("authorization", "Basic ZWxhc3RpYzpwQHNz") in engine.fields


async def test_connections_are_kept(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine))

    for _ in range(5):
        await upstream.ask()

    assert engine.connections == 1


async def test_requests_wait_for_one_of_the_allowed_connections(connect, start_engine, engine):
    upstream = await connect(await start_engine(engine), connections_per_node=2)

    await asyncio.gather(*(upstream.ask() for _ in range(10)))

    assert engine.connections == 2
    assert len(engine.heads) == 10


async def test_status_fields_and_body_come_back_as_they_were(connect, start_engine, make_engine):
    engine = make_engine(
        b"HTTP/1.1 404 Not Found\r\nX-Elastic-Product: Elasticsearch\r\n"
        b'Warning: 299 Elasticsearch "a"\r\nWarning: 299 Elasticsearch "b"\r\n'
        b"Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nContent-Encoding: gzip\r\n"
        b"Set-Cookie: a=b\r\nContent-Length: 4\r\n\r\n\x1f\x8bab"
    )
    upstream = await connect(await start_engine(engine))

    reply, body = await upstream.ask()

    assert reply.status == 404
    assert reply.headers == [
        ("x-elastic-product", "Elasticsearch"),
        ("warning", '299 Elasticsearch "a"'),
        ("warning", '299 Elasticsearch "b"'),
        ("content-encoding", "gzip"),
        ("set-cookie", "a=b"),
        ("content-length", "4"),
    ]
    assert body == b"\x1f\x8bab"


async def test_many_long_warnings_come_back(connect, start_engine, make_engine):
    warnings = b"".join(b"Warning: %d %s\r\n" % (i, b"x" * 20_000) for i in range(200))
    engine = make_engine(b"HTTP/1.1 200 OK\r\n" + warnings + b"Content-Length: 0\r\n\r\n")
    upstream = await connect(await start_engine(engine))

    reply, _ = await upstream.ask()

    assert [name for name, _ in reply.headers].count("warning") == 200


async def test_a_head_reply_keeps_its_length_and_has_no_body(connect, start_engine, make_engine):
    engine = make_engine(b"HTTP/1.1 200 OK\r\ncontent-length: 123\r\n\r\n")
    upstream = await connect(await start_engine(engine))

    first, body = await upstream.ask("HEAD", "/a")
    await upstream.ask("HEAD", "/a")

    assert first.headers == [("content-length", "123")]
    assert body == b""
    assert engine.connections == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_replies_without_a_body_leave_the_connection_usable(
    connect, start_engine, make_engine, status
):
    engine = make_engine(b"HTTP/1.1 %d Nothing\r\nx-a: 1\r\n\r\n" % status)
    upstream = await connect(await start_engine(engine))

    for _ in range(2):
        reply, body = await upstream.ask()
        assert (reply.status, body) == (status, b"")

    assert engine.connections == 1


async def test_interim_replies_are_skipped(connect, start_engine, make_engine):
    engine = make_engine(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
    )
    upstream = await connect(await start_engine(engine))

    reply, body = await upstream.ask()

    assert (reply.status, body) == (200, b"{}")


async def test_redirects_are_the_clients_business(connect, start_engine, make_engine):
    engine = make_engine(b"HTTP/1.1 302 Found\r\nlocation: /b\r\ncontent-length: 0\r\n\r\n")
    upstream = await connect(await start_engine(engine))

    reply, _ = await upstream.ask()

    assert reply.status == 302
    assert len(engine.heads) == 1


@pytest.mark.parametrize(
    ("urls", "problem"),
    [
        ((), "is empty"),
        (("localhost:9200",), "localhost:9200"),
        (("ftp://localhost:9200",), "neither http:// nor https://"),
        (("http://localhost:9200", "http://localhost:9200/"), "names a node twice"),
    ],
)
def test_urls_that_cannot_work_are_refused(urls, problem):
    with pytest.raises(ConfigError, match=problem):
        ClusterUpstream(ClusterOptions(urls=urls))
