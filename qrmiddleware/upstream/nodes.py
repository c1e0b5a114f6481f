"""One node of a cluster, asked over kept connections."""

import asyncio
import hashlib
import ssl
from collections import deque
from collections.abc import AsyncIterable
from dataclasses import dataclass

from elastic_transport import BaseAsyncNode, NodeConfig

from qrmiddleware.errors import RequestError, UpstreamError
from qrmiddleware.upstream.connection import Connection, ConnectionBrokenError
from qrmiddleware.upstream.exchange import Headers, UpstreamRequest
from qrmiddleware.upstream.fields import end_to_end
from qrmiddleware.upstream.reply import NodeReply
from qrmiddleware.upstream.wire import WireError, chunk_frame, request_head

_KEPT_S = 15.0  # less than load balancers keep an idle connection
_DEFAULT_PORTS = {"http": 80, "https": 443}
_COMPUTED = ("content-length", "expect", "host")
_WITH_BODIES = ("POST", "PUT", "PATCH")


class NodeFailureError(UpstreamError):
    """A node did not answer.

    Attributes:
        name: Of this kind of failure, for those who count them.
    """

    name = "failed"


class UnreachedError(NodeFailureError):
    """The node has seen nothing of the request."""

    name = "unreached"

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=503)


class BusyError(NodeFailureError):
    """No connection to the node became free in time."""

    name = "busy"

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=503)


class BrokenOffError(NodeFailureError):
    """The connection ended, or made no sense, after the request was sent in part or whole."""

    name = "broken_off"

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=502)


class SilentError(NodeFailureError):
    """The node has the request and has not answered in time."""

    name = "silent"

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=504)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for a node.

    Attributes:
        connect_s: For connecting, TLS included.
        silence_s: For anything it should say, and for a free connection.
    """

    connect_s: float
    silence_s: float


class ClusterNode(BaseAsyncNode):
    """A node that is asked with the client's own bytes, and answers with the engine's.

    Attributes:
        url: Scheme, host, port and path, for messages.
    """

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self.url = self.base_url
        self._host_field = _host_field(config)
        self._authorization = config.headers.get("authorization")
        self._free = asyncio.Semaphore(config.connections_per_node)
        self._kept: deque[Connection] = deque()
        self._busy: set[Connection] = set()

    async def ask(self, request: UpstreamRequest, patience: Patience) -> NodeReply:
        """Send a request and wait for the reply's status and headers.

        Raises:
            NodeFailureError: If the node did not answer.
            RequestError: If the request cannot be written as HTTP.
            Exception: What a streamed body raised, unchanged.
        """
        head = self._head(request)
        connection = await self._connection(patience)
        reply = self._send(connection, head, request, patience)
        try:
            await reply.begin()
        except TimeoutError as error:
            problem = f"no reply within {patience.silence_s:g} s"
            raise SilentError(self.url, problem) from error
        except ConnectionBrokenError as error:
            raise BrokenOffError(self.url, f"no reply ({error})") from error
        return reply

    async def gather(self, reply: NodeReply, *, whole: bool) -> None:
        """Wait until a reply is there, or as much of it as is held without ``whole``.

        Raises:
            NodeFailureError: If it breaks off, or stops, before.
        """
        try:
            await reply.gather(whole=whole)
        except TimeoutError as error:
            raise SilentError(self.url, "the reply stopped half-way") from error
        except ConnectionBrokenError as error:
            raise BrokenOffError(self.url, f"the reply broke off ({error})") from error

    async def close(self) -> None:  # type: ignore[override]  # as its base class does
        """Close all connections; what is still under way breaks off."""
        for connection in (*self._kept, *self._busy):
            connection.abort()
        self._kept.clear()

    def _head(self, request: UpstreamRequest) -> bytes:
        try:
            return request_head(
                request.method, self.path_prefix + request.target, self._fields(request)
            )
        except WireError as error:
            raise RequestError(str(error)) from error

    def _fields(self, request: UpstreamRequest) -> Headers:
        fields = [("host", self._host_field), *end_to_end(request.headers, without=_COMPUTED)]
        if self._authorization and all(name != "authorization" for name, _ in fields):
            fields.append(("authorization", self._authorization))
        if framing := _framing(request):
            fields.append(framing)
        return fields

    def _send(
        self, connection: Connection, head: bytes, request: UpstreamRequest, patience: Patience
    ) -> NodeReply:
        reader = connection.begin(bodiless=request.method == "HEAD")
        upload = None
        if request.body is None or isinstance(request.body, bytes):
            connection.write(head + (request.body or b""))
        else:
            connection.write(head)
            upload = asyncio.ensure_future(_upload(connection, request.body, _announced(request)))
        return NodeReply(
            connection,
            reader,
            node=self.url,
            silence_s=patience.silence_s,
            let_go=self._take_back,
            upload=upload,
        )

    async def _connection(self, patience: Patience) -> Connection:
        await self._turn(patience)
        try:
            connection = self._still_kept() or await self._connect(patience)
        except BaseException:
            self._free.release()
            raise
        self._busy.add(connection)
        return connection

    async def _turn(self, patience: Patience) -> None:
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            async with asyncio.timeout(patience.silence_s):
                await self._free.acquire()
        except TimeoutError as error:
            problem = f"all {self.config.connections_per_node} connections are busy"
            raise BusyError(self.url, problem) from error

    def _still_kept(self) -> Connection | None:
        oldest_s = asyncio.get_running_loop().time() - _KEPT_S
        while self._kept and self._kept[0].used_at < oldest_s:
            self._kept.popleft().abort()
        while self._kept:
            connection = self._kept.pop()
            if connection.usable:
                return connection
        return None

    async def _connect(self, patience: Patience) -> Connection:
        loop = asyncio.get_running_loop()
        context = self.config.ssl_context
        try:
            async with asyncio.timeout(patience.connect_s):
                _, connection = await loop.create_connection(
                    lambda: Connection(loop), self.host, self.port, ssl=context
                )
        except TimeoutError as error:
            problem = f"no connection within {patience.connect_s:g} s"
            raise UnreachedError(self.url, problem) from error
        except ssl.SSLCertVerificationError as error:
            problem = f"its certificate is not trusted ({error.verify_message})"
            raise UnreachedError(self.url, problem) from error
        except OSError as error:
            problem = f"cannot connect ({error.strerror or error})"
            raise UnreachedError(self.url, problem) from error
        self._check_fingerprint(connection)
        return connection

    def _check_fingerprint(self, connection: Connection) -> None:
        expected = self.config.ssl_assert_fingerprint
        if expected is None:
            return
        found = hashlib.sha256(connection.peer_certificate()).hexdigest()
        if found != expected.replace(":", "").lower():
            connection.abort()
            raise UnreachedError(self.url, f"its certificate's fingerprint is {found}")

    def _take_back(self, connection: Connection, reusable: bool) -> None:
        self._busy.discard(connection)
        self._free.release()
        if reusable and connection.usable:
            connection.used_at = asyncio.get_running_loop().time()
            self._kept.append(connection)
        else:
            connection.abort()


async def _upload(
    connection: Connection, body: AsyncIterable[bytes], left_bytes: int | None
) -> None:
    async for chunk in body:
        if left_bytes is not None:
            left_bytes -= len(chunk)
            if left_bytes < 0:
                break
            connection.write(chunk)
        elif chunk:
            connection.write(chunk_frame(chunk))
        await connection.drain()
    if left_bytes is None:
        connection.write(chunk_frame(b""))
    elif left_bytes:
        message = "the body is not as long as its content-length says"
        raise RequestError(message)


def _framing(request: UpstreamRequest) -> tuple[str, str] | None:
    """Return the field that says where the body ends, if the request has one."""
    match request.body:
        case bytes(body):
            return "content-length", str(len(body))
        case None:
            return ("content-length", "0") if request.method in _WITH_BODIES else None
        case _:
            length = _announced(request)
            if length is None:
                return "transfer-encoding", "chunked"
            return "content-length", str(length)


def _announced(request: UpstreamRequest) -> int | None:
    """Return the length that a streamed body is said to have."""
    length = next((value for name, value in request.headers if name == "content-length"), "")
    return int(length) if length.isdecimal() else None


def _host_field(config: NodeConfig) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    return host if _DEFAULT_PORTS.get(config.scheme) == config.port else f"{host}:{config.port}"
