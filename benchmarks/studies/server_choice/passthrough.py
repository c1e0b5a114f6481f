"""One pass-through proxy, written for every server and with every client that we compare.

Each is as small as it can be: the server's own interface on one side, one client on the other.
"""

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import aiohttp
from aiohttp import web
from elastic_transport import AiohttpHttpNode, HttpHeaders, NodeConfig
from yarl import URL

from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream
from qrmiddleware.upstream.exchange import Headers, UpstreamRequest

_URL = os.environ.get("STUDY_UPSTREAM", "http://127.0.0.1:9301")
_BODILESS = ("GET", "HEAD")

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, Headers, bytes]
Ask = Callable[[str, str, list[tuple[str, str]], bytes], Awaitable[Answer]]


class Client(Protocol):
    """Asks upstream."""

    async def start(self) -> None:
        """Open what is needed."""

    async def ask(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Make one trip."""


class Ours:
    """``ClusterUpstream``: elastic-transport's node pool, and our own HTTP on httptools."""

    def __init__(self) -> None:
        self._upstream = ClusterUpstream(ClusterOptions(urls=(_URL,)))

    async def start(self) -> None:
        """Nothing to open."""

    async def ask(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Make one trip."""
        reply = await self._upstream.send(UpstreamRequest(method, target, headers, body or None))
        return reply.status, reply.headers, await reply.read()


class StockNode:
    """elastic-transport's aiohttp node as it is: it adds fields, and reads bodies whole."""

    async def start(self) -> None:
        """Make the node."""
        host, _, port = _URL.removeprefix("http://").partition(":")
        self._node = AiohttpHttpNode(NodeConfig("http", host, int(port), connections_per_node=256))

    async def ask(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Make one trip."""
        kept = {name: value for name, value in headers if name not in ("host", "content-length")}
        reply = await self._node.perform_request(method, target, body or None, HttpHeaders(kept))
        return reply.meta.status, list(reply.meta.headers.items()), reply.body


class BareAiohttp:
    """An aiohttp session and nothing else."""

    async def start(self) -> None:
        """Open the session."""
        self._origin = URL(_URL)
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(limit=256),
            skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
        )

    async def ask(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Make one trip."""
        kept = [field for field in headers if field[0] not in ("host", "content-length")]
        url = self._origin.with_path(target, encoded=True)
        async with self._session.request(method, url, data=body or None, headers=kept) as reply:
            fields = [(name.decode().lower(), value.decode()) for name, value in reply.raw_headers]
            return reply.status, fields, await reply.read()


class Httpx:
    """httpx with its defaults, save the limits."""

    async def start(self) -> None:
        """Open the client."""
        httpx: Any = importlib.import_module("httpx")  # not a dependency: it lost
        limits = httpx.Limits(max_connections=256, max_keepalive_connections=256)
        self._client = httpx.AsyncClient(base_url=_URL, limits=limits)

    async def ask(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        """Make one trip."""
        kept = [field for field in headers if field[0] not in ("host", "content-length")]
        reply = await self._client.request(method, target, content=body, headers=kept)
        return reply.status_code, list(reply.headers.items()), reply.content


class AsgiProxy:
    """The proxy as a raw ASGI application."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the start."""
        if scope["type"] == "lifespan":
            await receive()
            await self._client.start()
            await send({"type": "lifespan.startup.complete"})
            return
        body = b"" if scope["method"] in _BODILESS else await _read(receive)
        target = scope["raw_path"] + (
            b"?" + scope["query_string"] if scope["query_string"] else b""
        )
        headers = [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        status, fields, answer = await self._client.ask(
            scope["method"], target.decode(), headers, body
        )
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in fields]
        await send({"type": "http.response.start", "status": status, "headers": encoded})
        await send({"type": "http.response.body", "body": answer})


async def _read(receive: Receive) -> bytes:
    chunks = []
    while True:
        message = await receive()
        chunks.append(message["body"])
        if not message.get("more_body"):
            return b"".join(chunks)


class RsgiScope(Protocol):
    """What Granian tells about a request."""

    method: str
    path: str
    query_string: str
    headers: Any


class RsgiProtocol(Protocol):
    """How Granian takes the answer."""

    async def __call__(self) -> bytes:
        """Read the request's body."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        """Answer."""


class RsgiProxy:
    """The proxy on Granian's own interface."""

    def __init__(self) -> None:
        self._client = Ours()

    async def __rsgi__(self, scope: "RsgiScope", protocol: "RsgiProtocol") -> None:
        """Answer one request."""
        target = f"{scope.path}?{scope.query_string}" if scope.query_string else scope.path
        body = b"" if scope.method in _BODILESS else await protocol()
        headers = list(scope.headers.items())
        status, fields, answer = await self._client.ask(scope.method, target, headers, body)
        protocol.response_bytes(status, list(fields), answer)


async def _aiohttp_web(request: web.Request) -> web.Response:
    client = request.app[_CLIENT]
    headers = [(name.decode().lower(), value.decode()) for name, value in request.raw_headers]
    body = await request.read()
    status, fields, answer = await client.ask(request.method, request.raw_path, headers, body)
    kept = [field for field in fields if field[0] != "content-length"]
    return web.Response(status=status, headers=kept, body=answer)


_CLIENT = web.AppKey("client", Ours)


async def _started(app: web.Application) -> AsyncIterator[None]:
    app[_CLIENT] = Ours()
    yield


def serve_aiohttp(port: int) -> None:
    """Serve with aiohttp.web on uvloop."""
    import uvloop  # noqa: PLC0415 - the other servers bring their own loop

    app = web.Application(client_max_size=2**30)
    app.cleanup_ctx.append(_started)
    app.router.add_route("*", "/{tail:.*}", _aiohttp_web)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=lambda _: None)


ours = AsgiProxy(Ours())
elastic_transport = AsgiProxy(StockNode())
bare_aiohttp = AsgiProxy(BareAiohttp())
httpx = AsgiProxy(Httpx())
rsgi = RsgiProxy()

if __name__ == "__main__":
    serve_aiohttp(int(sys.argv[1]))
