"""A node's reply, as it comes in."""

import asyncio
from collections.abc import AsyncIterator, Callable

from qrmiddleware.errors import UpstreamError
from qrmiddleware.upstream.connection import (
    MOST_BUFFERED_BYTES,
    Connection,
    ConnectionBrokenError,
)
from qrmiddleware.upstream.exchange import Headers
from qrmiddleware.upstream.fields import end_to_end
from qrmiddleware.upstream.wire import ReplyReader


class NodeReply:
    """The reply to a request that has been written, or is being written by ``upload``.

    Args:
        connection: Carries it, and is let go of as soon as the reply's last byte is there.
        reader: Of the reply.
        node: Whose reply, for messages.
        silence_s: How long the node may say nothing, once it has the request.
        let_go: Takes the connection back, and is told whether it may carry another exchange.
        upload: Writes the request's body.
    """

    def __init__(
        self,
        connection: Connection,
        reader: ReplyReader,
        *,
        node: str,
        silence_s: float,
        let_go: Callable[[Connection, bool], None],
        upload: asyncio.Task[None] | None = None,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._node = node
        self._silence_s = silence_s
        self._let_go = let_go
        self._upload = upload
        self._headers: Headers = ()
        self._held = True
        if upload is not None:
            upload.add_done_callback(self._after_upload)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._reader.status

    @property
    def headers(self) -> Headers:
        """Without hop-by-hop fields."""
        return self._headers

    async def begin(self) -> None:
        """Wait for status and headers; let go of the connection if they do not come.

        Raises:
            TimeoutError: If the node said nothing for too long.
            ConnectionBrokenError: If the connection ended.
            Exception: What the upload raised.
        """
        try:
            while not self._reader.status:
                self._raise_of_upload()
                await self._connection.wait(self._patience_s())
        except BaseException:
            self.abandon()
            raise
        self._headers = end_to_end(self._reader.fields)
        self._settle()

    async def gather(self, *, whole: bool) -> None:
        """Wait for the body, which stays to be read; let go of the connection if it breaks off.

        Args:
            whole: For all of it, however long it is; else for no more than is held of a reply
                that nobody takes.

        Raises:
            TimeoutError: If the node said nothing for too long.
            ConnectionBrokenError: If the connection ended.
        """
        reader = self._reader
        try:
            while not reader.complete and (whole or reader.buffered_bytes < MOST_BUFFERED_BYTES):
                await self._connection.wait(self._patience_s())
        except BaseException:
            self.abandon()
            raise
        self._settle()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives; raises ``UpstreamError`` if it breaks off."""
        while chunk := await self._next():
            yield chunk

    async def read(self) -> bytes:
        """Return the whole body; raises ``UpstreamError`` if it breaks off."""
        if self._reader.complete:
            return self._reader.take()
        return b"".join([chunk async for chunk in self.chunks()])

    async def close(self) -> None:
        """Close the connection if the reply has not come in to its end."""
        self.abandon()

    def abandon(self) -> None:
        """Do what ``close`` does, at once."""
        if self._held:
            self._release(reusable=False)

    async def _next(self) -> bytes:
        try:
            while not (self._reader.buffered_bytes or self._reader.complete):
                await self._connection.wait(self._patience_s())
        except TimeoutError as error:
            self.abandon()
            message = f"{self._node}: the reply stopped half-way"
            raise UpstreamError(message, status=504) from error
        except ConnectionBrokenError as error:
            self.abandon()
            message = f"{self._node}: the reply broke off ({error})"
            raise UpstreamError(message, status=502) from error
        self._settle()
        return self._reader.take()

    def _patience_s(self) -> float | None:
        uploading = self._upload is not None and not self._upload.done()
        return None if uploading else self._silence_s

    def _settle(self) -> None:
        if self._held and self._reader.complete:
            uploaded = self._upload is None or self._upload.done()
            self._release(reusable=uploaded and self._reader.keeps_alive)

    def _release(self, *, reusable: bool) -> None:
        self._held = False
        if self._upload is not None:
            self._upload.cancel()
        self._let_go(self._connection, reusable)

    def _after_upload(self, upload: asyncio.Task[None]) -> None:
        if not upload.cancelled() and upload.exception() is not None:
            self._connection.abort()
        self._connection.wake()

    def _raise_of_upload(self) -> None:
        if self._upload is None or not self._upload.done():
            return
        problem = self._upload.exception()
        if problem is not None and not isinstance(problem, ConnectionBrokenError):
            raise problem
