"""HTTP/1.1 as bytes: writes the heads of requests, reads replies piece by piece."""

from collections import deque

import httptools

from qrmiddleware.upstream.exchange import Headers
from qrmiddleware.upstream.fields import from_wire, to_wire

_LARGEST_HEAD_BYTES = 16 * 1024 * 1024  # an engine's replies carry a Warning a deprecation
_INTERIM = range(100, 200)
_SWITCHING = 101


class WireError(Exception):
    """What came in is not an HTTP/1.1 reply, or what should go out is not a request."""


def request_head(method: str, target: str, fields: Headers) -> bytes:
    """Write a request's head, byte for byte as it is given.

    Raises:
        WireError: If a part has a line break in it, or the target a blank: it would be read
            as something else.
    """
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
    text = "\r\n".join(lines) + "\r\n\r\n"
    breaks = len(lines) + 1
    if (text.count("\r"), text.count("\n")) != (breaks, breaks) or " " in target:
        message = "a request's target and fields may have no line breaks, nor a target blanks"
        raise WireError(message)
    return to_wire(text)


def chunk_frame(chunk: bytes) -> bytes:
    """Write a piece of a chunked body; an empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(chunk), chunk)


class ReplyReader:
    """One reply, read as its bytes come in.

    Args:
        bodiless: Whether the reply has no body whatever its fields say, as to a HEAD.

    Attributes:
        status: The HTTP status; 0 until the head is there.
        fields: Of the head, names in lower case.
        complete: Whether the last byte is there.
        keeps_alive: Whether the connection may be used again, once ``complete``.
        buffered_bytes: Size of the body's part that has not been taken yet.
    """

    def __init__(self, *, bodiless: bool = False) -> None:
        self.status = 0
        self.fields: list[tuple[str, str]] = []
        self.complete = False
        self.keeps_alive = False
        self.buffered_bytes = 0
        self._bodiless = bodiless
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._head_bytes = 0
        self._until_end = True

    def feed(self, data: bytes) -> None:
        """Read further bytes.

        Raises:
            WireError: If they make no HTTP reply.
        """
        if self._parser is None:
            self.keeps_alive = False
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.complete:
                raise WireError(str(error.__context__ or error)) from error
            self.keeps_alive = False
        if self.complete:
            self._parser = None  # it refers back to this; a cycle would wait for the collector

    def end(self) -> None:
        """Note that nothing more comes; completes a reply that only the end delimits."""
        if self.status and self._until_end:
            self.complete = True

    def take(self) -> bytes:
        """Return all of the body that is there and has not been taken yet."""
        taken = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self.buffered_bytes = 0
        return taken

    # Called by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a field of the head; those behind the body are left out."""
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > _LARGEST_HEAD_BYTES:
            message = f"a head of more than {_LARGEST_HEAD_BYTES} bytes"
            raise WireError(message)
        if not self.status:
            self.fields.append((from_wire(name).lower(), from_wire(value)))

    def on_headers_complete(self) -> None:
        """Take the head, unless it announces another, or is one too many."""
        if self.complete or self._parser is None:
            return
        status = self._parser.get_status_code()
        if status == _SWITCHING:
            message = "it switches to a protocol that nobody asked for"
            raise WireError(message)
        if status in _INTERIM:
            self.fields.clear()
            return
        self.status = status
        self.keeps_alive = self._parser.should_keep_alive()
        names = {name for name, _ in self.fields}
        self._until_end = names.isdisjoint(("content-length", "transfer-encoding"))
        self.complete = self._bodiless

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        if self.complete:
            self.keeps_alive = False
            return
        self._chunks.append(body)
        self.buffered_bytes += len(body)

    def on_message_begin(self) -> None:
        """Notice a second reply, which nobody asked for."""
        if self.complete:
            self.keeps_alive = False

    def on_message_complete(self) -> None:
        """Note the end, unless it was an interim reply's."""
        if self.status:
            self.complete = True
