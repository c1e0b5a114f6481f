"""Runs the proxy: sockets, processes, signals."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Iterator

import uvicorn

from qrmiddleware.config.settings import ListenSettings, Settings
from qrmiddleware.errors import ConfigError
from qrmiddleware.proxy.admin import AdminApp
from qrmiddleware.proxy.app import ProxyApp
from qrmiddleware.proxy.context import Service
from qrmiddleware.proxy.logs import make_log
from qrmiddleware.proxy.metrics import Metrics
from qrmiddleware.proxy.workers import Workers
from qrmiddleware.runner.pipelines import Pipelines
from qrmiddleware.runner.upstreams import make_upstream
from qrmiddleware.upstream.exchange import Upstream


def make_service(settings: Settings, upstream: Upstream | None = None) -> Service:
    """Build everything that requests need; nothing is started yet.

    Args:
        settings: The whole configuration.
        upstream: What answers searches, if not the configured one.

    Raises:
        ConfigError: If the configuration cannot work.
    """
    return Service(
        settings,
        make_upstream(settings.upstream) if upstream is None else upstream,
        Pipelines(settings),
        Metrics(),
        make_log(settings.log),
    )


def serve(settings: Settings) -> None:
    """Serve until told to stop; then finish what is under way.

    Raises:
        ConfigError: If the configuration cannot work, or a port is taken.
    """
    with contextlib.closing(listening_socket(settings.listen)) as listener:
        if settings.listen.workers == 1:
            serve_socket(settings, listener, worker=0)
        else:
            make_service(settings)
            Workers(settings.listen.workers, serve_socket, settings, listener).run()


def listening_socket(listen: ListenSettings) -> socket.socket:
    """Bind the address; raises ``ConfigError`` if it is taken."""
    family = socket.AF_INET6 if ":" in listen.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((listen.host, listen.port))
        listener.listen(2_048)
    except OSError as error:
        listener.close()
        problem = f"cannot listen on {listen.host}:{listen.port}: {error.strerror}"
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
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(service, listener, worker))
    finally:
        for problem in service.pipelines.shutdown():
            service.log.warning("plugin failed to shut down", problem=str(problem))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop  # noqa: PLC0415 does not exist on Windows

    return uvloop.Loop


class _Server(uvicorn.Server):
    """Leaves signals to the process, which may run several servers."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _serve(service: Service, listener: socket.socket, worker: int) -> None:
    settings = service.settings
    await service.upstream.start()
    admin = AdminApp(service)
    proxy_server = _Server(_config(ProxyApp(service), settings, tls=True))
    admin_server = _Server(_config(admin, settings))

    def stop() -> None:
        admin.draining = True
        proxy_server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    admin_task = None
    if settings.admin.port is not None:
        port = settings.admin.port + worker if settings.admin.port else 0
        admin_listener = listening_socket(ListenSettings(host=settings.admin.host, port=port))
        admin_task = asyncio.create_task(admin_server.serve(sockets=[admin_listener]))
        service.log.info("admin", url=f"http://{_address(admin_listener)}/_qrm/health/ready")
    scheme = "https" if settings.listen.tls_cert else "http"
    service.log.info("serving", url=f"{scheme}://{_address(listener)}", worker=worker)
    try:
        await proxy_server.serve(sockets=[listener])
    finally:
        admin_server.should_exit = True
        if admin_task is not None:
            await admin_task
        await service.upstream.close()
        service.log.info("stopped", worker=worker)


def _config(app: ProxyApp | AdminApp, settings: Settings, *, tls: bool = False) -> uvicorn.Config:
    listen = settings.listen
    return uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.limits.drain_ms / 1_000) or 1,
        ssl_certfile=listen.tls_cert if tls else None,
        ssl_keyfile=listen.tls_key if tls else None,
    )


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
