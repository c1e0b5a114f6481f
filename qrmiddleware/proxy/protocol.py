"""HTTP as engines' clients speak it, where uvicorn by itself would lose a body."""

import asyncio
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from qrmiddleware.proxy.client import Hangup, error_body
from qrmiddleware.proxy.shedding import Shedding

_OFFERED: Final = frozenset({b"upgrade", b"http2-settings"})
_NOT_HTTP: Final = "the request is not HTTP that can be read"


class EngineProtocol(HttpToolsProtocol):
    """Ignores offers to upgrade, answers what is not HTTP as an engine would, tells of hang-ups.

    Java clients offer HTTP/2 (``upgrade: h2c``) with their first request. A server may ignore
    that, but httptools stops reading there, and the request's body would be lost.

    It also refuses what is too much, before anything is set up to serve it.

    Source: RFC 9110, section 7.8.
    """

    def __init__(self, *args: Any, shedding: Shedding | None = None, **kwargs: Any) -> None:  # noqa: ANN401 uvicorn's own
        super().__init__(*args, **kwargs)
        self._shedding = shedding
        self._is_shed = False
        self._closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._hangup = Hangup()
        super().connection_made(cast("asyncio.Transport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the connection go, and say so to whoever serves it."""
        super().connection_lost(exc)
        self._hangup.happened()

    def on_message_begin(self) -> None:
        """Begin a request's scope."""
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[Hangup.KEY] = self._hangup

    def on_headers_complete(self) -> None:
        """Begin a request, unless it offers an upgrade: then it is read again without."""
        if self.parser.should_upgrade():
            return
        shedding = self._shedding
        if self.transport.is_closing():
            self._is_shed = True
        elif shedding is not None and len(self.tasks) >= shedding.limit and self._has_turn:
            self._shed(shedding)
        else:
            self._unset_keepalive_if_required()
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a request's body, or drop it with the request."""
        if not self._is_shed:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request's body."""
        if self._is_shed:
            self._is_shed = False
            self._end_shed()
        elif not self.parser.should_upgrade():
            super().on_message_complete()

    @property
    def _has_turn(self) -> bool:
        """Whether a reply may be written at once: none is due before, and the client reads."""
        last = cast("RequestResponseCycle | None", self.cycle)
        return (last is None or last.response_complete) and not self.flow.write_paused

    def _shed(self, shedding: Shedding) -> None:
        """Refuse a request; its body is read on and dropped, for who is reset reads no reply.

        A client that waits for a word before it sends its body may never send it, so that what
        came next would be taken for it: the connection ends.
        """
        self._is_shed = True
        waits = self.expect_100_continue
        self._closes = waits or not self.parser.should_keep_alive()
        bodiless = self.parser.get_method() == b"HEAD"
        self.transport.write(shedding.reply(bodiless=bodiless, closes=self._closes))
        shedding.refused()
        if waits:
            self.transport.close()

    def _end_shed(self) -> None:
        """Close the connection behind a refusal, or keep it for as long as others that idle."""
        if self._closes:
            self.transport.close()
            return
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def data_received(self, data: bytes) -> None:
        """Take what came in."""
        self._unset_keepalive_if_required()
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
