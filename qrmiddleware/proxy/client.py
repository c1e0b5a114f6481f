"""One request of a client and its reply, over ASGI."""

import gzip
import re
import zlib
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    MutableMapping,
)
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qrmiddleware.dsl.raw import write
from qrmiddleware.dsl.uri import Parameters, join_target
from qrmiddleware.upstream.exchange import Headers, UpstreamRequest
from qrmiddleware.upstream.fields import end_to_end

if TYPE_CHECKING:
    import asyncio

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

TARGET: Final = "qrm.target"
"""Of the scope: what the request line asks for, to the byte, which ASGI has no word for."""

OUR_PARAMETERS: Final = frozenset({"qrm_pipeline", "qrm_debug", "qrm_timeout_ms"})
_COMPUTED: Final = ("content-length", "expect", "host")
_BODILESS: Final = (204, 304)
_NO_GZIP: Final = re.compile(r"gzip\s*;\s*q\s*=\s*0(\.0*)?\s*(,|$)")
_OTHER_FORMATS: Final = ("yaml", "cbor", "smile")
_SOURCE_PARAMETERS: Final = frozenset({"source", "source_content_type"})
_WORTH_COMPRESSING: Final = 1_024


class ClientGoneError(Exception):
    """The client closed the connection before its reply."""


class TooLargeError(Exception):
    """The body is larger than the proxy reads; ``head`` is what has been read of it."""

    def __init__(self, head: bytes) -> None:
        super().__init__(f"more than {len(head)} bytes")
        self.head = head


class Hangup:
    """One connection's word to whoever serves it that the client has gone.

    It stands in the ASGI scope, where waiting for ``receive`` would take a task a request.
    """

    KEY: Final = "qrm.hangup"
    """Of the scope."""

    def __init__(self) -> None:
        self.is_over = False
        """Whether the client has gone."""
        self._told: Callable[[], None] | None = None

    def tell(self, told: Callable[[], None] | None) -> None:
        """Call this when the client goes, and nothing else any more; ``None`` for nobody."""
        self._told = told

    def happened(self) -> None:
        """Say that the client has gone."""
        self.is_over = True
        if self._told is not None:
            self._told()


class ClientRequest:
    """What a client asks: an ASGI scope with words for what the proxy looks at."""

    def __init__(self, scope: Message, receive: Receive) -> None:
        self._receive = receive
        self._body_read = False
        self._hangup: Hangup = scope.get(Hangup.KEY) or Hangup()
        self.gone = self._hangup.is_over
        """Whether the client has closed the connection before its reply."""
        self.method: str = scope["method"]
        self.path: str = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        self.query_string: str = scope["query_string"].decode("latin-1")
        self._target: str = scope.get(TARGET, b"").decode("latin-1")
        self.headers: Headers = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]
        ]

    @cached_property
    def _header_map(self) -> dict[str, str]:
        return dict(self.headers)

    def header(self, name: str) -> str:
        """Return a header's value, or ``""``; ``name`` in lower case."""
        return self._header_map.get(name, "")

    @cached_property
    def parameters(self) -> Parameters:
        """Of the URL, all of them."""
        return Parameters.parse(self.query_string)

    @property
    def forwarded_target(self) -> str:
        """Path and query as they came, without our own parameters."""
        if "qrm" not in self.query_string:
            if self._target.startswith("/"):
                return self._target
            return f"{self.path}?{self.query_string}" if self.query_string else self.path
        return join_target(self.path, self.parameters.without(OUR_PARAMETERS))

    def forwarded_headers(self, *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
        """Return what goes upstream of the headers: no hop-by-hop fields, none of ours."""
        kept = end_to_end(self.headers, without=(*_COMPUTED, *without))
        return [pair for pair in kept if not pair[0].startswith("x-qrm-")]

    def as_it_came(self, body: bytes | AsyncIterable[bytes] | None) -> UpstreamRequest:
        """Return what goes upstream when only our own parameters and headers are taken out."""
        headers = self.forwarded_headers()
        length = self.header("content-length")
        if length and not isinstance(body, bytes | None):
            headers.append(("content-length", length))
        return UpstreamRequest(self.method, self.forwarded_target, headers, body or None)

    def with_body(self, body: bytes) -> UpstreamRequest:
        """Return what goes upstream with a plain JSON body in place of the client's own."""
        headers = self.forwarded_headers(without=("content-encoding",))
        if not self.header("content-type"):
            headers.append(("content-type", "application/json"))
        parameters = self.parameters.without(OUR_PARAMETERS | _SOURCE_PARAMETERS)
        return UpstreamRequest(self.method, join_target(self.path, parameters), headers, body)

    @property
    def is_json(self) -> bool:
        """Whether body and reply are JSON, so that the proxy can read them."""
        asked = self.parameters.get("format") or self.header("accept")
        formats = f"{asked} {self.header('content-type')}".lower()
        return not any(other in formats for other in _OTHER_FORMATS)

    @property
    def accepts_gzip(self) -> bool:
        """Whether the client reads compressed replies."""
        accepted = self.header("accept-encoding").lower()
        return "gzip" in accepted and _NO_GZIP.search(accepted) is None

    @property
    def may_be_large(self) -> bool:
        """Whether the body is long, or of unknown length."""
        length = self.header("content-length")
        return bool(self.header("transfer-encoding")) or (length.isdigit() and int(length) > 2**16)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes in; raises ``ClientGoneError``."""
        while not self._body_read:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            self._body_read = not message.get("more_body", False)
            yield message.get("body", b"")

    async def body(self, limit: int) -> bytes:
        """Read the whole body; raises ``TooLargeError``, ``ClientGoneError``."""
        parts: list[bytes] = []
        size = 0
        async for chunk in self.chunks():
            parts.append(chunk)
            size += len(chunk)
            if size > limit:
                raise TooLargeError(b"".join(parts))
        return b"".join(parts)

    def plain(self, body: bytes, limit: int) -> bytes:
        """Decompress a body if it is compressed.

        Raises:
            ValueError: If it cannot be, or is longer than ``limit`` then.
        """
        encoding = self.header("content-encoding")
        if encoding in ("", "identity"):
            return body
        if encoding != "gzip":
            problem = f"content-encoding {encoding}"
            raise ValueError(problem)
        inflater = zlib.decompressobj(wbits=31)
        try:
            text = inflater.decompress(body, limit)
        except zlib.error as error:
            raise ValueError(str(error)) from error
        if inflater.unconsumed_tail or inflater.unused_data or not inflater.eof:
            problem = f"more than {limit} bytes, cut short, or of several parts"
            raise ValueError(problem)
        return text

    def cancel_when_gone(self, serving: "asyncio.Task[Any]", reply: "ClientReply") -> None:
        """Cancel the task that serves this request if the client goes before its reply."""

        def cancel() -> None:
            if not reply.finished:
                self.gone = True
                serving.cancel()

        self._hangup.tell(cancel)

    def stop_watching(self) -> None:
        """Let the connection go."""
        self._hangup.tell(None)


class ClientReply:
    """The reply on its way to a client."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.finished = False

    @property
    def started(self) -> bool:
        """Whether status and headers have been sent."""
        return self.status != 0

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers."""
        if status in _BODILESS:
            headers = [pair for pair in headers if pair[0] != "content-length"]
        self.status = status
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(n.encode("latin-1"), v.encode("latin-1")) for n, v in headers],
            }
        )

    async def write(self, chunk: bytes) -> None:
        """Send a piece of the body."""
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def finish(self, body: bytes = b"") -> None:
        """Send the last piece."""
        self.finished = True
        await self._send({"type": "http.response.body", "body": body})

    async def send(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole reply."""
        await self.start(status, [*headers, ("content-length", str(len(body)))])
        await self.finish(body)

    async def send_error(self, status: int, kind: str, reason: str) -> None:
        """Send an error as Elasticsearch would."""
        headers = [("content-type", "application/json")]
        await self.send(status, headers, error_body(status, kind, reason))


def error_body(status: int, kind: str, reason: str) -> bytes:
    """Write an error as Elasticsearch would."""
    cause = {"type": kind, "reason": reason.encode(errors="replace").decode()}
    return write({"error": {"root_cause": [cause], **cause}, "status": status})


def compressed(body: bytes, request: ClientRequest) -> tuple[bytes, Headers]:
    """Compress a body for a client that reads gzip; returns it with the headers to add."""
    if not request.accepts_gzip or len(body) < _WORTH_COMPRESSING:
        return body, []
    return gzip.compress(body, compresslevel=3, mtime=0), [
        ("content-encoding", "gzip"),
        ("vary", "accept-encoding"),
    ]
