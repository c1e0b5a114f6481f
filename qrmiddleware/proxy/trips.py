"""Trips upstream on behalf of a client's search."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from qrmiddleware.dsl.raw import NotJsonError, read_object, read_strictly
from qrmiddleware.dsl.uri import Parameters, join_target
from qrmiddleware.proxy.context import Exchange
from qrmiddleware.upstream.exchange import Headers, UpstreamReply, UpstreamRequest

RENDERED_HERE = frozenset({"filter_path", "pretty"})
"""Parameters that shape the reply, and so are applied to what the proxy answers."""

BODY_ERRORS = frozenset({400, 413, 500})
"""What engines answer to a body that they cannot read, run or hold."""

LOAD_ERRORS = frozenset({429, 502, 503})
"""What engines answer where they do not take as much, or not now."""

_BODY_HEADERS = frozenset({"content-encoding", "accept-encoding", "content-length"})


@dataclass(frozen=True, slots=True)
class TripReply:
    """A whole reply to a trip, uncompressed."""

    status: int
    headers: Headers
    body: bytes

    @property
    def blames_the_body(self) -> bool:
        """Whether another body might have been answered."""
        return self.status in BODY_ERRORS

    @property
    def blames_the_load(self) -> bool:
        """Whether fewer searches might have been answered."""
        return self.status in LOAD_ERRORS


class RefusedError(Exception):
    """The upstream did not answer a search with 200; ``reply`` is what it said."""

    def __init__(self, reply: TripReply) -> None:
        super().__init__(f"HTTP {reply.status}")
        self.reply = reply


class Trips:
    """Sends bodies to the endpoint that a client's request was for, or to another.

    Args:
        exchange: With the client; the headers of its request are used.
        path: Where to send to.
    """

    def __init__(self, exchange: Exchange, path: str) -> None:
        self._exchange = exchange
        self._path = path
        self.headers: Headers = ()
        """Of the last reply."""

    async def ask(self, body: bytes, parameters: Parameters) -> TripReply:
        """Send one body, and read the whole reply."""
        request = self._exchange.request
        headers = request.forwarded_headers(without=_BODY_HEADERS)
        if not request.header("content-type"):
            headers = [*headers, ("content-type", "application/json")]
        answer = await self._exchange.service.upstream.send(
            UpstreamRequest("POST", join_target(self._path, parameters), headers, body, whole=True)
        )
        reply = await whole(answer)
        self.headers = reply.headers
        return reply

    async def ask_all(self, bodies: Sequence[bytes], parameters: Parameters) -> tuple[bytes, ...]:
        """Send bodies at the same time, each with the same parameters.

        Raises:
            RefusedError: If one is not answered with 200.
        """
        upstream = parameters.without(RENDERED_HERE)
        if len(bodies) == 1:
            replies = [await self.ask(bodies[0], upstream)]
        else:
            replies = await self._exchange.together(self.ask(body, upstream) for body in bodies)
        for reply in replies:
            if reply.status != 200:  # noqa: PLR2004 the HTTP status for success
                raise RefusedError(reply)
        return tuple(reply.body for reply in replies)


async def render_template(exchange: Exchange, template: bytes) -> bytes | None:
    """Let the upstream render a search template; ``None`` if it cannot."""
    request = exchange.request
    kind = request.header("content-type").replace("x-ndjson", "json") or "application/json"
    headers = [
        *request.forwarded_headers(without=_BODY_HEADERS | {"content-type"}),
        ("content-type", kind),
    ]
    asked = UpstreamRequest("POST", "/_render/template", headers, template)
    reply = await whole(await exchange.service.upstream.send(asked))
    try:
        output = read_object(reply.body)["template_output"]
        read_strictly(read_object, output)
    except (NotJsonError, KeyError):
        return None
    return bytes(output)


async def whole(answer: UpstreamReply) -> TripReply:
    """Read a reply to its end, and decompress it."""
    try:
        body = await answer.read()
    finally:
        await answer.close()
    headers = [pair for pair in answer.headers if pair[0] not in _BODY_HEADERS]
    if dict(answer.headers).get("content-encoding") == "gzip":
        body = zlib.decompress(body, wbits=31)
    return TripReply(answer.status, headers, body)
