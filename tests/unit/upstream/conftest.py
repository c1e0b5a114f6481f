"""A server on a real socket that keeps what it was sent, byte for byte."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trustme

from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream
from qrmiddleware.upstream.exchange import UpstreamRequest

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


class Engine:
    """Answers every request of a connection through ``answer``; ``heads`` are as they came."""

    def __init__(self, answer=None):
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.hung_up = asyncio.Event()
        self._answer = answer or answer_with(OK)
        self._serving = {}

    async def serve(self, reader, writer):
        self.connections += 1
        self._serving[asyncio.current_task()] = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self._answer(self, reader, writer)
        self.hung_up.set()
        writer.close()

    async def stop(self):
        for writer in self._serving.values():
            writer.transport.abort()
        if self._serving:
            await asyncio.wait(self._serving, timeout=1)
        await asyncio.sleep(0)

    @property
    def head(self):
        return self.heads[-1].decode("latin-1")

    @property
    def fields(self):
        return [tuple(line.split(": ", 1)) for line in self.head.split("\r\n")[1:-2]]

    async def read_body(self, reader):
        """Read a body of either framing and keep it."""
        body = b"".join([chunk async for chunk in self.chunks(reader)])
        self.bodies.append(body)
        return body

    async def chunks(self, reader):
        fields = dict(self.fields)
        if "content-length" in {name.lower() for name in fields}:
            left = int(next(v for k, v in fields.items() if k.lower() == "content-length"))
            while left:
                chunk = await reader.readexactly(min(left, 65536))
                left -= len(chunk)
                yield chunk
        elif fields.get("transfer-encoding") == "chunked":
            while size := int(await reader.readuntil(b"\r\n"), 16):
                yield await reader.readexactly(size)
                await reader.readuntil(b"\r\n")
            await reader.readuntil(b"\r\n")


def answer_with(reply: bytes):
    async def answer(engine, reader, writer):
        await engine.read_body(reader)
        writer.write(reply)
        await writer.drain()

    return answer


class Asking:
    """An upstream that can be asked in one line."""

    def __init__(self, upstream: ClusterUpstream):
        self.send = upstream.send

    async def ask(self, method="GET", target="/", headers=(), body=None):
        reply = await self.send(UpstreamRequest(method, target, headers, body))
        return reply, await reply.read()


Start = Callable[..., Awaitable[str]]


@pytest.fixture
async def start_engine() -> AsyncIterator[Start]:
    """Start engines; the URL of each comes back."""
    servers = []
    engines = []

    async def start(engine: Engine, *, tls=None, port: int = 0) -> str:
        server = await asyncio.start_server(engine.serve, "127.0.0.1", port, ssl=tls)
        servers.append(server)
        engines.append(engine)
        scheme = "https" if tls else "http"
        return f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield start
    for server in servers:
        server.close()
    for engine in engines:
        await engine.stop()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def unused_url() -> str:
    """Where nobody listens."""
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def make_engine() -> Callable[..., Engine]:
    """Make an engine from a reply's bytes, or from a coroutine that answers."""

    def make(answer) -> Engine:
        return Engine(answer_with(answer) if isinstance(answer, bytes) else answer)

    return make


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Awaitable[Asking]]]:
    """Connect to nodes by URL."""
    upstreams = []

    async def connect(*urls: str, **options) -> Asking:
        patient = {"timeout_ms": 20_000, "connect_timeout_ms": 10_000}
        options = {**patient, "dead_node_backoff_ms": 30_000, **options}
        upstreams.append(ClusterUpstream(ClusterOptions(urls=urls, **options)))
        await upstreams[-1].start()
        return Asking(upstreams[-1])

    yield connect
    for upstream in upstreams:
        await upstream.close()
