"""Runs the proxy: sockets, processes, signals."""

import asyncio
import contextlib
import gc
import multiprocessing
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from math import inf
from typing import Final, cast

import uvicorn

from qrmiddleware.config.settings import AdminSettings, ListenSettings, Settings
from qrmiddleware.errors import ConfigError
from qrmiddleware.proxy.accepting import Acceptor
from qrmiddleware.proxy.admin import AdminApp
from qrmiddleware.proxy.app import ProxyApp
from qrmiddleware.proxy.context import Service
from qrmiddleware.proxy.logs import make_log
from qrmiddleware.proxy.metrics import Metrics
from qrmiddleware.proxy.patience import Patience
from qrmiddleware.proxy.protocol import EngineProtocol
from qrmiddleware.proxy.shedding import Shedding
from qrmiddleware.proxy.workers import Workers
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.runner.upstreams import make_upstream
from qrmiddleware.upstream.exchange import Upstream

_TO_END_S: Final = 10.0
"""What a worker may take to end after its last request: for plugins that shut down."""

_COLLECT_AFTER: Final = 10_000
"""New objects after which the garbage collector looks at them; Python's own is 700."""


def make_service(settings: Settings, upstream: Upstream | None = None) -> Service:
    """Build everything that requests need; nothing is started yet.

    Args:
        settings: The whole configuration.
        upstream: What answers searches, if not the configured one.

    Raises:
        ConfigError: If the configuration cannot work.
    """
    metrics = Metrics()
    return Service(
        settings,
        make_upstream(settings.upstream, metrics.note_node_failure)
        if upstream is None
        else upstream,
        Pipelines(settings),
        metrics,
        make_log(settings.log),
    )


def serve(settings: Settings) -> None:
    """Serve until told to stop; then finish what is under way.

    Raises:
        ConfigError: If the configuration cannot work, or a port is taken.
    """
    _check_tls(settings.listen)
    with contextlib.closing(listening_socket(settings.listen)) as listener:
        if settings.listen.workers == 1:
            serve_socket(settings, listener, worker=0)
        else:
            _serve_in_workers(settings, listener)


def _serve_in_workers(settings: Settings, listener: socket.socket) -> None:
    service = make_service(settings)
    workers = Workers(
        settings.listen.workers,
        _work,
        settings,
        listener,
        most_bytes=settings.limits.max_worker_bytes or inf,
        patience_s=settings.limits.drain_ms / 1_000 + _TO_END_S,
        tell=service.log.warning,
    )
    can_work = workers.watch()
    listener.close()  # or connections would go on queueing up for workers that take no more
    workers.stop()
    if not can_work:
        problem = "a worker process cannot start; it has said why above"
        raise ConfigError(problem)


def _work(settings: Settings, listener: socket.socket, worker: int) -> None:
    """Serve in a process of its own; what cannot work is said here and not tried again."""
    try:
        serve_socket(settings, listener, worker)
    except ConfigError as error:
        make_log(settings.log).error("cannot start", worker=worker, problem=str(error))
        sys.exit(Workers.CANNOT_WORK)


def _check_tls(listen: ListenSettings) -> None:
    if listen.tls_cert is None:
        return
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(
            listen.tls_cert, listen.tls_key
        )
    except OSError as error:
        problem = (
            f"listen.tls_cert: cannot load {listen.tls_cert} and {listen.tls_key} as a "
            f"certificate and its key, in PEM: {error.strerror or error}"
        )
        raise ConfigError(problem) from error


def listening_socket(
    listen: ListenSettings | AdminSettings, port: int | None = None
) -> socket.socket:
    """Bind an address; raises ``ConfigError`` if it is taken.

    Args:
        listen: Where; names the key of the configuration if it fails.
        port: Another port than the configured one.
    """
    port = listen.port or 0 if port is None else port
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((listen.host, port))
        listener.listen(2_048)
    except (OSError, ValueError, TypeError) as error:  # not OSError: a host that can be no name
        listener.close()
        key = "listen" if isinstance(listen, ListenSettings) else "admin"
        named = isinstance(error, OSError) and not isinstance(error, socket.gaierror)
        what = "port" if named else "host"
        said = getattr(error, "strerror", None) or error
        problem = f"cannot listen on {listen.host}:{port}: {said}; choose another {key}.{what}"
        raise ConfigError(problem) from error
    return listener


def serve_socket(settings: Settings, listener: socket.socket, worker: int) -> None:
    """Serve one process's share of a port.

    Args:
        settings: The whole configuration.
        listener: Bound and listening.
        worker: Number of the process, from 0; its admin port is that many higher.
    """
    service = make_service(settings)
    service.pipelines.startup()
    _settle_memory()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service, listener, worker))
    finally:
        for problem in service.pipelines.shutdown():
            service.log.warning("plugin failed to shut down", problem=str(problem))


def _settle_memory() -> None:
    """Take what has been loaded out of the garbage collector's sight.

    It lives as long as the process; looking through it again and again shows as pauses.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 does not exist on Windows

    return uvloop.Loop


class QuietServer(uvicorn.Server):
    """Leaves signals to the process, which may run several servers, and takes bursts.

    Args:
        config: How it serves.
        tell: Is told when connections have to wait.
    """

    def __init__(self, config: uvicorn.Config, tell: Callable[[str], None]) -> None:
        super().__init__(config)
        self._tell = tell

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections from bound sockets."""
        if sys.platform == "win32":  # its event loop watches no sockets
            await super().startup(sockets)
            return
        await super().startup(sockets=[])

        def protocol() -> asyncio.BaseProtocol:
            make = cast("Callable[..., asyncio.BaseProtocol]", self.config.http_protocol_class)
            state = {"server_state": self.server_state, "app_state": self.lifespan.state}
            return make(config=self.config, **state)

        self.servers = [
            cast("asyncio.Server", Acceptor(each, protocol, self.config.ssl, self._tell))
            for each in sockets or ()
        ]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _serve(service: Service, listener: socket.socket, worker: int) -> None:
    settings = service.settings
    admin = AdminApp(service)
    proxy_server = QuietServer(proxy_config(service), service.log.warning)

    def stop() -> None:
        admin.draining = True
        proxy_server.should_exit = True

    with _admin_socket(settings, worker) as admin_listener:
        _call_when_told_to_stop(stop)
        await service.upstream.start()
        try:
            async with _served(admin, admin_listener, service):
                scheme = "https" if settings.listen.tls_cert else "http"
                url = f"{scheme}://{_address(listener)}"
                service.log.info("serving", url=url, worker=worker)
                await proxy_server.serve(sockets=[listener])
        finally:
            await service.upstream.close()
            service.log.info("stopped", worker=worker)


def _call_when_told_to_stop(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def orphaned(sentinel: int) -> None:
        loop.remove_reader(sentinel)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    parent = multiprocessing.parent_process()
    if parent is not None:  # a worker does not outlive the process that watches over it
        loop.add_reader(parent.sentinel, orphaned, parent.sentinel)


@contextlib.contextmanager
def _admin_socket(settings: Settings, worker: int) -> Iterator[socket.socket | None]:
    """Bind the admin port, if there is to be one; worker n's is n higher."""
    if settings.admin.port is None:
        yield None
        return
    port = settings.admin.port + worker if settings.admin.port else 0
    with listening_socket(settings.admin, port) as listener:
        yield listener


@contextlib.asynccontextmanager
async def _served(
    admin: AdminApp, listener: socket.socket | None, service: Service
) -> AsyncIterator[None]:
    """Serve the admin application meanwhile."""
    if listener is None:
        yield
        return
    server = QuietServer(admin_config(admin, service), service.log.warning)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    service.log.info("admin", url=f"http://{_address(listener)}/_qrm/health/ready")
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def proxy_config(service: Service) -> uvicorn.Config:
    """Return how uvicorn is to serve the proxy: with TLS as ``listen`` says, and within limits."""
    shedding = Shedding(service.settings.limits.max_under_way, service.metrics.shed.inc)
    return _server_config(ProxyApp(service), service, tls=True, shedding=shedding)


def admin_config(admin: AdminApp, service: Service) -> uvicorn.Config:
    """Return how uvicorn is to serve the admin port: without TLS, and never too busy."""
    return _server_config(admin, service, tls=False, shedding=None)


def _server_config(
    app: ProxyApp | AdminApp, service: Service, *, tls: bool, shedding: Shedding | None
) -> uvicorn.Config:
    listen, limits = service.settings.listen, service.settings.limits
    patience = Patience(limits.client_timeout_ms / 1_000, service.metrics.note_late_client)
    protocol = partial(EngineProtocol, patience=patience, shedding=shedding)
    return uvicorn.Config(
        app,
        http=cast("type[asyncio.Protocol]", protocol),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(limits.drain_ms / 1_000) or 1,
        ssl_certfile=listen.tls_cert if tls else None,
        ssl_keyfile=listen.tls_key if tls else None,
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
