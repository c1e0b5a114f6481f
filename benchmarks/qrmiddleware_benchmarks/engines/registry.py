"""The engines by name, and running one of them for a while."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from qrmiddleware_benchmarks.engines import folders, probes, records
from qrmiddleware_benchmarks.engines.chromium import CHROMIUM
from qrmiddleware_benchmarks.engines.elasticsearch import Elasticsearch
from qrmiddleware_benchmarks.engines.engine import (
    Engine,
    Fetchable,
    Launch,
    Options,
    Process,
    Recipe,
)
from qrmiddleware_benchmarks.engines.errors import EngineError, EngineMissingError
from qrmiddleware_benchmarks.engines.nginx import NGINX
from qrmiddleware_benchmarks.engines.opensearch import OpenSearch
from qrmiddleware_benchmarks.engines.redis import REDIS
from qrmiddleware_benchmarks.engines.rest_api_spec import REST_API_SPEC
from qrmiddleware_benchmarks.engines.services import identify, start_services, stop_processes

ENGINES: Mapping[str, Recipe] = MappingProxyType(
    {
        "elasticsearch": Elasticsearch("9.2.0", java=21, port=9200),
        "elasticsearch8": Elasticsearch("8.19.21", java=17, port=9208),
        "opensearch": OpenSearch("3.8.0", java=21, port=9260),
        "redis": REDIS,
        "nginx": NGINX,
        "chromium": CHROMIUM,
    }
)
"""Every engine that this package can bring up."""

FETCHABLE: Mapping[str, Fetchable] = MappingProxyType({**ENGINES, "rest-api-spec": REST_API_SPEC})
"""Everything that it can bring onto this machine."""


@contextmanager
def running(
    name: str,
    *,
    port: int = 0,
    security: bool = False,
    heap_mb: int = 512,
    upstream: str = "",
    fetch: bool = True,
    data: Path | None = None,
) -> Iterator[Engine]:
    """Run an engine for the length of a ``with`` block, with data of its own.

    Where the environment lends one (see ``lent_engine``), that one is given instead, and
    left running.

    Args:
        name: A key of ``ENGINES``.
        port: Where it answers on 127.0.0.1; 0 for any free port.
        security: TLS and basic auth.
        heap_mb: Heap of an engine that runs on Java.
        upstream: URL that nginx passes requests to.
        fetch: Fetch it if it is not on this machine yet.
        data: Folder to keep its data below, such as one in memory.

    Raises:
        EngineMissingError: If it is not on this machine, and is not to be or cannot be
            fetched.
        EngineError: If it did not start; the message holds the end of its log.
    """
    if lent := lent_engine(name, security=security):
        yield lent
        return
    require(name, fetch=fetch)
    options = Options(port or probes.free_port(), security, heap_mb, upstream)
    home = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folders.run_folder()))
    kept = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=data)) if data else home
    try:
        launch = ENGINES[name].prepare(kept, options)
        log = home / "output.log"
        started = start_services(launch, log)
        engine = _engine(name, launch, log, identify(started))
        records.write(engine, home)
        try:
            yield engine
        finally:
            stop_processes(engine.processes)
            for process in started:
                process.poll()
    finally:
        for folder in {home, kept}:
            shutil.rmtree(folder, ignore_errors=True)


def require(name: str, *, fetch: bool) -> None:
    """Make sure that an engine is on this machine.

    Raises:
        EngineMissingError: If it is not, and ``fetch`` does not allow for getting it.
    """
    recipe = ENGINES[name]
    if recipe.fetched():
        return
    if not fetch:
        message = f"{name} is not on this machine; get it with: qrm-engines fetch {name}"
        raise EngineMissingError(message)
    recipe.fetch(install=False, verbose=False)


def start_engine(name: str, options: Options, *, fresh: bool) -> Engine:
    """Start an engine that outlives this process; ``stop_engine`` ends it.

    Args:
        name: A key of ``ENGINES``.
        options: How it is wanted. An engine started at the same port before finds its
            data again.
        fresh: Without the data of before.

    Raises:
        EngineError: If the port is taken, or the engine did not start.
    """
    if not probes.port_is_free(options.port):
        message = f"port {options.port} is taken; choose another with --port"
        raise EngineError(message)
    home = folders.run_folder() / f"{name}-{options.port}"
    if fresh:
        shutil.rmtree(home, ignore_errors=True)
    home.mkdir(exist_ok=True)
    launch = ENGINES[name].prepare(home, options)
    log = home / "output.log"
    engine = _engine(name, launch, log, identify(start_services(launch, log)))
    records.write(engine, home)
    return engine


def stop_engine(engine: Engine) -> None:
    """Stop an engine that was started before, by whichever process."""
    stop_processes(engine.processes)
    records.forget(engine)


def lent_engine(name: str, *, security: bool) -> Engine | None:
    """Return the engine that the environment lends, if it does.

    ``QRM_E2E_OPENSEARCH_URL`` lends an OpenSearch to all who would start one, and
    ``QRM_E2E_SECURE_OPENSEARCH_URL`` one with TLS and basic auth, together with the
    variables that end in ``_CA_CERTS``, ``_USERNAME`` and ``_PASSWORD``; so for the others.
    """
    prefix = f"QRM_E2E_{'SECURE_' if security else ''}{name.upper()}_"
    url = os.environ.get(f"{prefix}URL", "").rstrip("/")
    if not url:
        return None
    ca_certs = os.environ.get(f"{prefix}CA_CERTS")
    return Engine(
        name,
        url,
        ca_certs=Path(ca_certs) if ca_certs else None,
        username=os.environ.get(f"{prefix}USERNAME", ""),
        password=os.environ.get(f"{prefix}PASSWORD", ""),
    )


def _engine(name: str, launch: Launch, log: Path, processes: tuple[Process, ...]) -> Engine:
    return Engine(
        name, launch.url, launch.ca_certs, launch.username, launch.password, log, processes
    )
