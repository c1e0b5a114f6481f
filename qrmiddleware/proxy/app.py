"""The proxy as an ASGI application."""

import asyncio
from time import perf_counter
from typing import Final, cast

from qrmiddleware.errors import PluginError, RequestError, UpstreamError
from qrmiddleware.proxy.client import (
    ClientGoneError,
    ClientReply,
    ClientRequest,
    Message,
    Receive,
    Send,
)
from qrmiddleware.proxy.context import Exchange, Service
from qrmiddleware.proxy.msearch import serve_msearch
from qrmiddleware.proxy.relay import relay
from qrmiddleware.proxy.routes import OTHER, Route, route_of
from qrmiddleware.proxy.search import serve_search

_UPSTREAM_ERRORS: Final = {
    502: "bad_gateway_exception",
    503: "no_node_available_exception",
    504: "gateway_timeout_exception",
}
_CLIENT_GONE: Final = 499


async def serve_request(
    service: Service, route: Route, request: ClientRequest, reply: ClientReply
) -> None:
    """Serve one request; what goes wrong on the way is raised, unless it is the request."""
    try:
        if route == OTHER:
            await relay(service.upstream, request, reply)
        elif route.kind in ("msearch", "msearch_template"):
            await serve_msearch(Exchange.of(service, request, reply), route)
        else:
            await serve_search(Exchange.of(service, request, reply), route)
    except RequestError as error:
        await reply.send_error(400, "illegal_argument_exception", str(error))


class ProxyApp:
    """Serves every endpoint of the engine: searches through pipelines, the rest untouched.

    Args:
        service: What all requests share; its upstream and plugins are started elsewhere.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        request, reply = ClientRequest(scope, receive), ClientReply(send)
        if request.gone:  # or the request was broken, and is refused already
            return
        route = route_of(request.method, request.path)
        began = perf_counter()
        metrics = self._service.metrics
        metrics.in_flight.inc()
        serving = cast("asyncio.Task[None]", asyncio.current_task())
        request.cancel_when_gone(serving, reply)
        try:
            await self._serve(route, request, reply)
        except asyncio.CancelledError:
            serving.uncancel()
            await self._break_off(request, reply)
        finally:
            request.stop_watching()
            metrics.in_flight.dec()
            elapsed_s = perf_counter() - began
            metrics.note_request(route.kind, reply.status, elapsed_s)
            self._log_access(request, reply, elapsed_s)

    async def _serve(self, route: Route, request: ClientRequest, reply: ClientReply) -> None:
        """Serve one request, and answer what goes wrong in the engine's own shape."""
        try:
            await serve_request(self._service, route, request, reply)
        except ClientGoneError:
            reply.status = reply.status or _CLIENT_GONE
        except UpstreamError as error:
            self._service.metrics.upstream_errors.inc()
            self._service.log.warning("upstream failed", path=request.path, problem=str(error))
            if reply.started:
                return  # an unfinished reply makes the server close the connection
            kind = _UPSTREAM_ERRORS.get(error.status, "upstream_exception")
            await reply.send_error(error.status, kind, str(error))
        except PluginError as error:
            self._service.log.warning("plugin failed", path=request.path, problem=str(error))
            await reply.send_error(500, "qrm_plugin_exception", str(error))
        except Exception:
            self._service.log.exception("request failed", path=request.path)
            if reply.started:
                return
            await reply.send_error(500, "qrm_exception", "internal error; see the proxy's log")

    async def _break_off(self, request: ClientRequest, reply: ClientReply) -> None:
        """End a request whose client has gone, or which outlasts the time for draining."""
        if request.gone:
            reply.status = reply.status or _CLIENT_GONE
            return
        self._service.log.warning("broken off: the proxy stops", path=request.path)
        if not reply.started:
            await reply.send_error(503, "qrm_stopping_exception", "the proxy stops; ask again")

    def _log_access(self, request: ClientRequest, reply: ClientReply, elapsed_s: float) -> None:
        if self._service.settings.log.access:
            self._service.log.info(
                "request",
                method=request.method,
                path=request.path,
                status=reply.status,
                ms=round(elapsed_s * 1_000, 2),
            )
