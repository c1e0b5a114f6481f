"""A cluster over HTTP: chooses nodes, repeats reads, streams both ways."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from elastic_transport import NodeConfig
from elastic_transport.client_utils import url_to_node_config

from qrmiddleware.dsl.uri import without_password
from qrmiddleware.errors import ConfigError
from qrmiddleware.upstream.exchange import UpstreamReply, UpstreamRequest
from qrmiddleware.upstream.nodes import (
    BusyError,
    ClusterNode,
    NodeFailureError,
    Patience,
    SilentError,
    UnreachedError,
)
from qrmiddleware.upstream.pool import NodePool
from qrmiddleware.upstream.reply import NodeReply
from qrmiddleware.upstream.retry import may_repeat
from qrmiddleware.upstream.tls import TlsOptions, tls_context


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """Where the cluster is and how to talk to it.

    Attributes:
        urls: One a node; a path is put before every target; ``user:password@`` is used as
            ``authorization`` is.
        timeout_ms: How long a node may stay silent, before its reply and in it.
        connect_timeout_ms: How long connecting may take, TLS included.
        connections_per_node: Further requests wait for a connection to become free.
        max_retries: Further nodes to ask after one that failed.
        authorization: ``Authorization`` for clients that send none, such as ``"ApiKey …"``.
        tls: Whom to trust, for ``https`` URLs.
        dead_node_backoff_ms: How long a node that failed is left alone, doubling each time …
        max_dead_node_backoff_ms: … up to this.
    """

    urls: tuple[str, ...] = ("http://localhost:9200",)
    timeout_ms: float = 60_000
    connect_timeout_ms: float = 3_000
    connections_per_node: int = 256
    max_retries: int = 2
    authorization: str | None = None
    tls: TlsOptions = field(default_factory=TlsOptions)
    dead_node_backoff_ms: float = 1_000
    max_dead_node_backoff_ms: float = 30_000


_UNAVAILABLE: Final = (502, 503)


def tell_nobody(_node: str, _problem: str) -> None:
    """Note no failure."""


class ClusterUpstream:
    """Elasticsearch or OpenSearch, reached over one or more nodes.

    Args:
        options: Where the cluster is.
        on_failure: Is told the URL of a node that failed, and its failure's name.

    Raises:
        ConfigError: If a URL cannot be understood, or a certificate cannot be loaded.
    """

    def __init__(
        self, options: ClusterOptions, on_failure: Callable[[str, str], None] = tell_nobody
    ) -> None:
        self._max_retries = options.max_retries
        self._patience = Patience(
            connect_s=options.connect_timeout_ms / 1000, silence_s=options.timeout_ms / 1000
        )
        self._on_failure = on_failure
        self._nodes = [ClusterNode(config) for config in _node_configs(options)]
        self._pool = NodePool(
            self._nodes,
            rest_s=options.dead_node_backoff_ms / 1000,
            longest_rest_s=options.max_dead_node_backoff_ms / 1000,
        )

    async def start(self) -> None:
        """Nothing to do: connections are opened when they are needed, and kept."""

    async def send(self, request: UpstreamRequest) -> UpstreamReply:
        """Ask one node after the other until one answers.

        A request that may have reached a node is repeated only if it is a read with its body at
        hand; one that could not be sent goes to the next node whatever it is. The reply to a read
        is held until enough of it is there that most are there whole: so one that breaks off is
        asked for again, and the client does not notice. A read that a node answers with 502 or 503,
        as one does that has just started, goes to another node, if one is well.

        Raises:
            UpstreamError: 503 if no node could be reached, 504 if one stayed silent, 502 if one
                broke off.
        """
        repeatable = may_repeat(request)
        retries_left = self._max_retries
        refusal: NodeReply | None = None
        while True:
            node = self._pool.choose()
            try:
                reply = await self._ask(node, request, repeatable=repeatable)
            except NodeFailureError as failure:
                self._note_failure(node, failure.name)
                if retries_left == 0 or not self._may_follow(failure, repeatable=repeatable):
                    if refusal is not None:
                        return refusal
                    raise
                # the client has waited long enough already to do so only once more
                waited = isinstance(failure, BusyError | SilentError)
                retries_left = 0 if waited else retries_left - 1
                continue
            if reply.status not in _UNAVAILABLE:
                self._pool.note_answer(node)
                return reply
            self._note_failure(node, "unavailable")
            if retries_left == 0 or not (repeatable and self._pool.any_well):
                return reply
            retries_left -= 1
            refusal = reply

    async def close(self) -> None:
        """Close all connections; what is still under way breaks off."""
        for node in self._nodes:
            await node.close()

    async def _ask(
        self, node: ClusterNode, request: UpstreamRequest, *, repeatable: bool
    ) -> NodeReply:
        reply = await node.ask(request, self._patience)
        if repeatable:
            await node.gather(reply, whole=request.whole or reply.status in _UNAVAILABLE)
        return reply

    def _note_failure(self, node: ClusterNode, problem: str) -> None:
        self._pool.note_failure(node)
        self._on_failure(node.url, problem)

    def _may_follow(self, failure: NodeFailureError, *, repeatable: bool) -> bool:
        match failure:
            case UnreachedError():
                return True
            case BusyError():
                return self._pool.any_well
            case SilentError():
                return repeatable and self._pool.any_well
            case _:
                return repeatable


def _node_configs(options: ClusterOptions) -> list[NodeConfig]:
    if not options.urls:
        msg = "upstream.urls is empty: name at least one node, such as http://localhost:9200"
        raise ConfigError(msg)
    configs = [_node_config(url, options) for url in options.urls]
    if len(set(configs)) < len(configs):
        msg = f"upstream.urls names a node twice: {', '.join(map(without_password, options.urls))}"
        raise ConfigError(msg)
    return configs


def _node_config(url: str, options: ClusterOptions) -> NodeConfig:
    try:
        config = url_to_node_config(url, use_default_ports_for_scheme=True)
    except ValueError as error:
        msg = f"upstream.urls: {without_password(url)!r} is no URL such as http://localhost:9200"
        raise ConfigError(msg) from error
    if config.scheme not in ("http", "https"):
        msg = f"upstream.urls: {without_password(url)!r} starts with neither http:// nor https://"
        raise ConfigError(msg)
    secure = config.scheme == "https"
    headers = dict(config.headers)
    if options.authorization:
        headers.setdefault("authorization", options.authorization)
    return config.replace(
        headers=headers,
        connections_per_node=options.connections_per_node,
        ssl_context=tls_context(options.tls) if secure else None,
        ssl_assert_fingerprint=options.tls.fingerprint if secure else None,
    )
