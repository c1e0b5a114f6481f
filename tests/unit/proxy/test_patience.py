"""Clients that begin something and do not go on: whom the proxy waits for, and for how long."""

import asyncio
import json
import socket
import sys

import pytest
from prometheus_client.parser import text_string_to_metric_families

from qrmiddleware.proxy.patience import unread_by_client_bytes

LIMIT_S = 0.4
SOON_S = 20.0
SEARCH = b'{"query": {"match": {"title": "laptop"}}}'
POST = b"POST /p/_doc/1 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
HALF_HEAD = POST + b"content-le"
HALF_BODY = POST + b"content-length: %d\r\n\r\n" % len(SEARCH) + SEARCH[:10]
LARGE_BYTES = 30_000_000
PIECES = 14


@pytest.fixture
def hasty(proxied):
    """Start a proxy that waits for clients, but not for long."""

    async def start(answer=None, *, upstream=None, **limits):
        patient = {"client_timeout_ms": LIMIT_S * 1_000, **limits}
        return await proxied(answer, limits=patient, upstream=upstream or {})

    return start


def late(proxy) -> dict[str, float]:
    """Return how many connections ended because a client was late, by what it was late with."""
    families = text_string_to_metric_families(proxy.service.metrics.render().decode())
    samples = [sample for family in families for sample in family.samples]
    return {s.labels["part"]: s.value for s in samples if s.name == "qrm_late_clients_total"}


def after(seconds, reply):
    """Return how an engine answers that takes so long."""

    async def answer(_):
        await asyncio.sleep(seconds)
        return reply

    return answer


async def rest_of(reader) -> bytes:
    return await asyncio.wait_for(reader.read(), SOON_S)


@pytest.mark.parametrize(
    ("begun", "part"),
    [
        (HALF_HEAD, "head"),
        (POST, "head"),
        (b"P", "head"),
        (HALF_BODY, "body"),
        (POST + b"transfer-encoding: chunked\r\n\r\n", "body"),
        (POST + b"transfer-encoding: chunked\r\n\r\n5\r\nab", "body"),
    ],
)
async def test_who_does_not_go_on_is_told_so_and_let_go(hasty, begun, part):
    proxy = await hasty()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(begun)
    refused = await asyncio.wait_for(proxy.read(reader), SOON_S)

    assert (refused.status, refused.field("connection")) == (408, "close")
    assert refused.json["error"]["type"] == "request_timeout_exception"
    assert f"request's {part}" in refused.json["error"]["reason"]
    assert "limits.client_timeout_ms" in refused.json["error"]["reason"]
    assert await rest_of(reader) == b""
    assert late(proxy) == {part: 1}
    assert proxy.engine.asked == []
    writer.close()


async def test_a_head_has_its_limit_as_a_whole_however_it_drips(hasty):
    proxy = await hasty()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    reading = asyncio.create_task(proxy.read(reader))

    writer.write(POST)
    async with asyncio.timeout(SOON_S):
        while not reading.done():
            writer.write(b"x-a: b\r\n")
            await asyncio.sleep(LIMIT_S / 8)

    assert (await reading).status == 408
    writer.close()


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"\r\n" * 50])
async def test_a_connection_that_is_not_used_ends_without_a_word(hasty, begun):
    proxy = await hasty()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(begun)

    assert await rest_of(reader) == b""
    assert late(proxy) == {}
    writer.close()


async def test_a_body_may_take_its_time_as_long_as_it_comes(hasty):
    proxy = await hasty(client_timeout_ms=2_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(POST + b"content-length: %d\r\n\r\n" % PIECES)
    for _ in range(PIECES):  # for longer than the limit, in all
        await asyncio.sleep(0.2)
        writer.write(b"x")
    answered = await proxy.read(reader)
    writer.close()

    assert answered.status == 200
    assert proxy.engine.asked[0].body == b"x" * PIECES
    assert late(proxy) == {}


async def test_the_engine_may_take_longer_than_clients_may(hasty, write_http):
    proxy = await hasty(after(2 * LIMIT_S, write_http(b"{}")))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(POST + b"content-length: 1\r\n\r\nx" + HALF_BODY)
    await asyncio.sleep(LIMIT_S / 4)
    writer.write(SEARCH[10:] + POST)
    await asyncio.sleep(LIMIT_S / 4)
    writer.write(b"content-length: 0\r\n\r\n")
    statuses = [(await proxy.read(reader)).status for _ in range(3)]
    writer.close()

    assert statuses == [200, 200, 200]
    assert [asked.body for asked in proxy.engine.asked] == [b"x", SEARCH, b""]
    assert late(proxy) == {}


async def test_who_sends_more_than_the_engine_takes_at_once_is_not_late(hasty, write_http):
    async def take_slowly(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(3 * LIMIT_S)
        await reader.readexactly(LARGE_BYTES)
        writer.write(write_http(b"{}"))
        writer.close()

    engine = await asyncio.start_server(take_slowly, "127.0.0.1", 0)
    port = engine.sockets[0].getsockname()[1]
    proxy = await hasty(upstream={"urls": [f"http://127.0.0.1:{port}"]})

    answered = await proxy.send(
        POST + b"content-length: %d\r\n\r\n" % LARGE_BYTES + b"x" * LARGE_BYTES
    )
    engine.close()

    assert answered.status == 200
    assert late(proxy) == {}


async def test_a_head_that_is_not_read_because_others_wait_is_not_late(hasty, write_http):
    proxy = await hasty(after(3 * LIMIT_S, write_http(b"{}")))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    whole = POST + b"content-length: 0\r\n\r\n"

    writer.write(POST + b"content-length: 1\r\n\r\nx")
    await asyncio.wait_for(proxy.engine.got_one.wait(), SOON_S)
    writer.write(whole + whole[:40])
    await asyncio.sleep(LIMIT_S / 4)
    writer.write(whole[40:])
    statuses = [(await proxy.read(reader)).status for _ in range(3)]
    writer.close()

    assert statuses == [200, 200, 200]
    assert late(proxy) == {}


async def test_who_is_late_behind_another_request_hears_of_both_in_order(hasty, write_http):
    proxy = await hasty(after(3 * LIMIT_S, write_http(b"{}")))
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(POST + b"content-length: 1\r\n\r\nx" + HALF_HEAD)
    statuses = [(await proxy.read(reader)).status for _ in range(2)]

    assert statuses == [200, 408]
    assert await rest_of(reader) == b""
    writer.close()


async def test_who_is_late_makes_room_for_others(hasty):
    proxy = await hasty(max_under_way=1, client_timeout_ms=1_500)
    late_reader, late_writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    late_writer.write(HALF_BODY)
    await asyncio.sleep(LIMIT_S / 8)

    refused = await proxy.ask("/p/_search", SEARCH)
    assert (await asyncio.wait_for(proxy.read(late_reader), SOON_S)).status == 408
    answered = await proxy.ask("/p/_search", SEARCH)
    late_writer.close()

    assert (refused.status, answered.status) == (429, 200)


async def test_the_rest_of_what_is_refused_is_not_waited_for_either(hasty, write_http):
    go_on = asyncio.Event()

    async def held(_):
        await go_on.wait()
        return write_http(b"{}")

    proxy = await hasty(held, max_under_way=1)
    first = asyncio.create_task(proxy.ask("/p/_doc/1", SEARCH))
    await asyncio.wait_for(proxy.engine.got_one.wait(), SOON_S)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(HALF_BODY)
    refused = await proxy.read(reader)

    assert refused.status == 429
    assert await rest_of(reader) == b""
    assert late(proxy) == {"body": 1}
    go_on.set()
    assert (await first).status == 200
    writer.close()


async def small_window(port: int):
    """Connect as a client whose system takes little that it has not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", port))
    return client


async def test_who_does_not_read_on_is_let_go_and_so_is_the_engine(hasty, write_http):
    proxy = await hasty(write_http(b"x" * LARGE_BYTES))
    with await small_window(proxy.port) as client:
        await asyncio.get_running_loop().sock_sendall(client, POST + b"content-length: 0\r\n\r\n")

        await asyncio.wait_for(proxy.engine.hung_up.wait(), SOON_S)

    assert late(proxy) == {"reply": 1}


@pytest.mark.skipif(sys.platform != "linux", reason="the system's queue is asked on Linux only")
@pytest.mark.parametrize("tls", [False, True])
def test_what_a_client_has_not_read_shrinks_with_what_it_reads(tls, tls_sides):
    import uvloop  # noqa: PLC0415 does not exist on Windows

    served, trusting = tls_sides
    client_side = {"ssl": trusting, "server_hostname": "127.0.0.1"} if tls else {}

    async def seen() -> tuple[int, int, int]:
        loop = asyncio.get_running_loop()
        taken = loop.create_future()

        class Sender(asyncio.Protocol):
            def connection_made(self, transport):
                taken.set_result(transport)

        server = await loop.create_server(Sender, "127.0.0.1", 0, ssl=served if tls else None)
        reader, writer = await asyncio.open_connection(
            *server.sockets[0].getsockname(), limit=65_536, **client_side
        )
        sender = await asyncio.wait_for(taken, SOON_S)
        await asyncio.sleep(0.1)  # over TLS, a ticket is on its way
        idle = unread_by_client_bytes(sender)
        sender.write(b"x" * LARGE_BYTES)
        await asyncio.sleep(0.3)
        full = unread_by_client_bytes(sender)
        await reader.readexactly(500_000)
        await asyncio.sleep(0.2)
        later = unread_by_client_bytes(sender)
        sender.abort()
        writer.transport.abort()
        server.close()
        await asyncio.sleep(0.05)
        return idle, full, later

    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        idle, full, later = runner.run(seen())

    assert idle == 0
    assert 0 < later < full


async def test_who_reads_slowly_but_reads_gets_everything(hasty, write_http):
    body = json.dumps("x" * LARGE_BYTES).encode()
    proxy = await hasty(write_http(body), client_timeout_ms=1_500)
    loop, received = asyncio.get_running_loop(), bytearray()
    in_haste_from_s = loop.time() + 3  # twice the limit
    with await small_window(proxy.port) as client:
        await loop.sock_sendall(client, POST + b"content-length: 0\r\n\r\n")
        async with asyncio.timeout(60):
            while len(received) < len(body) and (piece := await loop.sock_recv(client, 2**16)):
                received += piece
                await asyncio.sleep(0.1 if loop.time() < in_haste_from_s else 0)

    assert received.endswith(body)
    assert late(proxy) == {}
