"""Nodes that are the embedded engine: a client without a cluster, for examples and tests."""

import asyncio
from time import perf_counter

from elastic_transport import (
    ApiResponseMeta,
    BaseAsyncNode,
    BaseNode,
    HttpHeaders,
    NodeConfig,
)
from elastic_transport._node import NodeApiResponse  # what nodes return, exported nowhere else
from elastic_transport.client_utils import DEFAULT, DefaultType


class EmbeddedNode(BaseNode):
    """An embedded engine of its own, in memory: ``Elasticsearch(url, node_class=EmbeddedNode)``.

    The URL can be any. Needs ``pip install 'qrmiddleware[embedded]'``.
    """

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        from qrmiddleware.upstream.embedded.engine import (  # noqa: PLC0415 loads the optional tantivy
            EmbeddedEngine,
        )

        self._engine = EmbeddedEngine()

    def perform_request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: float | DefaultType | None = DEFAULT,  # noqa: ARG002 it takes no time
    ) -> NodeApiResponse:
        """Answer one request."""
        began = perf_counter()
        asked = list((headers or {}).items())
        status, answered, content = self._engine.handle(method, target, asked, body or b"")
        meta = ApiResponseMeta(
            status=status,
            http_version="1.1",
            headers=HttpHeaders(answered),
            duration=perf_counter() - began,
            node=self.config,
        )
        return NodeApiResponse(meta, content)

    def close(self) -> None:
        """Forget all documents."""
        self._engine.close()


class AsyncEmbeddedNode(BaseAsyncNode):
    """The same for ``AsyncElasticsearch``."""

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self._node = EmbeddedNode(config)

    async def perform_request(  # type: ignore[override]  # as the base class of async nodes
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: HttpHeaders | None = None,
        request_timeout: float | DefaultType | None = DEFAULT,  # noqa: ARG002 it takes no time
    ) -> NodeApiResponse:
        """Answer one request in a thread."""
        return await asyncio.to_thread(self._node.perform_request, method, target, body, headers)

    async def close(self) -> None:  # type: ignore[override]  # as the base class of async nodes
        """Forget all documents."""
        self._node.close()
