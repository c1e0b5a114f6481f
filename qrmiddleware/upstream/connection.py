"""One kept connection to a node."""

import asyncio
from typing import Final, cast

from qrmiddleware.upstream.wire import ReplyReader, WireError

MOST_BUFFERED_BYTES: Final = 256 * 1024
"""Of a reply's body, before the node is held back."""


class ConnectionBrokenError(Exception):
    """The connection ended, or what came in makes no sense."""


class Connection(asyncio.Protocol):
    """Carries one exchange after the other.

    Attributes:
        used_at: When its last exchange ended, by the event loop's clock.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.used_at = loop.time()
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._reader: ReplyReader | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._problem: str | None = None
        self._paused = False

    @property
    def usable(self) -> bool:
        """Whether another exchange may begin."""
        done = self._reader is None or (self._reader.complete and self._reader.keeps_alive)
        return self._problem is None and done

    def begin(self, *, bodiless: bool) -> ReplyReader:
        """Begin an exchange; what comes in goes to the reader that is returned."""
        self._reader = ReplyReader(bodiless=bodiless)
        return self._reader

    def write(self, data: bytes) -> None:
        """Send bytes; nothing happens if the connection has ended."""
        if self._transport is not None and self._problem is None:
            self._transport.write(data)

    async def drain(self) -> None:
        """Wait until more may be written, without building up a queue.

        Raises:
            ConnectionBrokenError: If the connection has ended.
        """
        if self._writable is not None:
            await asyncio.shield(self._writable)
        self._check()

    async def wait(self, silence_s: float | None) -> None:
        """Wait until something has come in.

        Raises:
            TimeoutError: If nothing did for this long.
            ConnectionBrokenError: If the connection has ended instead.
        """
        self._check()
        self._resume()
        waiter = self._waiter = self._loop.create_future()
        timer = None if silence_s is None else self._loop.call_later(silence_s, _expire, waiter)
        try:
            await waiter
        finally:
            self._waiter = None
            if timer is not None:
                timer.cancel()

    def wake(self) -> None:
        """End a wait."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end("closed by us")

    def peer_certificate(self) -> bytes:
        """Return the node's certificate in DER; empty without TLS."""
        session = self._transport and self._transport.get_extra_info("ssl_object")
        return cast("bytes", session.getpeercert(binary_form=True)) if session else b""

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on; hold the node back if nobody takes what it sends."""
        if self._reader is None or self._reader.complete:
            self.abort()
            return
        try:
            self._reader.feed(data)
        except WireError as error:
            self._end(f"its reply is not HTTP: {error}")
            self.abort()
        self._hold_back(self._reader)
        self.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note the end, which may also be the reply's."""
        if self._reader is not None and exc is None:
            self._reader.end()
        self._end(str(exc) if exc else "the node closed the connection")

    def pause_writing(self) -> None:
        """Make writers wait."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Let writers go on."""
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None

    def _check(self) -> None:
        if self._problem is not None:
            raise ConnectionBrokenError(self._problem)

    def _end(self, problem: str) -> None:
        self._problem = self._problem or problem
        if self._writable is not None:
            self.resume_writing()
        self.wake()

    def _hold_back(self, reader: ReplyReader) -> None:
        full = reader.buffered_bytes >= MOST_BUFFERED_BYTES and not reader.complete
        if full and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()


def _expire(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
