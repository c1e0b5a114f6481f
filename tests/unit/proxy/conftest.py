"""A proxy on a real socket, and behind it an engine that keeps what it was sent to the byte."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trustme
from pydantic import BaseModel

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import ListenSettings
from qrmiddleware.hooks import hookimpl
from qrmiddleware.model import Rewrite
from qrmiddleware.proxy.context import Service
from qrmiddleware.proxy.server import (
    QuietServer,
    listening_socket,
    make_service,
    proxy_config,
)
from qrmiddleware.runner import plugins as installed

LAPTOP = {"query": {"match": {"title": "laptop"}}}


@dataclass(frozen=True)
class Asked:
    """One request as the engine got it."""

    line: str
    fields: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def target(self) -> str:
        return self.line.split(" ")[1]

    def field(self, name: str) -> str | None:
        return dict(self.fields).get(name)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One reply as the client got it."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes

    def field(self, name: str) -> str | None:
        return dict(self.fields).get(name)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def read_head(reader) -> tuple[str, tuple[tuple[str, str], ...]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    line, *rest = head.split("\r\n")[:-2]
    pairs = (text.split(": ", 1) for text in rest)
    return line, tuple((name.lower(), value) for name, value in pairs)


async def read_body(reader, fields) -> bytes:
    fields = dict(fields)
    if "content-length" in fields:
        return await reader.readexactly(int(fields["content-length"]))
    if "chunked" not in fields.get("transfer-encoding", ""):
        return b""
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readuntil(b"\r\n")
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


def http(body: bytes | object = b"{}", status: str = "200 OK", **fields: str) -> bytes:
    """Write a reply; what is no bytes is written as JSON."""
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {
        "content-type": "application/json",
        "content-length": str(len(body)),
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin-1") + body


def found(*titles: str, **more: Any) -> dict[str, Any]:
    """Return a search reply with hits d1, d2, …"""
    hits = [
        {"_index": "p", "_id": f"d{n}", "_score": 1.0 / n, "_source": {"title": title}}
        for n, title in enumerate(titles, start=1)
    ]
    total = {"value": len(hits), "relation": "eq"}
    return {"took": 1, "hits": {"total": total, "max_score": 1.0, "hits": hits}, **more}


@dataclass
class Engine:
    """Answers with ``answer``: raw bytes, or what a function of the request returns."""

    answer: bytes | Callable[[Asked], bytes | Awaitable[bytes]] = field(
        default_factory=lambda: http(found("acme laptop"))
    )
    asked: list[Asked] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    got_one: asyncio.Event = field(default_factory=asyncio.Event)
    connections: list[asyncio.Task[None]] = field(default_factory=list)

    async def close(self) -> None:
        """Wait until all connections are gone, which the proxy has let go of."""
        await asyncio.wait_for(asyncio.gather(*self.connections), 10)

    async def accept(self, reader, writer) -> None:
        self.connections.append(asyncio.current_task())
        try:
            await self._serve(reader, writer)
        finally:
            self.hung_up.set()
            writer.close()

    async def _serve(self, reader, writer) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                line, fields = await read_head(reader)
                asked = Asked(line, fields, await read_body(reader, fields))
                self.asked.append(asked)
                self.got_one.set()
                answering = asyncio.ensure_future(self._answer(asked))
                watching = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((answering, watching), return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    answering.cancel()
                    break
                watching.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watching
                reply = answering.result()
                writer.write(reply)
                await writer.drain()
                if b"connection: close" in reply:
                    break

    async def _answer(self, asked: Asked) -> bytes:
        answer = self.answer(asked) if callable(self.answer) else self.answer
        return answer if isinstance(answer, bytes) else await answer


@dataclass(frozen=True)
class Proxied:
    """A proxy under test, its engine, and a client."""

    service: Service
    engine: Engine
    port: int

    async def send(self, raw: bytes, *, method: str = "GET") -> Reply:
        """Send bytes over a connection of their own, and read one reply."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(raw)
        try:
            return await self.read(reader, method=method)
        finally:
            writer.close()

    async def read(self, reader, *, method: str = "GET") -> Reply:
        line, fields = await read_head(reader)
        body = b"" if method == "HEAD" else await read_body(reader, fields)
        return Reply(int(line.split(" ")[1]), fields, body)

    async def ask(
        self, target: str = "/p/_search", body: object = None, method: str = "POST", **fields: str
    ) -> Reply:
        """Ask as most clients do; fields are named with underscores."""
        if not isinstance(body, bytes | None):
            body = json.dumps(body).encode()
        kind = {"content-type": "application/json"} if body is not None else {}
        named = {"host": "x", **kind, **{k.replace("_", "-"): v for k, v in fields.items()}}
        if body is not None:
            named.setdefault("content-length", str(len(body)))
        lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
        head = f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()
        return await self.send(head + (body or b""), method=method)


class Synonyms:
    """Proposes a notebook for a laptop."""

    class Settings(BaseModel):
        word: str = "notebook"

    def __init__(self, settings):
        self._word = settings.word

    @hookimpl
    def qrm_rewrite(self, query):
        return [Rewrite(self._word)] if "laptop" in query.text else None


@dataclass(frozen=True)
class Installed:
    """As much of an entry point as is used."""

    plugin: type

    def load(self) -> type:
        return self.plugin


Start = Callable[..., Awaitable[Proxied]]


@pytest.fixture
def install(monkeypatch) -> Callable[..., None]:
    """Install plugin classes by name."""

    def install(**plugins: type) -> None:
        known = {name: Installed(plugin) for name, plugin in plugins.items()}
        monkeypatch.setattr(installed, "installed_plugins", lambda: known)

    return install


@pytest.fixture
async def proxied(install) -> AsyncIterator[Start]:
    """Start proxies: ``await proxied(answer, plugins={...}, pipelines={...})``."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer=None, *, plugins=None, **config) -> Proxied:
            install(synonyms=Synonyms, **(plugins or {}))
            engine = Engine() if answer is None else Engine(answer)
            server = await asyncio.start_server(engine.accept, "127.0.0.1", 0)
            stack.callback(server.close)
            stack.push_async_callback(engine.close)
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            upstream = {"urls": [url], "timeout_ms": 20_000, **config.pop("upstream", {})}
            flags = {"upstream": upstream, "log": {"level": "error"}, **config}
            service = make_service(load_settings(environment={}, flags=flags))
            service.pipelines.startup()
            stack.callback(service.pipelines.shutdown)
            await service.upstream.start()
            stack.push_async_callback(service.upstream.close)
            port = await stack.enter_async_context(serving(service))
            return Proxied(service, engine, port)

        yield start


@contextlib.asynccontextmanager
async def serving(service: Service) -> AsyncIterator[int]:
    """Serve without the loop that looks for signals ten times a second, and end at once."""
    server = QuietServer(proxy_config(service), service.log.warning)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    listener = listening_socket(ListenSettings(), 0)
    port = listener.getsockname()[1]
    await server.startup(sockets=[listener])
    try:
        yield port
    finally:
        for each in server.servers:
            each.close()
        for connection in list(server.server_state.connections):
            connection.transport.close()
        await asyncio.sleep(0)


@pytest.fixture(scope="session")
def tls_sides() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return how 127.0.0.1 serves TLS, and how a client trusts it."""
    authority = trustme.CA()
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(served)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return served, trusting


@pytest.fixture
def one_synonym() -> dict[str, Any]:
    """The pipelines of a configuration in which a plugin acts on laptops."""
    return {"default": {"timeout_ms": 10_000, "rewriters": [{"plugin": "synonyms"}]}}


@pytest.fixture
def write_http() -> Callable[..., bytes]:
    return http


@pytest.fixture
def reply_with() -> Callable[..., dict[str, Any]]:
    return found


@pytest.fixture
def laptop() -> dict[str, Any]:
    return LAPTOP
