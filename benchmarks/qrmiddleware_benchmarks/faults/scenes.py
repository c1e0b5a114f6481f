"""What stands before a fault: the proxy in several set-ups, and who is upstream."""

import asyncio
import http.client
import os
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec

from qrmiddleware_benchmarks.faults.cell import Scene, Setting
from qrmiddleware_benchmarks.faults.engine import FaultyEngine
from qrmiddleware_benchmarks.faults.plugin import FINE
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.faults.proxy import ServedProxy
from qrmiddleware_benchmarks.faults.real import RealEngine
from qrmiddleware_benchmarks.processes import ProcessError
from qrmiddleware_benchmarks.searches import QUERIES, rewrites_text

TABLE: Final = "rewrites.sqlite"
_LIMITS: Final = {"breaker_failures": 5, "breaker_reset_ms": 1_000, "drain_ms": 5_000}
_NOT_SETTINGS: Final = frozenset({"pipeline", "engines", "environment"})
_DISK_BYTES: Final = 4 << 20
_SILENCE_MS: Final = 3_000
_PATIENCE_MS: Final = 1_000
"""For plugins: a machine that does much else does not count as a fault."""


def with_plugin(**settings: Any) -> Setting:  # noqa: ANN401 - JSON
    """Serve with the plugin ``faulty``; its mood is in the file ``mood``.

    Args:
        settings: Further keys of the configuration, of its one ``pipeline``, how many ``engines``
            stand upstream, and variables of the ``environment``.
    """

    @asynccontextmanager
    async def setting(folder: Path) -> AsyncIterator[Scene]:
        mood = folder / "mood"
        mood.write_text(FINE, encoding="utf-8")
        async with _served(folder, {"plugin": "faulty", "mood": str(mood)}, settings) as scene:
            yield scene

    return setting


def with_table(**settings: Any) -> Setting:  # noqa: ANN401 - JSON
    """Serve with a rewrite table in an SQLite file."""

    @asynccontextmanager
    async def setting(folder: Path) -> AsyncIterator[Scene]:
        await import_table(folder / TABLE)
        slot = {"plugin": "rewrite_table", "path": TABLE}
        async with _served(folder, slot, settings) as scene:
            yield scene

    return setting


@asynccontextmanager
async def with_redis(folder: Path) -> AsyncIterator[Scene]:
    """Serve with a rewrite table in Redis."""
    redis = RealEngine("redis")
    await redis.start()
    try:
        await import_table(redis.url)
        slot = {"plugin": "rewrite_table", "redis": redis.url, "redis_timeout_ms": 200}
        async with _served(folder, slot, {}) as scene:
            scene.real.append(redis)
            yield scene
    finally:
        await redis.stop()


async def import_table(to: Path | str) -> None:
    """Write the table of rewrites into a file or a Redis, as ``qrm table import`` does."""
    # not at the top: the benchmarks can do without the plugin
    from qrmiddleware_rewrite_table.address import Address  # noqa: PLC0415
    from qrmiddleware_rewrite_table.normalise import NFKC_CASEFOLD  # noqa: PLC0415
    from qrmiddleware_rewrite_table.table import Entry  # noqa: PLC0415

    lines = (line.split("\t") for line in rewrites_text(QUERIES).splitlines())
    entries = [Entry(query, text, float(score)) for query, text, score in lines]
    write = partial(Address(str(to)).write, entries, normalisation=NFKC_CASEFOLD, source="faults")
    await asyncio.to_thread(write)


CLOCK: Final = "clock"
"""Of the file that holds by how many seconds the time of day is wrong."""

_WRONG_CLOCK: Final = f"""
import os, time

_right = time.time

def _wrong():
    with open(os.path.join(os.environ["QRM_FAULTS"], "{CLOCK}")) as file:
        return _right() + float(file.read())

time.time = _wrong
"""


@asynccontextmanager
async def with_wrong_clock(folder: Path) -> AsyncIterator[Scene]:
    """Serve before two engines, by a clock that can be set to another time of day."""
    (folder / CLOCK).write_text("0", encoding="utf-8")
    site = folder / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(_WRONG_CLOCK, encoding="utf-8")
    async with with_plugin(engines=2, environment={"QRM_FAULTS": str(folder)})(folder) as scene:
        yield scene


def with_real(name: str, *, nodes: int = 1, upstream: Mapping[str, Any] | None = None) -> Setting:
    """Serve before real engines that hold the same products.

    Args:
        name: As ``qrm-engines`` knows it.
        nodes: How many; each is a cluster of its own, filled with the same.
        upstream: Further keys of the configuration's ``upstream``.
    """

    @asynccontextmanager
    async def setting(folder: Path) -> AsyncIterator[Scene]:
        async with AsyncExitStack() as stack:
            real = [RealEngine(name) for _ in range(nodes)]
            for engine in real:
                stack.push_async_callback(engine.stop)
                await engine.start()
                await fill(engine.port)
            named = {**(upstream or {}), "urls": [engine.url for engine in real]}
            scene = await stack.enter_async_context(with_plugin(upstream=named)(folder))
            scene.real += real
            yield scene

    return setting


@asynccontextmanager
async def with_cluster(folder: Path) -> AsyncIterator[Scene]:
    """Serve before two nodes of one Elasticsearch cluster, each with a copy of the products."""
    first = free_ports(2)
    ports = (first, first + 1)
    async with AsyncExitStack() as stack:
        nodes = [RealEngine("elasticsearch", cluster=each) for each in (ports, ports[::-1])]
        for node in nodes:
            stack.push_async_callback(node.stop)
        await asyncio.gather(*(node.start() for node in nodes))
        await fill(nodes[0].port)
        settled = "/_cluster/health/products?wait_for_status=green&wait_for_nodes=2&timeout=25s"
        status, answer = await send(nodes[0].port, "GET", settled)
        if status != 200:  # noqa: PLR2004 - HTTP's OK
            message = f"the two nodes did not share the products: {answer[:500]!r}"
            raise ProcessError(message)
        upstream = {"timeout_ms": 20_000, "urls": [node.url for node in nodes]}
        scene = await stack.enter_async_context(with_plugin(upstream=upstream)(folder))
        scene.real += nodes
        yield scene


@asynccontextmanager
async def with_embedded(folder: Path) -> AsyncIterator[Scene]:
    """Serve with the embedded engine, on a disk of its own where one can be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    with small_disk(disk):
        upstream = {"embedded": str(disk / "index")}
        async with with_plugin(upstream=upstream)(folder) as scene:
            await fill(scene.proxy.port)
            scene.disk = disk
            yield scene


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk of a few megabytes, if we may; else leave the folder as it is."""
    command = ("mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs", str(folder))
    mounted = os.geteuid() == 0 and subprocess.run(command, check=False).returncode == 0  # noqa: S603 - ours
    try:
        yield
    finally:
        if mounted:
            subprocess.run(("umount", "--lazy", str(folder)), check=True)  # noqa: S603, S607 - ours


async def fill(port: int) -> None:
    """Index a product for every query."""
    lines = [
        msgspec.json.encode(line)
        for number, query in enumerate(QUERIES)
        for line in ({"index": {"_id": str(number)}}, {"title": query})
    ]
    body = b"\n".join(lines) + b"\n"
    status, answer = await send(port, "POST", "/products/_bulk?refresh=true", body)
    if status != 200 or b'"errors":false' not in answer:  # noqa: PLR2004 - HTTP's OK
        message = f"the products could not be indexed: HTTP {status}: {answer[:500]!r}"
        raise ProcessError(message)


async def send(port: int, method: str, target: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send one request; returns status and body."""

    def ask() -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            kind = "application/x-ndjson" if "_bulk" in target else "application/json"
            connection.request(method, target, body, {"content-type": kind})
            reply = connection.getresponse()
            return reply.status, reply.read()

    return await asyncio.to_thread(ask)


@asynccontextmanager
async def _served(
    folder: Path, slot: Mapping[str, Any], settings: Mapping[str, Any]
) -> AsyncIterator[Scene]:
    """Serve with one rewriter, before engines in this process unless the settings name others."""
    further = {key: value for key, value in settings.items() if key not in _NOT_SETTINGS}
    named = settings.get("upstream", {})
    async with AsyncExitStack() as stack:
        count = 0 if named.keys() & {"urls", "embedded"} else settings.get("engines", 1)
        engines = [FaultyEngine(free_ports()) for _ in range(count)]
        for engine in engines:
            await engine.start()
            stack.callback(engine.kill)
        urls = [f"http://127.0.0.1:{engine.port}" for engine in engines]
        upstream = {**({"urls": urls} if urls else {}), **named}
        pipeline = {"timeout_ms": _PATIENCE_MS, "rewriters": [slot], **settings.get("pipeline", {})}
        proxy = ServedProxy(
            folder,
            {
                **further,
                "upstream": {"timeout_ms": _SILENCE_MS, **upstream},
                "pipelines": {"default": pipeline},
                "limits": {**_LIMITS, **settings.get("limits", {})},
            },
            settings.get("environment", {}),
        )
        stack.push_async_callback(proxy.stop)
        await proxy.start()
        yield Scene(folder, proxy, tuple(engines))
