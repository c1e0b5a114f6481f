"""HTTP from clients that ask for more than HTTP/1.1, or for something else."""

import asyncio

import pytest

BODY = b'{"query": {"match": {"title": "laptop"}}}'
OFFER = (
    b"POST /p/_search HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
)


@pytest.mark.parametrize("cuts", [(), (10,), (120, 215), range(1, len(OFFER))])
async def test_an_offer_of_http_2_is_ignored_and_the_body_kept(proxied, cuts):
    proxy = await proxied()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    for start, end in zip((0, *cuts), (*cuts, len(OFFER)), strict=True):
        writer.write(OFFER[start:end])
        await asyncio.sleep(0)
    answer = await proxy.read(reader)
    writer.close()

    asked = proxy.engine.asked[0]
    assert answer.status == 200
    assert asked.body == BODY
    assert asked.field("upgrade") is None
    assert asked.field("http2-settings") is None


async def test_a_connection_goes_on_after_an_offer(proxied):
    proxy = await proxied()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(OFFER + OFFER)
    answers = [await proxy.read(reader), await proxy.read(reader)]
    writer.close()

    assert [answer.status for answer in answers] == [200, 200]
    assert [asked.body for asked in proxy.engine.asked] == [BODY, BODY]


async def test_an_offer_keeps_the_clients_other_connection_options(proxied):
    proxy = await proxied()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(OFFER.replace(b"Upgrade, HTTP2", b"close, Upgrade, HTTP2"))
    answer = await proxy.read(reader)

    assert answer.field("connection") == "close"
    assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_in_the_engines_shape(proxied, raw):
    proxy = await proxied()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(raw)
    answer = await proxy.read(reader)

    assert answer.status == 400
    assert answer.json["error"]["type"] == "bad_http_request"
    assert answer.json["status"] == 400
    assert await reader.read() == b""
    writer.close()


async def test_the_upstream_is_not_asked_on_for_a_client_that_hangs_up_with_a_request_waiting(
    proxied,
):
    proxy = await proxied(lambda _: asyncio.sleep(60))
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    request = b"POST /p/_search HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"

    writer.write(request + request)
    await asyncio.wait_for(proxy.engine.got_one.wait(), 20)
    writer.transport.abort()
    await asyncio.wait_for(proxy.engine.hung_up.wait(), 20)

    assert len(proxy.engine.asked) == 1
