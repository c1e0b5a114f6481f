"""Serves a client's requests as the proxy does, in the client's own process."""

import logging
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import structlog

from qrmiddleware.config.settings import Settings
from qrmiddleware.dsl.uri import split_target
from qrmiddleware.proxy.app import serve_request
from qrmiddleware.proxy.client import ClientReply, ClientRequest, Message
from qrmiddleware.proxy.context import Service
from qrmiddleware.proxy.metrics import Metrics
from qrmiddleware.proxy.routes import route_of
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.upstream.exchange import Headers, Upstream


@dataclass(slots=True)
class Reply:
    """What a request is answered with, put together from ASGI messages."""

    status: int = 0
    headers: Headers = ()
    parts: list[bytes] = field(default_factory=list)

    async def take(self, message: Message) -> None:
        """Take one message."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(name.decode(), value.decode()) for name, value in message["headers"]]
        else:
            self.parts.append(message["body"])


class Middleware:
    """Pipelines at work between one client and its nodes.

    Args:
        settings: The whole configuration.
        blocking: Whether the client is a blocking one.

    Raises:
        ConfigError: If the configuration cannot work, or a plugin cannot start.
    """

    def __init__(self, settings: Settings, *, blocking: bool) -> None:
        self._pipelines = Pipelines(settings)
        self._pipelines.startup()
        self._settings = settings
        self._blocking = blocking
        self._metrics = Metrics()
        self._log = _log()
        self._open = Lock()

    async def serve(
        self,
        upstream: Upstream,
        method: str,
        target: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> Reply:
        """Answer one request.

        Args:
            upstream: What answers searches.
            method: In upper case.
            target: Path and query, percent-encoded.
            headers: Names in any case.
            body: All of it; empty for none.

        Raises:
            PluginError: If a plugin failed whose failure must not be ignored.
        """
        path, query_string = split_target(target)
        scope: Message = {
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query_string.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": body}

        reply = Reply()
        service = Service(
            self._settings, upstream, self._pipelines, self._metrics, self._log, self._blocking
        )
        await serve_request(
            service, route_of(method, path), ClientRequest(scope, receive), ClientReply(reply.take)
        )
        return reply

    def close(self) -> None:
        """Let the plugins go, once."""
        if self._open.acquire(blocking=False):
            for problem in self._pipelines.shutdown():
                self._log.warning("plugin failed to shut down", problem=str(problem))


def _log() -> structlog.stdlib.BoundLogger:
    """Return a log that goes where the application's own goes."""
    log: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger("qrmiddleware"),
        processors=[_as_message],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return log


def _as_message(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """Turn a structured event into what ``logging`` takes."""
    error = {"exc_info": event.pop("exc_info")} if "exc_info" in event else {}
    shown = [f"{name}={value!r}" for name, value in event.items() if name != "event"]
    return (" ".join([event["event"], *shown]),), error
