"""A client's nodes, with pipelines in front of them.

Here a request is bytes, as the proxy sees it: the client has serialised its body, and will
read the reply. Whatever sends a search through the client comes past: its own methods, its
helpers, and libraries on top of it.
"""

from collections.abc import Awaitable
from time import perf_counter
from typing import Any, TypeAlias

from elastic_transport import (
    ApiResponseMeta,
    BaseAsyncNode,
    BaseNode,
    HttpHeaders,
    NodePool,
    TransportApiResponse,
    TransportError,
)
from elastic_transport.client_utils import DEFAULT, DefaultType

from qrmiddleware.errors import UpstreamError
from qrmiddleware.runner.waiting import finish
from qrmiddleware.upstream.embedded.upstream import EmbeddedReply
from qrmiddleware.upstream.exchange import UpstreamRequest
from qrmiddleware_elasticsearch_py.middleware import Middleware

Timeout: TypeAlias = float | DefaultType | None


class NodeUpstream:
    """A node, as what pipelines ask.

    Attributes:
        http_version: That the node spoke last.
    """

    def __init__(self, node: BaseNode, request_timeout: Timeout) -> None:
        self._node = node
        self._request_timeout = request_timeout
        self.http_version = "1.1"

    async def start(self) -> None:
        """The client opens its nodes."""

    async def send(self, request: UpstreamRequest) -> EmbeddedReply:
        """Make one trip.

        Raises:
            UpstreamError: If the node did not answer; its cause is what the node raised.
        """
        body = request.body
        if body is not None and not isinstance(body, bytes):
            body = b"".join([chunk async for chunk in body])
        headers = {name: value.encode("latin-1").decode() for name, value in request.headers}
        try:
            response: Any = self._node.perform_request(
                request.method, request.target, body, HttpHeaders(headers), self._request_timeout
            )
            if isinstance(response, Awaitable):
                response = await response
        except TransportError as error:
            raise UpstreamError(str(error)) from error
        meta: ApiResponseMeta = response.meta
        self.http_version = meta.http_version
        uncompressed = [
            (name.lower(), value)
            for name, value in meta.headers.items()
            if name.lower() not in ("content-encoding", "transfer-encoding")
        ]
        return EmbeddedReply(meta.status, uncompressed, response.body)

    async def close(self) -> None:
        """The client closes its nodes."""


class PipelinedNode:
    """A node that answers searches as pipelines make them; else it is the node itself.

    Attributes:
        plain: The node.
    """

    def __init__(self, plain: BaseNode, middleware: Middleware) -> None:
        self.plain = plain
        self._middleware = middleware

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever the node has
        return getattr(self.plain, name)

    async def answer(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: HttpHeaders | None,
        request_timeout: Timeout,
    ) -> TransportApiResponse:
        """Answer one request; never waits for an event loop if the node does not.

        Raises:
            TransportError: If the node did not answer; the client will try another.
            PluginError: If a plugin failed whose failure must not be ignored.
        """
        began = perf_counter()
        upstream = NodeUpstream(self.plain, request_timeout)
        given = list((headers or {}).items())
        try:
            reply = await self._middleware.serve(upstream, method, target, given, body or b"")
        except UpstreamError as error:
            raise error.__cause__ or error from None
        meta = ApiResponseMeta(
            status=reply.status,
            http_version=upstream.http_version,
            headers=HttpHeaders(reply.headers),
            duration=perf_counter() - began,
            node=self.plain.config,
        )
        return TransportApiResponse(meta, b"".join(reply.parts))


class BlockingNode(PipelinedNode):
    """Of a blocking client."""

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Timeout = DEFAULT,
    ) -> TransportApiResponse:
        """Answer one request in the calling thread."""
        return finish(self.answer(method, target, body, headers, request_timeout))

    def close(self) -> None:
        """Close the node, and let the plugins go."""
        self.plain.close()
        self._middleware.close()


class AsyncNode(PipelinedNode):
    """Of an asynchronous client."""

    plain: BaseAsyncNode

    async def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: Timeout = DEFAULT,
    ) -> TransportApiResponse:
        """Answer one request."""
        return await self.answer(method, target, body, headers, request_timeout)

    async def close(self) -> None:
        """Close the node, and let the plugins go."""
        await self.plain.close()
        self._middleware.close()


class PipelinedPool:
    """A pool that hands its nodes out with pipelines in front of them."""

    def __init__(
        self, pool: NodePool, middleware: Middleware, kind: type[BlockingNode | AsyncNode]
    ) -> None:
        self._pool = pool
        self._middleware = middleware
        self._kind = kind

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 whatever the pool has
        return getattr(self._pool, name)

    def __len__(self) -> int:
        return len(self._pool)

    def get(self) -> PipelinedNode:
        """Choose the next node."""
        return self._kind(self._pool.get(), self._middleware)

    def all(self) -> list[PipelinedNode]:
        """Return every node."""
        return [self._kind(node, self._middleware) for node in self._pool.all()]

    def mark_live(self, node: PipelinedNode) -> None:
        """Note that a node answers."""
        self._pool.mark_live(node.plain)

    def mark_dead(self, node: PipelinedNode) -> None:
        """Note that a node does not answer."""
        self._pool.mark_dead(node.plain)
