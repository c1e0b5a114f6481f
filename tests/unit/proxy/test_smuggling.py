"""Requests that two servers may read differently are refused, and the engine sees nothing of them.

Source: RFC 9112, sections 2.2, 3.2, 5, 6 and 7.1; RFC 9110, sections 5.5 and 6.5.
"""

import asyncio
from dataclasses import dataclass, field

import pytest

HEAD = b"POST /p/_doc/1 HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
OFFER = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
LARGE = 300_000

REFUSED = {
    "length with encoding": HEAD
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "encoding with length": HEAD
    + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "length 0 with encoding": HEAD
    + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "the same length twice": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "list of lengths": HEAD + b"Content-Length: 2, 2\r\n\r\nab",
    "length with plus": HEAD + b"Content-Length: +2\r\n\r\nab",
    "length with minus": HEAD + b"Content-Length: -2\r\n\r\nab",
    "length in hex": HEAD + b"Content-Length: 0x2\r\n\r\nab",
    "length with underscore": HEAD + b"Content-Length: 1_0\r\n\r\n0123456789",
    "length in other digits": HEAD + b"Content-Length: \xd9\xa2\r\n\r\nab",
    "length with blank": HEAD + b"Content-Length: 1 2\r\n\r\nab",
    "length beyond 64 bits": HEAD + b"Content-Length: 18446744073709551618\r\n\r\nab",
    "no digits": HEAD + b"Content-Length: \r\n\r\nab",
    "bare LF everywhere": b"POST /p HTTP/1.1\nHost: x\nContent-Length: 2\n\nab",
    "bare LF behind a field": b"POST /p HTTP/1.1\r\nHost: x\nContent-Length: 2\r\n\r\nab",
    "bare LF behind the head": HEAD + b"Content-Length: 2\r\n\nab",
    "bare CR in a value": HEAD + b"X-A: b\rContent-Length: 2\r\n\r\n",
    "folded field": HEAD + b"X-A: b\r\n c\r\nContent-Length: 2\r\n\r\nab",
    "folded field, by tab": HEAD + b"X-A: b\r\n\tc\r\nContent-Length: 2\r\n\r\nab",
    "folded encoding": HEAD + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "folded first field": b"POST /p HTTP/1.1\r\n Host: x\r\nContent-Length: 2\r\n\r\nab",
    "xchunked": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked in quotes": HEAD + b'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "chunked behind a vertical tab": HEAD + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunked with parameter": HEAD + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "chunked behind a comma": HEAD + b"Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n",
    "chunked twice": HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked, identity": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "gzip, chunked": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "two encodings": HEAD
    + b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "identity": HEAD + b"Transfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nab",
    "empty encoding": HEAD + b"Transfer-Encoding: \r\nContent-Length: 2\r\n\r\nab",
    "encoding in HTTP/1.0": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0") + b"0\r\n\r\n",
    "blank before colon": HEAD + b"Content-Length : 2\r\n\r\nab",
    "blank before colon of encoding": HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    "tab before colon": HEAD + b"X-A\t: b\r\n\r\n",
    "field without name": HEAD + b": x\r\n\r\n",
    "field without colon": HEAD + b"Content-Length\r\n\r\n",
    "NUL in a value": HEAD + b"X-A: a\x00b\r\n\r\n",
    "NUL in a name": HEAD + b"X-\x00A: b\r\n\r\n",
    "NUL in the target": b"GET /p\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "control character in a value": HEAD + b"X-A: a\x01b\r\n\r\n",
    "control character in the target": b"GET /p\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab in the target": b"GET /p\tq HTTP/1.1\r\nHost: x\r\n\r\n",
    "blank in the target": b"GET /p q HTTP/1.1\r\nHost: x\r\n\r\n",
    "two hosts": b"GET /p HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "another version": b"GET /p HTTP/2.0\r\nHost: x\r\n\r\n",
    "version 1.2": b"GET /p HTTP/1.2\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "target without path": b"GET http://evil?x=/p HTTP/1.1\r\nHost: x\r\n\r\n",
    "large field": HEAD + b"X-A: " + b"a" * LARGE + b"\r\nContent-Length: 0\r\n\r\n",
    "large field without end": HEAD + b"X-A: " + b"a" * 2 * LARGE,
    "many fields": HEAD + b"X-A: bcdef\r\n" * (LARGE // 8) + b"\r\n",
    "large target": b"GET /" + b"a" * LARGE + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "empty lines without end": b"\r\n" * LARGE,
    "bare LF behind a chunk's size": CHUNKED + b"2\nab\r\n0\r\n\r\n",
    "bare LF behind a chunk": CHUNKED + b"2\r\nab\n0\r\n\r\n",
    "bare LF behind an extension": CHUNKED + b"2;a\nab\r\n0\r\n\r\n",
    "bare CR in an extension": CHUNKED + b"2;a\rX\nab\r\n0\r\n\r\n",
    "NUL in an extension": CHUNKED + b"2;a\x00\r\nab\r\n0\r\n\r\n",
    "line break in quotes in an extension": CHUNKED + b'2;a="\r\nab\r\n0\r\n\r\n',
    "chunk longer than said": CHUNKED + b"2\r\nabXX0\r\n\r\n",
    "chunk size with 0x": CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    "chunk size with plus": CHUNKED + b"+2\r\nab\r\n0\r\n\r\n",
    "chunk size with blank": CHUNKED + b"2 \r\nab\r\n0\r\n\r\n",
    "no chunk size": CHUNKED + b"\r\nab\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": CHUNKED + b"10000000000000002\r\nab\r\n0\r\n\r\n",
    "last chunk without its line": CHUNKED + b"0\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    "length in the trailer": CHUNKED + b"2\r\nab\r\n0\r\nContent-Length: 9\r\n\r\n",
    "encoding in the trailer": CHUNKED + b"2\r\nab\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "length with encoding behind an offer": OFFER
    + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "gzip, chunked behind an offer": OFFER + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
}


@dataclass
class Recorder:
    """An engine that keeps every byte, and answers what ends as a head does."""

    heard: bytearray = field(default_factory=bytearray)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    async def accept(self, reader, writer) -> None:
        while data := await reader.read(65_536):
            self.heard += data
            self.news.set()
            if data.endswith(b"\r\n\r\n") and data.startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        self.closed.set()
        writer.close()

    async def hear(self, end: bytes) -> None:
        """Wait until what has come in ends with this."""
        async with asyncio.timeout(5):
            while not self.heard.endswith(end):
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def recorder():
    engine = Recorder()
    server = await asyncio.start_server(engine.accept, "127.0.0.1", 0)
    engine.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield engine
    server.close()


async def converse(port: int, raw: bytes) -> bytes:
    """Send all of it while reading, and return what came back until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(raw)
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize("name", REFUSED)
async def test_what_can_be_read_in_two_ways_is_refused_and_never_reaches_the_engine(
    proxied, recorder, name
):
    proxy = await proxied(upstream={"urls": [recorder.url]})
    await proxy.ask("/warm", method="GET")  # a kept connection is written to without waiting
    recorder.heard.clear()

    answer = await converse(proxy.port, REFUSED[name])

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"\r\nconnection: close" in head
    assert body.count(b"bad_http_request") == 2  # in one error, and nothing behind it
    assert b"NoneType" not in body
    assert recorder.heard == b""


PLAIN = b"content-length: 2\r\n\r\nab"
REFRAMED = {
    "chunk extension": (CHUNKED + b'2;a="b;c"\r\nab\r\n0;d\r\n\r\n', b"2\r\nab\r\n0\r\n\r\n"),
    "long chunk extension": (
        CHUNKED + b"2;" + b"a" * 100_000 + b"\r\nab\r\n0\r\n\r\n",
        b"2\r\nab\r\n0\r\n\r\n",
    ),
    "zeros before a chunk's size": (
        CHUNKED + b"0" * 50 + b"2\r\nab\r\n000\r\n\r\n",
        b"2\r\nab\r\n0\r\n\r\n",
    ),
    "trailer": (
        CHUNKED + b"2\r\nab\r\n0\r\nAuthorization: Basic x\r\n\r\n",
        b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    ),
    "capitals": (
        HEAD + b"TRANSFER-ENCODING:\tCHUNKED\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        b"2\r\nab\r\n0\r\n\r\n",
    ),
    "length as a connection option": (
        HEAD + b"Connection: content-length\r\nContent-Length: 2\r\n\r\nab",
        PLAIN,
    ),
    "tab behind the length": (HEAD + b"Content-Length: 2\t\r\n\r\nab", PLAIN),
    "blank lines before": (b"\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nab", PLAIN),
    "HTTP/1.0": (HEAD.replace(b"1.1", b"1.0") + b"Content-Length: 2\r\n\r\nab", PLAIN),
}


@pytest.mark.parametrize("name", REFRAMED)
async def test_what_can_be_read_in_one_way_only_reaches_the_engine_in_our_own_framing(
    proxied, recorder, name
):
    raw, expected = REFRAMED[name]
    proxy = await proxied(upstream={"urls": [recorder.url]})
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(raw)
    await recorder.hear(expected)
    writer.close()

    heard = bytes(recorder.heard)
    assert heard.startswith(b"POST /p/_doc/1 HTTP/1.1\r\nhost: 127.0.0.1:")
    assert heard.count(b"HTTP/1.1\r\n") == 1
    assert heard.count(b"content-length") + heard.count(b"transfer-encoding") == 1
    assert b"authorization" not in heard.lower()


@pytest.mark.parametrize(
    "rest",
    [
        b"zz\r\n",
        b"3\r\nabcXX",
        b"1;\x00\r\nx\r\n",
        b"0\r\nContent-Length: 1\r\n\r\n",
        pytest.param(b"1;" + b"a" * 2 * LARGE, id="extension without end"),
        pytest.param(b"0\r\nX-A: " + b"a" * 2 * LARGE, id="field in the trailer without end"),
        pytest.param(b"0\r\n" + b"X-A: b\r\n" * LARGE, id="trailer without end"),
    ],
)
async def test_a_body_that_goes_wrong_later_is_broken_off_upstream(proxied, recorder, rest):
    proxy = await proxied(upstream={"urls": [recorder.url]})
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(CHUNKED + b"2\r\nab\r\n")
    await recorder.hear(b"ab\r\n")
    async with asyncio.timeout(5):
        writer.write(rest)
        answer = await reader.read()
        await recorder.closed.wait()
    writer.close()

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert not recorder.heard.endswith(b"\r\n0\r\n\r\n")


async def test_requests_before_a_refused_one_are_answered_first(proxied, write_http):
    async def answer(asked):
        await asyncio.sleep(0.05)
        return write_http(asked.target.encode())

    proxy = await proxied(answer)
    good = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"

    got = await converse(proxy.port, good % 1 + good % 2 + b"garbage\r\n\r\n" + good % 3)

    first, second, third = got.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert first.endswith(b"/1")
    assert second.startswith(b"200")
    assert second.endswith(b"/2")
    assert third.startswith(b"400")
    assert b"bad_http_request" in third
    assert [asked.target for asked in proxy.engine.asked] == ["/1", "/2"]


async def test_requests_before_one_with_a_broken_body_are_answered_first(proxied, write_http):
    async def answer(asked):
        await asyncio.sleep(0.05)
        return write_http(asked.target.encode())

    proxy = await proxied(answer)

    got = await converse(proxy.port, b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n" + CHUNKED + b"zz\r\n")

    first, second = got.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert first.endswith(b"/1")
    assert second.startswith(b"400")
    assert [asked.target for asked in proxy.engine.asked] == ["/1"]


async def test_nothing_is_written_into_an_answer_that_has_begun(proxied, recorder):
    async def accept(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    proxy = await proxied(upstream={"urls": [url]})
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(CHUNKED + b"2\r\nab\r\n")
    async with asyncio.timeout(20):
        begun = await reader.readuntil(b"half")
        writer.write(b"zz\r\n")
        rest = await reader.read()
    writer.close()
    server.close()

    assert begun.startswith(b"HTTP/1.1 200")
    assert rest == b""


async def test_an_offer_costs_no_field_without_a_value(proxied):
    proxy = await proxied()

    answer = await proxy.send(OFFER + b"X-Empty:\r\nContent-Length: 2\r\n\r\nab")

    assert answer.status == 200
    assert ("x-empty", "") in proxy.engine.asked[0].fields
