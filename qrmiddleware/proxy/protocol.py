"""HTTP as engines' clients speak it: stricter than uvicorn by itself, and no body is lost."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from qrmiddleware.proxy.client import TARGET, Hangup
from qrmiddleware.proxy.patience import Late, Patience, unread_by_client_bytes
from qrmiddleware.proxy.refusals import write_refusal
from qrmiddleware.proxy.shedding import Shedding

_OFFERED: Final = frozenset({b"upgrade", b"http2-settings"})
_NOT_HTTP: Final = "the request is not HTTP that can be read"
_LARGEST_HEAD_BYTES: Final = 256 * 1024  # engines take 16 KiB, unless they are told otherwise
_LINGER_S: Final = 2.0


class BadHeadError(Exception):
    """A head that two servers might understand as two different requests, or is too large."""


class EngineProtocol(HttpToolsProtocol):
    """Ignores offers to upgrade, answers what is not HTTP as an engine would, tells of hang-ups.

    Java clients offer HTTP/2 (``upgrade: h2c``) with their first request. A server may ignore
    that, but httptools stops reading there, and the request's body would be lost.

    It also refuses what is too much, before anything is set up to serve it, and ends what a client
    begins and does not go on with.

    Source: RFC 9110, section 7.8.
    """

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 uvicorn's own
        patience: Patience,
        shedding: Shedding | None = None,
        **kwargs: Any,  # noqa: ANN401 uvicorn's own
    ) -> None:
        super().__init__(*args, **kwargs)
        self._patience = patience
        self._shedding = shedding
        self._is_shed = False
        self._closes = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection."""
        self._hangup = Hangup()
        self._refusal = b""
        self._unread_bytes = 0
        self._unsent_bytes = 0
        self._moved_s = self.loop.time()
        self._head_since_s: float | None = self._moved_s
        self._look_later()
        super().connection_made(cast("asyncio.Transport", transport))

    def connection_lost(self, exc: Exception | None) -> None:
        """Let the connection go, and say so to whoever serves it."""
        self._next_look.cancel()
        super().connection_lost(exc)
        self._hangup.happened()

    def shutdown(self) -> None:
        """End an idle connection, and others with their reply; the server stops.

        Over TLS, closing waits for the client's word, and one that idles in a pool says none.
        """
        super().shutdown()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        idles = cycle is None or cycle.response_complete
        if self.scheme == "https" and idles and not unread_by_client_bytes(self.transport):
            self.loop.call_later(_LINGER_S, self.transport.abort)

    def _look_later(self) -> None:
        self._next_look = self.loop.call_later(self._patience.look_s, self._look)

    def _look(self) -> None:
        """End the connection if its client has let the proxy wait for too long."""
        now_s = self.loop.time()
        unsent_bytes = unread_by_client_bytes(self.transport)
        if unsent_bytes != self._unsent_bytes or not (unsent_bytes or self._is_body_due):
            self._moved_s = now_s
        self._unsent_bytes = unsent_bytes
        if self.flow.read_paused and self._head_since_s is not None:
            self._head_since_s = now_s
        oldest_s = now_s - self._patience.limit_s
        if self._head_since_s is not None and self._head_since_s < oldest_s:
            self._end_late("head")
        elif self._moved_s < oldest_s:
            self._end_late("reply" if unsent_bytes else "body")
        else:
            self._look_later()

    @property
    def _is_body_due(self) -> bool:
        """Whether nothing but the client keeps the rest of a request from coming in."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if self._refusal or self._is_shed or cycle is None:
            return self._is_shed and not self._refusal
        awaited = not (cycle.waiting_for_100_continue or self.flow.read_paused)
        return awaited and cycle.more_body and not cycle.response_complete

    def _end_late(self, what: Late) -> None:
        if self.headers is None:  # a connection that was never used
            self.transport.close()
            return
        self._patience.note_late(what)
        if what == "reply":
            self.transport.abort()
            return
        self._look_later()  # it may not read its refusal either
        self._head_since_s = None
        self._refuse_rest(self._patience.refusal(what))

    def on_message_begin(self) -> None:
        """Begin a request's scope."""
        self._unset_keepalive_if_required()
        self._head_since_s = self._moved_s
        super().on_message_begin()
        cast("dict[str, Any]", self.scope)[Hangup.KEY] = self._hangup

    def on_headers_complete(self) -> None:
        """Begin a request, unless it offers an upgrade: then it is read again without."""
        fields, unread_bytes = self.headers, self._unread_bytes
        self._unread_bytes = 0
        self._head_since_s = None
        if unread_bytes > _LARGEST_HEAD_BYTES and _size_bytes(fields) > _LARGEST_HEAD_BYTES:
            raise BadHeadError(_too_large("head"))
        _check_head(fields, self.parser.get_http_version())
        if self.parser.should_upgrade():
            return
        shedding = self._shedding
        if self.transport.is_closing():
            self._is_shed = True
        elif shedding is not None and len(self.tasks) >= shedding.limit and self._has_turn:
            self._shed(shedding)
        else:
            self._unset_keepalive_if_required()
            cast("dict[str, Any]", self.scope)[TARGET] = self.url
            super().on_headers_complete()
        self.headers = []  # a trailer is no part of the head: RFC 9110, section 6.5.1

    def on_body(self, body: bytes) -> None:
        """Take a piece of a request's body, or drop it with the request."""
        self._unread_bytes = 0
        if not self._is_shed:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request's body."""
        self._unread_bytes = 0
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
        self.timeout_keep_alive_task = self.loop.call_later(
            self.timeout_keep_alive, self.timeout_keep_alive_handler
        )

    def on_response_complete(self) -> None:
        """Go on with what has come in meanwhile."""
        was_last = not self.pipeline
        super().on_response_complete()
        if self._refusal and was_last and not self.transport.is_closing():
            self._refuse()

    def data_received(self, data: bytes) -> None:
        """Take what came in; nothing any more behind what was refused."""
        if self._refusal:
            return
        self._moved_s = self.loop.time()
        self._unread_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self.parser.get_method() == b"CONNECT":
                self._refuse_rest(_not_http("CONNECT is for forward proxies; this is none"))
                return
            head = self._head_without_offer()
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
            self.data_received(head + data[offer.args[0] :])
        except httptools.HttpParserError as error:
            cause = error.__context__
            known = isinstance(cause, BadHeadError | httptools.HttpParserError)
            self._refuse_rest(_not_http(f"{_NOT_HTTP}: {cause if known else error}"))
        else:
            if self._unread_bytes > _LARGEST_HEAD_BYTES:
                self._refuse_rest(_not_http(f"{_NOT_HTTP}: {_too_large('head, chunk or trailer')}"))

    def _head_without_offer(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        kept = [_without_offer(name, value) for name, value in self.headers]
        lines = [b"%b: %b\r\n" % field for field in kept if field is not None]
        return b"%b %b HTTP/%b\r\n%b\r\n" % (method, self.url, version, b"".join(lines))

    def _refuse_rest(self, refusal: bytes) -> None:
        """Refuse what comes, behind the answers to what came before; the connection ends."""
        self._refusal = refusal
        if self.transport.is_closing():
            return
        if self._is_shed:  # it has its answer
            self.transport.close()
            return
        last = cast("RequestResponseCycle | None", self.cycle)
        if last is not None and last.more_body:  # the fault is in its own body
            last.disconnected = True
            if self.pipeline:
                self.pipeline.popleft()
                return
            self._hangup.happened()
            self._refuse(whole=not last.response_started)
        elif last is None or last.response_complete:
            self._refuse()

    def _refuse(self, *, whole: bool = True) -> None:
        """Write the refusal, unless half an answer is out already, and close."""
        if not whole:
            self.transport.close()
            return
        self.transport.write(self._refusal)
        if not self.transport.can_write_eof():
            self.transport.close()
            return
        self.transport.write_eof()  # closing resets clients that still send, and they never read
        self.flow.resume_reading()
        self.loop.call_later(_LINGER_S, self.transport.close)


def _check_head(fields: Sequence[tuple[bytes, bytes]], version: str) -> None:
    """Refuse what the parser lets through, and others may read otherwise.

    Source: RFC 9112, sections 3.2 and 6.1.
    """
    if version not in ("1.1", "1.0"):
        problem = f"HTTP/{version}, and engines speak 1.1"
        raise BadHeadError(problem)
    hosts = 0
    for name, value in fields:
        if name == b"host":
            hosts += 1
        elif name == b"transfer-encoding" and (
            value.strip(b" \t").lower() != b"chunked" or version == "1.0"
        ):
            problem = "a Transfer-Encoding other than chunked, or of HTTP/1.0"
            raise BadHeadError(problem)
    if hosts > 1:
        problem = "more than one Host"
        raise BadHeadError(problem)


def _size_bytes(fields: Sequence[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) for name, value in fields)


def _not_http(reason: str) -> bytes:
    return write_refusal(HTTPStatus.BAD_REQUEST, "bad_http_request", reason, closes=True)


def _too_large(what: str) -> str:
    return f"its {what} is larger than {_LARGEST_HEAD_BYTES} bytes"


def _without_offer(name: bytes, value: bytes) -> tuple[bytes, bytes] | None:
    """Return a header field without what it says of upgrades; ``None`` if that was all."""
    if name in _OFFERED:
        return None
    if name != b"connection":
        return name, value
    options = [option.strip() for option in value.split(b",")]
    kept = [option for option in options if option.lower() not in _OFFERED]
    return (name, b", ".join(kept)) if kept else None
