"""What stands before a fault: the proxy in several set-ups, and who is upstream."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

from qrmiddleware_benchmarks.engines import probes
from qrmiddleware_benchmarks.faults.cell import Scene, Setting
from qrmiddleware_benchmarks.faults.engine import FaultyEngine
from qrmiddleware_benchmarks.faults.plugin import FINE
from qrmiddleware_benchmarks.faults.proxy import ServedProxy
from qrmiddleware_benchmarks.faults.real import RealEngine
from qrmiddleware_benchmarks.searches import QUERIES, rewrites_text

TABLE: Final = "rewrites.sqlite"
_LIMITS: Final = {"breaker_failures": 5, "breaker_reset_ms": 1_000, "drain_ms": 5_000}
_PATIENCE_MS: Final = 1_000
"""For plugins: a machine that does much else does not count as a fault."""


def with_plugin(**settings: Any) -> Setting:  # noqa: ANN401 - JSON
    """Serve with the plugin ``faulty``; its mood is in the file ``mood``.

    Args:
        settings: Further keys of the configuration.
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


@asynccontextmanager
async def _served(
    folder: Path, slot: Mapping[str, Any], settings: Mapping[str, Any], *, engines: int = 1
) -> AsyncIterator[Scene]:
    """Serve with one rewriter before engines in this process."""
    async with AsyncExitStack() as stack:
        upstream = [FaultyEngine(probes.free_port()) for _ in range(engines)]
        for engine in upstream:
            await engine.start()
            stack.callback(engine.kill)
        urls = [f"http://127.0.0.1:{engine.port}" for engine in upstream]
        further = {key: value for key, value in settings.items() if key != "pipeline"}
        proxy = ServedProxy(
            folder,
            {
                **further,
                "upstream": {"urls": urls, **settings.get("upstream", {})},
                "pipelines": {"default": pipeline(slot, **settings.get("pipeline", {}))},
                "limits": {**_LIMITS, **settings.get("limits", {})},
            },
        )
        await proxy.start()
        stack.push_async_callback(proxy.stop)
        yield Scene(folder, proxy, tuple(upstream))


def pipeline(slot: Mapping[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Configure a pipeline with one rewriter."""
    return {"timeout_ms": _PATIENCE_MS, "rewriters": [slot], **more}
