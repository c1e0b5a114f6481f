"""An engine that finds the same for every search, until it is told to misbehave."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import httptools
import msgspec

from qrmiddleware_benchmarks.constant import search_reply

_BODY: Final = search_reply(4_000)
_BACKLOG: Final = 1_024
_LINGER_NONE: Final = struct.pack("ii", 1, 0)
"""Socket option that makes closing a reset."""

Manner: TypeAlias = Callable[["Asked"], Awaitable[None]]
"""How an engine answers."""


@dataclass(slots=True)
class FaultyEngine:
    """Listens on a port of this machine, in this process.

    Attributes:
        port: Where.
        manner: How it answers now.
        asked: Requests so far.
    """

    port: int
    manner: Manner = field(default_factory=lambda: fine)
    asked: int = 0
    _server: asyncio.Server | None = None
    _open: set["_Served"] = field(default_factory=set["_Served"])

    async def start(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Served(self), "127.0.0.1", self.port, backlog=_BACKLOG, reuse_address=True
        )

    def kill(self) -> None:
        """Stop listening, and reset all connections, as the system does for a killed process."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._open):
            connection.reset()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, with the means to answer it.

    Attributes:
        connection: Where it came from.
        body: What is asked.
    """

    connection: "_Served"
    body: bytes

    def answer(self, status: int = 200, body: bytes = _BODY, *, of_it: float = 1.0) -> None:
        """Write a reply, or a part of it."""
        head = (
            f"HTTP/1.1 {status} Status\r\nx-elastic-product: Elasticsearch\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self.connection.write(head.encode() + body[: int(len(body) * of_it)])


async def fine(asked: Asked) -> None:
    """Find what is always found."""
    asked.answer()


def refusing(status: int, kind: str) -> Manner:
    """Answer with an error."""
    cause = {"type": kind, "reason": "out of order"}
    body = msgspec.json.encode({"error": {"root_cause": [cause], **cause}, "status": status})

    async def refuse(asked: Asked) -> None:
        asked.answer(status, body)

    return refuse


def refusing_if(part: bytes, manner: Manner) -> Manner:
    """Misbehave for bodies with these bytes in them only."""

    async def choose(asked: Asked) -> None:
        await (manner if part in asked.body else fine)(asked)

    return choose


def first_time(manner: Manner) -> Manner:
    """Misbehave when a body is asked, and not when it is asked again; and so on in turn."""
    again: set[bytes] = set()

    async def choose(asked: Asked) -> None:
        if asked.body in again:
            again.discard(asked.body)
            await fine(asked)
        else:
            again.add(asked.body)
            await manner(asked)

    return choose


async def partial(asked: Asked) -> None:
    """Find something, but not on every shard."""
    reply: dict[str, Any] = msgspec.json.decode(_BODY)
    cause = {"type": "node_not_connected_exception", "reason": "out of order"}
    failure = {"shard": 0, "index": "products", "node": "a", "reason": cause}
    shards = {"total": 2, "successful": 1, "skipped": 0, "failed": 1, "failures": [failure]}
    asked.answer(body=msgspec.json.encode({**reply, "_shards": shards}))


def slow(seconds: float) -> Manner:
    """Find it after a while."""

    async def dawdle(asked: Asked) -> None:
        await asyncio.sleep(seconds)
        asked.answer()

    return dawdle


async def resets_midway(asked: Asked) -> None:
    """Send half a reply, and reset the connection."""
    asked.answer(of_it=0.5)
    await asyncio.sleep(0.01)
    asked.connection.reset()


async def resets_at_once(asked: Asked) -> None:
    """Take the request, and reset the connection."""
    asked.connection.reset()


async def talks_rubbish(asked: Asked) -> None:
    """Say what is no HTTP."""
    asked.connection.write(b"\x00\x01 what do you mean?\r\n\r\n")


async def stays_silent(asked: Asked) -> None:
    """Take the request, and never answer."""


class _Served(asyncio.Protocol):
    """One connection; the parser calls back."""

    def __init__(self, engine: FaultyEngine) -> None:
        self._engine = engine
        self._parser: Any = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._body: list[bytes] = []
        self._answering: set[asyncio.Task[None]] = set()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def reset(self) -> None:
        if self._transport is not None:
            channel: socket.socket = self._transport.get_extra_info("socket")
            if not self._transport.is_closing():
                channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
        self._engine._open.add(self)  # noqa: SLF001 - its own connections

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._engine._open.discard(self)  # noqa: SLF001 - its own connections
        for answering in self._answering:
            answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        engine = self._engine
        asked = Asked(self, b"".join(self._body))
        engine.asked += 1
        answering = asyncio.ensure_future(engine.manner(asked))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)
