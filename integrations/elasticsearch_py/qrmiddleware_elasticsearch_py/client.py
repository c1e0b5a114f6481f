"""Puts pipelines into a client."""

import os
from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any, TypeVar

from elasticsearch import AsyncElasticsearch, Elasticsearch

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import Settings
from qrmiddleware_elasticsearch_py.middleware import Middleware
from qrmiddleware_elasticsearch_py.nodes import AsyncNode, BlockingNode, PipelinedPool

_Client = TypeVar("_Client", Elasticsearch, AsyncElasticsearch)


def with_pipeline(
    client: _Client, settings: Settings | Mapping[str, Any] | str | os.PathLike[str]
) -> _Client:
    """Return a client like the given one, whose searches go through pipelines.

    Loads the plugins before it returns. The two clients share their connections, and the
    given one goes on as before; closing the new one closes both, and lets the plugins go.

    Args:
        client: Any client; its own options, such as headers and timeouts, are kept.
        settings: A configuration file, or what would stand in one. Only ``pipelines`` and
            ``limits`` mean something here.

    Raises:
        ConfigError: If the configuration cannot work, or a plugin cannot start.
    """
    blocking = isinstance(client, Elasticsearch)
    middleware = Middleware(_loaded(settings), blocking=blocking)
    kind = BlockingNode if blocking else AsyncNode
    transport = copy(client.transport)
    pool: Any = PipelinedPool(transport.node_pool, middleware, kind)
    transport.node_pool = pool
    changed = copy(client)
    changed._transport = transport  # noqa: SLF001 clients take another transport nowhere else
    return changed.options()


def _loaded(settings: Settings | Mapping[str, Any] | str | os.PathLike[str]) -> Settings:
    if isinstance(settings, Settings):
        return settings
    if isinstance(settings, Mapping):
        return load_settings(environment={}, flags=settings)
    return load_settings(Path(settings))
