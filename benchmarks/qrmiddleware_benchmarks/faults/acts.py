"""How things break, and how operators and service managers mend them."""

import asyncio
import os
import resource
import signal
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from qrmiddleware_benchmarks.faults.cell import Act, Scene
from qrmiddleware_benchmarks.faults.engine import Manner, fine, slow
from qrmiddleware_benchmarks.faults.plugin import FINE, ONCE, taken
from qrmiddleware_benchmarks.faults.scenes import CLOCK, TABLE, import_table
from qrmiddleware_benchmarks.faults.scenes import send as send_to
from qrmiddleware_benchmarks.processes import ProcessError

REDIS_PAUSE_MS: Final = 60
_LOOK_S: Final = 0.1
_GIVE_UP_S: Final = 60.0
_UNDER_WAY_S: Final = 0.5
_BACK_S: Final = 10.0
_WRITES: Final = 20
_FAILED: Final = 400


async def nothing(_scene: Scene) -> None:
    """Leave it to the proxy."""


# Plugins


def mood(name: str) -> Act:
    """Give the plugin a mood."""

    async def act(scene: Scene) -> None:
        path = scene.folder / "mood"
        if name in ONCE:
            taken(path).unlink(missing_ok=True)
        _replace(path, name.encode())

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


async def slow_redis(scene: Scene) -> None:
    """Let Redis answer others only once in a while, again and again."""

    async def pause() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", scene.real[0].port)
        try:
            answered = b"+"
            while answered:
                writer.write(f"CLIENT PAUSE {REDIS_PAUSE_MS} ALL\r\n".encode())
                answered = await reader.readline()
        finally:
            writer.close()

    scene.nuisance = asyncio.create_task(pause())


async def end_nuisance(scene: Scene) -> None:
    """Let it be."""
    if scene.nuisance is not None:
        scene.nuisance.cancel()
        with suppress(asyncio.CancelledError):
            await scene.nuisance


async def flush_redis(scene: Scene) -> None:
    """Empty Redis."""
    await _tell_redis(scene, "FLUSHALL")


async def restart_redis(scene: Scene) -> None:
    """Stop Redis in order and start it again with its data, as for an upgrade."""
    await _tell_redis(scene, "SHUTDOWN SAVE")
    await asyncio.to_thread(scene.real[0].join)
    await asyncio.sleep(_UNDER_WAY_S)
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


# The proxy itself


async def kill_proxy(scene: Scene) -> None:
    """End the proxy; its workers are left to themselves."""
    await asyncio.to_thread(scene.proxy.kill)


async def stop_proxy(scene: Scene) -> None:
    """End the proxy in order."""
    await scene.proxy.stop()


async def start_proxy(scene: Scene) -> None:
    """Start the proxy where it was, as often as it takes, as a service manager does."""
    while True:
        process = scene.proxy.spawn()
        for _ in range(int(_GIVE_UP_S / _LOOK_S)):
            await asyncio.sleep(_LOOK_S)
            if process.poll() is not None:
                break
            if await scene.proxy.lives():
                return
        else:
            return


async def kill_worker(scene: Scene) -> None:
    """End one of the proxy's workers while searches are under way in it."""
    scene.engines[0].manner = slow(_UNDER_WAY_S)
    await asyncio.sleep(_UNDER_WAY_S)
    os.kill(scene.proxy.worker_pids()[0], signal.SIGKILL)
    scene.engines[0].manner = fine


async def await_workers(scene: Scene) -> None:
    """See that all workers are back, which the proxy sees to itself."""
    end_s = monotonic() + _GIVE_UP_S
    while not await scene.proxy.lives():
        await asyncio.sleep(_LOOK_S)
        _require(monotonic() < end_s, f"a worker is not back within {_GIVE_UP_S:g} s")


async def cheer_up_and_await_workers(scene: Scene) -> None:
    """Mend the plugin, and see that all workers are back."""
    await cheer_up(scene)
    await await_workers(scene)


# Disks


async def fill_disk(scene: Scene) -> None:
    """Let the disk take no more, and see that a write is refused."""
    disk = _disk(scene)
    if disk.is_mount():
        with suppress(OSError), (disk / "filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4_096))
    else:
        _limit_files(scene, max(path.stat().st_size for path in disk.rglob("*")))
    statuses = [await _write_document(scene) for _ in range(_WRITES)]
    _require(any(status >= _FAILED for status in statuses), f"a full disk took all: {statuses}")


async def make_room(scene: Scene) -> None:
    """Let the disk take more, and see that writes are taken, and kept."""
    (_disk(scene) / "filler").unlink(missing_ok=True)
    _limit_files(scene, resource.RLIM_INFINITY)
    statuses = [await _write_document(scene) for _ in range(3)]
    _require(max(statuses) < _FAILED, f"there is room again, and writes are refused: {statuses}")


async def fill_log(scene: Scene) -> None:
    """Let no file of the proxy grow, and have its plugin raise, which is logged each time."""
    _limit_files(scene, 0)
    await mood("raises")(scene)


async def empty_log(scene: Scene) -> None:
    """Let files grow again, and cheer the plugin up."""
    _limit_files(scene, resource.RLIM_INFINITY)
    await cheer_up(scene)


def _disk(scene: Scene) -> Path:
    if scene.disk is None:
        message = "no disk of its own stands here"
        raise ProcessError(message)
    return scene.disk


def _limit_files(scene: Scene, size_bytes: int) -> None:
    """Limit the files that the proxy writes; what would be larger fails as a full disk does."""
    if scene.proxy.process is not None:
        limits = (size_bytes, resource.RLIM_INFINITY)
        resource.prlimit(scene.proxy.process.pid, resource.RLIMIT_FSIZE, limits)


async def _write_document(scene: Scene) -> int:
    body = msgspec.json.encode({"title": "x" * 20_000})
    status, _ = await send_to(scene.proxy.port, "POST", "/products/_doc", body)
    return status


# The clock


def set_clock(hours: float) -> Act:
    """Set the proxy's time of day forward or back, while a node is down."""

    async def act(scene: Scene) -> None:
        await kill_engine(scene)
        await asyncio.sleep(_LOOK_S)
        _replace(scene.folder / CLOCK, str(hours * 3_600).encode())

    return act


async def start_engine_and_await_load(scene: Scene) -> None:
    """Start the engine again, and see that it is asked again in time."""
    engine = scene.engines[0]
    asked = engine.asked
    await engine.start()
    end_s = monotonic() + _BACK_S
    while engine.asked < asked + 10:
        await asyncio.sleep(_LOOK_S)
        _require(monotonic() < end_s, f"a node is back, and not asked within {_BACK_S:g} s")


def _require(holds: bool, problem: str) -> None:
    if not holds:
        raise ProcessError(problem)


def _replace(path: Path, data: bytes) -> None:
    draft = path.with_suffix(".new")
    draft.write_bytes(data)
    draft.replace(path)
