"""How things break, and how operators and service managers mend them."""

import asyncio
import os
import signal
from pathlib import Path

from qrmiddleware_benchmarks.faults.cell import Act, Scene
from qrmiddleware_benchmarks.faults.engine import Manner, fine
from qrmiddleware_benchmarks.faults.plugin import FINE
from qrmiddleware_benchmarks.faults.scenes import TABLE, import_table


async def nothing(_scene: Scene) -> None:
    """Leave it to the proxy."""


# Plugins


def mood(name: str) -> Act:
    """Give the plugin a mood."""

    async def act(scene: Scene) -> None:
        _replace(scene.folder / "mood", name.encode())

    return act


cheer_up = mood(FINE)


# Redis and real engines: the first one


def send(number: signal.Signals) -> Act:
    """Send it a signal."""

    async def act(scene: Scene) -> None:
        await asyncio.to_thread(scene.real[0].signal, number)

    return act


async def start_real(scene: Scene) -> None:
    """Start it where it was."""
    await scene.real[0].start()


async def flush_redis(scene: Scene) -> None:
    """Empty Redis."""
    await _tell_redis(scene, "FLUSHALL")


async def restart_redis(scene: Scene) -> None:
    """Stop Redis in order and start it again with its data, as for an upgrade."""
    await _tell_redis(scene, "SHUTDOWN SAVE")
    await asyncio.to_thread(scene.real[0].join)
    await scene.real[0].start()


async def start_redis_and_fill(scene: Scene) -> None:
    """Start Redis where it was, and import the table again."""
    await start_real(scene)
    await fill_redis(scene)


async def fill_redis(scene: Scene) -> None:
    """Import the table again."""
    await import_table(scene.real[0].url)


async def _tell_redis(scene: Scene, command: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.real[0].port)
    writer.write(command.encode() + b"\r\n")
    await reader.readline()
    writer.close()


# Rewrite tables


async def replace_table(scene: Scene) -> None:
    """Import the table anew."""
    await import_table(scene.folder / TABLE)


async def truncate_table(scene: Scene) -> None:
    """Cut the table's file in half, where it stands."""
    path = scene.folder / TABLE
    os.truncate(path, path.stat().st_size // 2)


async def corrupt_table(scene: Scene) -> None:
    """Write zeros over all but the first page of the table's file, where it stands."""
    path = scene.folder / TABLE
    with path.open("r+b") as file:
        file.seek(4_096)
        file.write(bytes(path.stat().st_size - 4_096))


async def delete_table(scene: Scene) -> None:
    """Delete the table's file."""
    (scene.folder / TABLE).unlink()


# Upstream


def behave(manner: Manner) -> Act:
    """Have the first engine answer so."""

    async def act(scene: Scene) -> None:
        scene.engines[0].manner = manner

    return act


behave_well = behave(fine)


async def kill_engine(scene: Scene) -> None:
    """End the first engine."""
    scene.engines[0].kill()


async def start_engine_again(scene: Scene) -> None:
    """Start the first engine where it was."""
    await scene.engines[0].start()


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.write_bytes(data)
    draft.replace(path)


# The proxy itself


async def kill_proxy(scene: Scene) -> None:
    """End the proxy, all its workers left to themselves."""
    await asyncio.to_thread(scene.proxy.kill)


async def start_proxy(scene: Scene) -> None:
    """Start the proxy where it was, as a service manager does."""
    await scene.proxy.start()
