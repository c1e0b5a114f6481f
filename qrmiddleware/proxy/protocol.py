"""HTTP as engines' clients speak it, where uvicorn by itself would lose a body."""

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from qrmiddleware.proxy.client import Hangup, error_body

_OFFERED: Final = frozenset({b"upgrade", b"http2-settings"})
_NOT_HTTP: Final = "the request is not HTTP that can be read"
_MOST_HEAD_BYTES: Final = 2**17
"""Of a request's line and headers; engines read 16 KiB."""


class EngineProtocol(HttpToolsProtocol):
    """Ignores offers to upgrade, answers what is not HTTP as an engine would, tells of hang-ups.

    Java clients offer HTTP/2 (``upgrade: h2c``) with their first request. A server may ignore
    that, but httptools stops reading there, and the request's body would be lost.

    Source: RFC 9110, section 7.8.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._hangup = Hangup()
        self._in_head, self._ended, self._head_bytes = True, False, 0
        super().connection_made(cast("asyncio.Transport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the connection go, and say so to whoever serves it."""
        super().connection_lost(exc)
        self._hangup.happened()

    def on_message_begin(self) -> None:
        """Begin a request's scope."""
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        cast("dict[str, Any]", self.scope)[Hangup.KEY] = self._hangup

    def on_headers_complete(self) -> None:
        """Begin a request, unless it offers an upgrade: then it is read again without."""
        self._in_head = False
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request's body."""
        self._ended = True
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take what came in."""
        self._unset_keepalive_if_required()
        self._ended = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self.parser.get_method() == b"CONNECT":
                self.send_400_response("CONNECT is for forward proxies; this is none")
                return
            head = self._head_without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.data_received(head + data[offer.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__ or error
            self.send_400_response(f"{_NOT_HTTP}: {cause}")
        else:
            self._bound_head(len(data))

    def _bound_head(self, came: int) -> None:
        """Refuse a head that does not end: all of it is held in memory until it does."""
        head_only = self._in_head and not self._ended
        self._head_bytes = self._head_bytes + came if head_only else 0
        if self._head_bytes > _MOST_HEAD_BYTES:
            self.send_400_response(f"line and headers of a request exceed {_MOST_HEAD_BYTES} bytes")

    def _head_without_offer(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = [_without_offer(name, value) for name, value in self.headers]
        lines = [b"%b: %b\r\n" % field for field in kept if field[1]]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(lines))

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, and close the connection."""
        body = error_body(HTTPStatus.BAD_REQUEST, "bad_http_request", msg)
        head = (
            b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
            b"content-length: %d\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head % len(body) + body)
        self.transport.close()


def _without_offer(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    """Return a header field without what it says of upgrades; its value may be empty then."""
    if name in _OFFERED:
        return name, b""
    if name != b"connection":
        return name, value
    options = [option.strip() for option in value.split(b",")]
    return name, b", ".join(option for option in options if option.lower() not in _OFFERED)
