"""What no pipeline touches arrives, and is answered, byte for byte."""

import asyncio
import gzip

import pytest

ODD_TARGETS = [
    "/p%2Cq/_doc/a%2Fb?routing=%C3%A9&pretty",
    "/%3Clogs-%7Bnow%2Fd%7D%3E/_doc/1?x=a+b%20c&&y",
    "/_cat/indices?v&h=index,docs.count&s=index:desc",
    "/p/_doc/%e2%82%ac",
    "/",
    "//p///_doc",
    "/p/_search/scroll?scroll_id=abc==",
    "/p/_search?q=title:laptop&size=2&q=again",
    "/p/_search?",
    "/_cat/health?",
    "/p/_doc/1#part",
    "/p/_doc/a+b%2Bc%20d",
    "/p*,-q*/_doc/%252F",
    "/p/_doc/1?%F0%9F%92%BB=%C3%A9&a[]=1&b;c",
]


@pytest.fixture(params=["no pipeline", "a pipeline without an opinion"])
def pipelines(request, one_synonym):
    return {} if request.param == "no pipeline" else one_synonym


@pytest.mark.parametrize("target", ODD_TARGETS)
async def test_a_target_arrives_as_the_client_wrote_it(proxied, pipelines, target):
    proxy = await proxied(pipelines=pipelines)

    await proxy.ask(target, method="GET")

    assert proxy.engine.asked[0].line == f"GET {target} HTTP/1.1"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_methods_and_bodies_arrive(proxied, method):
    proxy = await proxied()

    await proxy.ask("/p/_doc/1", b"\x00\xff{ odd", method=method)

    assert proxy.engine.asked[0].line == f"{method} /p/_doc/1 HTTP/1.1"
    assert proxy.engine.asked[0].body == b"\x00\xff{ odd"


@pytest.mark.parametrize("target", ["/p/_doc/1", "/p/_search"])
async def test_headers_arrive_but_for_hop_by_hop_ones_and_ours(proxied, pipelines, target):
    proxy = await proxied(pipelines=pipelines)

    await proxy.ask(
        target,
        {"query": {"match_all": {}}},
        authorization="ApiKey abc=",
        accept="application/vnd.elasticsearch+json; compatible-with=9",
        x_opaque_id="café",
        x_qrm_pipeline="_none",
        X_Qrm_Debug="false",
        es_client_meta="py=3.11",
        cookie="a=b; c=d",
        te="trailers",
        connection="keep-alive, x-private",
        x_private="1",
    )

    names = [name for name, _ in proxy.engine.asked[0].fields]
    fields = dict(proxy.engine.asked[0].fields)
    assert fields["authorization"] == "ApiKey abc="
    assert fields["accept"] == "application/vnd.elasticsearch+json; compatible-with=9"
    assert fields["x-opaque-id"].encode("latin-1").decode() == "café"
    assert fields["es-client-meta"] == "py=3.11"
    assert fields["cookie"] == "a=b; c=d"
    assert not {"te", "x-qrm-pipeline", "x-qrm-debug", "x-private", "user-agent"} & set(names)
    assert not {"accept-encoding"} & set(names)
    assert len(names) == len(set(names))


async def test_repeated_request_headers_stay_apart(proxied):
    proxy = await proxied()

    await proxy.send(b"GET /x HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nX-B: 2\r\nX-A: 3\r\n\r\n")

    ours = [field for field in proxy.engine.asked[0].fields if field[0].startswith("x-")]
    assert ours == [("x-a", "1"), ("x-b", "2"), ("x-a", "3")]


REPLIES = [
    ("GET", ["HTTP/1.1 200 OK", "content-length: 0", "x-a: 1", "x-b: 3", "x-a: 2"], b""),
    ("GET", ["HTTP/1.1 200 OK", 'Warning: 299 "a"', 'Warning: 299 "é"', "content-length: 0"], b""),
    ("GET", ["HTTP/1.1 404 Not Found", "X-Elastic-Product: Elasticsearch", "content-length: 3",
             "content-type: application/vnd.elasticsearch+json;compatible-with=9"], b"{ }"),
    ("HEAD", ["HTTP/1.1 200 OK", "content-length: 4711", 'ETag: "x"'], b""),
    ("PUT", ["HTTP/1.1 299 Fine", "content-length: 2", "content-type: text/plain"], b"ok"),
    ("GET", ["HTTP/1.1 302 Found", "location: /elsewhere", "content-length: 0"], b""),
]  # fmt: skip


@pytest.mark.parametrize(("method", "head", "body"), REPLIES)
async def test_a_reply_comes_back_as_the_engine_wrote_it(proxied, method, head, body):
    proxy = await proxied("\r\n".join([*head, "", ""]).encode("latin-1") + body)

    answer = await proxy.ask("/p/_doc/1", method=method)

    pairs = [tuple(field.split(": ", 1)) for field in head[1:]]
    assert answer.status == int(head[0].split()[1])
    assert answer.fields == tuple((name.lower(), value) for name, value in pairs)
    assert answer.body == body


async def test_a_reply_without_length_is_passed_on_in_chunks(proxied):
    proxy = await proxied(
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )

    answer = await proxy.ask("/_cat/indices", method="GET")

    assert answer.body == b"abcde"


async def test_a_reply_that_ends_with_the_connection_is_whole(proxied):
    proxy = await proxied(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nabc")

    assert (await proxy.ask("/_cat/indices", method="GET")).body == b"abc"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("length", [b"", b"content-length: 12\r\n"])
async def test_replies_without_a_body_end_at_their_headers(proxied, status, length):
    proxy = await proxied(b"HTTP/1.1 %b\r\netag: x\r\n%b\r\n" % (status.encode(), length))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    for _ in range(2):
        writer.write(b"GET /p HTTP/1.1\r\nhost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head == b"HTTP/1.1 %b\r\netag: x\r\n\r\n" % status.encode()
    writer.close()


@pytest.mark.parametrize("target", ["/p/_doc/1", "/p/_search"])
async def test_compressed_bytes_pass_both_ways(proxied, pipelines, write_http, target):
    sent, kept = gzip.compress(b'{"query": {"match_all": {}}}'), gzip.compress(b"{}" * 900)
    proxy = await proxied(write_http(kept, content_encoding="gzip"), pipelines=pipelines)

    answer = await proxy.ask(target, sent, content_encoding="gzip", accept_encoding="gzip")

    assert proxy.engine.asked[0].body == sent
    assert proxy.engine.asked[0].field("content-encoding") == "gzip"
    assert proxy.engine.asked[0].field("accept-encoding") == "gzip"
    assert answer.body == kept
    assert answer.field("content-encoding") == "gzip"


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        ("application/cbor", "/p/_search"),
        ("application/smile", "/p/_search"),
        ("application/yaml", "/p/_search"),
        ("application/vnd.elasticsearch+cbor; compatible-with=9", "/p/_search"),
        ("application/json", "/p/_search?format=yaml"),
    ],
)
async def test_other_formats_than_json_pass_untouched(proxied, one_synonym, laptop, kind, target):
    proxy = await proxied(pipelines=one_synonym)
    body = b'{"query": {"match": {"title": "laptop"}}}'

    answer = await proxy.ask(target, body, content_type=kind)

    assert proxy.engine.asked[0].body == body
    assert proxy.engine.asked[0].target == target
    assert answer.field("x-qrm-applied") is None


async def test_our_parameters_are_taken_out_and_nothing_else(proxied):
    proxy = await proxied()

    await proxy.ask("/p/_doc/1?a=%20&qrm_debug&b=+&qrm_pipeline=_none&c&qrm%5Ftimeout_ms=5&a=2")

    assert proxy.engine.asked[0].target == "/p/_doc/1?a=%20&b=+&c&a=2"


async def test_a_large_body_keeps_its_declared_length(proxied):
    proxy = await proxied()
    body = b"x" * 300_000

    await proxy.ask("/_bulk", body)

    assert proxy.engine.asked[0].body == body
    assert proxy.engine.asked[0].field("content-length") == "300000"
    assert proxy.engine.asked[0].field("transfer-encoding") is None


async def test_a_chunked_body_arrives_whole(proxied):
    proxy = await proxied()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (b"ab" * 50_000, b"c"))

    await proxy.send(
        b"POST /_bulk HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        + chunks
        + b"0\r\n\r\n"
    )

    assert proxy.engine.asked[0].body == b"ab" * 50_000 + b"c"


async def test_a_client_that_expects_100_is_told_to_continue(proxied):
    proxy = await proxied()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(
        b"POST /_bulk HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nexpect: 100-continue\r\n\r\n"
    )
    told = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"abc")
    answer = await proxy.read(reader)
    writer.close()

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert answer.status == 200
    assert proxy.engine.asked[0].body == b"abc"
    assert proxy.engine.asked[0].field("expect") is None


async def test_pipelined_requests_are_answered_in_order(proxied, write_http):
    proxy = await proxied(lambda asked: write_http(asked.target.encode()))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(b"".join(b"GET /%d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(3)))
    bodies = [(await proxy.read(reader)).body for _ in range(3)]
    writer.close()

    assert bodies == [b"/0", b"/1", b"/2"]


async def test_the_first_bytes_of_a_large_reply_arrive_before_the_last_are_sent(proxied):
    arrived = asyncio.Event()
    first = b"x" * 2**19

    async def accept(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (len(first) + 4))
        writer.write(first)
        await arrived.wait()
        writer.write(b"last")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    proxy = await proxied(upstream={"urls": [url]})
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(b"GET /p/_search HTTP/1.1\r\nhost: x\r\n\r\n")
    async with asyncio.timeout(5):
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2**18)
        arrived.set()
        await reader.readexactly(2**18)
        rest = await reader.readexactly(4)
    writer.close()
    server.close()

    assert rest == b"last"


async def test_the_first_bytes_of_a_body_arrive_before_the_last_are_sent(proxied):
    arrived = asyncio.Event()

    async def accept(reader, writer):
        await reader.readuntil(b"first\r\n")
        arrived.set()
        await reader.readuntil(b"\r\n0\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    proxy = await proxied(upstream={"urls": [url]})
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(b"POST /_bulk HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(b"5\r\nfirst\r\n")
    async with asyncio.timeout(5):
        await arrived.wait()
        writer.write(b"4\r\nlast\r\n0\r\n\r\n")
        answer = await proxy.read(reader)
    writer.close()
    server.close()

    assert answer.status == 200
