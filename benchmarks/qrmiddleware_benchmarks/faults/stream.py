"""Clients that search at a steady rate, whatever becomes of their searches."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any, Final

import httptools
import msgspec
import numpy as np

from qrmiddleware_benchmarks.searches import search_request

WHOLE: Final = "200"
"""How a search went that got all it should."""

REFUSED: Final = "refused"
BROKEN_OFF: Final = "broken off"
LATE: Final = "late"
_CONNECTION_ERRORS: Final = (REFUSED, BROKEN_OFF)
_HOST: Final = "127.0.0.1"
_TARGET: Final = "/products/_search"
_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What a client saw of one search.

    Attributes:
        due_s: When it was asked, by ``time.monotonic``.
        ended_s: When it was over.
        first: How the first attempt went: ``"200"``; ``"200 "`` and what was missing; another
            status; ``"refused"`` or ``"broken off"`` for the connection; ``"late"``.
        last: How the last one went: after a connection error clients ask again, as engines' own
            clients do, until their patience ends.
        tries: How many there were.
    """

    due_s: float
    ended_s: float
    first: str
    last: str
    tries: int

    @property
    def answered(self) -> bool:
        """Whether the client got hits in the end."""
        return self.last.startswith(WHOLE)


@dataclass(slots=True)
class Stream:
    """Searches at random moments, so many a second, and what their clients saw.

    Attributes:
        port: Where they are sent to on this machine.
        bodies: What is asked, in turn.
        rate_hz: Searches a second, on average.
        patience_s: How long a client waits for its hits.
        seen: Searches that are over, in the order of their end.
    """

    port: int
    bodies: Sequence[bytes]
    rate_hz: float = 30.0
    patience_s: float = 10.0
    seen: list[Seen] = field(default_factory=list[Seen])
    _kept: deque["_Connection"] = field(default_factory=deque["_Connection"])
    _under_way: dict["asyncio.Task[None]", float] = field(
        default_factory=dict["asyncio.Task[None]", float]
    )

    @asynccontextmanager
    async def flowing(self) -> AsyncIterator[None]:
        """Search for as long as the block lasts, and wait for the last answers."""
        sending = asyncio.create_task(self._send())
        try:
            yield
        finally:
            sending.cancel()
            await asyncio.gather(sending, *self._under_way, return_exceptions=True)
            for connection in self._kept:
                connection.close()

    async def whole_for(self, seconds: float, *, within_s: float) -> bool:
        """Wait until every search of so many seconds got all it should; false if it never does."""
        end_s = monotonic() + within_s + seconds
        least = self.rate_hz * seconds / 2
        while monotonic() < end_s:
            await asyncio.sleep(0.05)
            since_s = monotonic() - seconds
            late = [each for each in self.seen if each.ended_s >= since_s]
            waiting = any(due_s < since_s for due_s in self._under_way.values())
            if not waiting and len(late) >= least and all(each.last == WHOLE for each in late):
                return True
        return False

    async def _send(self) -> None:
        random = np.random.default_rng(1)
        due_s = monotonic()
        for number in count():
            due_s += float(random.exponential(1 / self.rate_hz))
            await asyncio.sleep(max(0.0, due_s - monotonic()))
            request = search_request(_TARGET, self.bodies[number % len(self.bodies)])
            search = asyncio.create_task(self._search(request, due_s))
            self._under_way[search] = due_s
            search.add_done_callback(lambda done: self._under_way.pop(done, None))

    async def _search(self, request: bytes, due_s: float) -> None:
        end_s = due_s + self.patience_s
        saws = [await self._attempt(request, end_s)]
        pause_s = _PAUSE_S
        while saws[-1] in _CONNECTION_ERRORS and monotonic() + pause_s < end_s:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            saws.append(await self._attempt(request, end_s))
        self.seen.append(Seen(due_s, monotonic(), saws[0], saws[-1], len(saws)))

    async def _attempt(self, request: bytes, end_s: float) -> str:
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(max(0.001, end_s - monotonic())):
                connection = self._still_kept() or await _connect(self.port)
                reply = await connection.ask(request)
        except TimeoutError:
            saw = LATE
        except ConnectionError:
            saw = REFUSED if connection is None else BROKEN_OFF
        else:
            if connection.usable:
                self._kept.append(connection)
            return _read(reply)
        if connection is not None:
            connection.close()
        return saw

    def _still_kept(self) -> "_Connection | None":
        while self._kept:
            connection = self._kept.pop()
            if connection.usable:
                return connection
        return None


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def _read(reply: _Reply) -> str:
    """Say how a search went that was answered."""
    if reply.status != 200:  # noqa: PLR2004 - HTTP's OK
        return str(reply.status)
    try:
        answer = msgspec.json.decode(reply.body)
        whole = bool(answer["hits"]["hits"]) and not answer["timed_out"]
        failed = int(answer["_shards"]["failed"])
    except (msgspec.MsgspecError, LookupError, TypeError):
        return "nonsense"
    if not whole:
        return "no hits"
    if failed:
        return f"{WHOLE} partial"
    if degraded := reply.headers.get("x-qrm-degraded"):
        return f"{WHOLE} {degraded}"
    return WHOLE if reply.headers.get("x-qrm-applied", "none") != "none" else f"{WHOLE} plain"


class _Connection(asyncio.Protocol):
    """One kept connection; the parser calls back."""

    def __init__(self) -> None:
        self.usable = True
        self._transport: asyncio.Transport | None = None
        self._parser: Any = None
        self._waiter: asyncio.Future[_Reply] | None = None
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []

    async def ask(self, request: bytes) -> _Reply:
        """Send a request; raises ``ConnectionError`` if the reply does not come in full."""
        self._parser, self._headers, self._chunks = httptools.HttpResponseParser(self), {}, []
        self._waiter = asyncio.get_running_loop().create_future()
        if self._transport is None or self._transport.is_closing():
            message = "closed by the server"
            raise ConnectionError(message)
        self._transport.write(request)
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Close the connection at once."""
        self.usable = False
        if self._transport is not None:
            self._transport.abort()

    # Called by the event loop and the parser

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport if isinstance(transport, asyncio.Transport) else None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(ConnectionError(f"no HTTP: {error}"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(ConnectionError(str(exc or "closed by the server")))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        self.usable = self._parser.should_keep_alive()
        if self._waiter is not None and not self._waiter.done():
            status = self._parser.get_status_code()
            self._waiter.set_result(_Reply(status, self._headers, b"".join(self._chunks)))

    def _fail(self, error: ConnectionError) -> None:
        self.usable = False
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)


async def _connect(port: int) -> _Connection:
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(_Connection, _HOST, port)
    except OSError as error:
        raise ConnectionError(str(error)) from error
    return connection
