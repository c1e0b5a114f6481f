"""Processes that belong to a measurement: started, waited for, watched, stopped."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from qrmiddleware_benchmarks.engines import probes

Tell = Callable[[str], None]
"""Takes lines about the progress."""

_START_S = 60.0
_STOP_S = 10.0


class ProcessError(Exception):
    """A process ended or did not start to listen; the message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Part:
    """A program that takes part in a measurement, with the processes that it is made of.

    Attributes:
        name: For people, such as ``"qrm serve"``.
        pids: Its processes; children need not be named.
    """

    name: str
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What one process has used so far.

    Attributes:
        rss_bytes: Resident now.
        cpu_s: Processor time since its start.
        descriptors: Files and sockets that are open now.
        threads: That run now.
    """

    rss_bytes: int
    cpu_s: float
    descriptors: int = 0
    threads: int = 0


def usage(part: Part) -> dict[str, Usage]:
    """Read what each process of a program uses, children included.

    Returns:
        By name, in the order in which they began: the program's own, numbered if it has
        several processes. Those that have ended are left out.
    """
    used = [each for process in _families(part.pids) if (each := _usage(process)) is not None]
    if len(used) == 1:
        return {part.name: used[0]}
    return {f"{part.name} {number}": each for number, each in enumerate(used, 1)}


def together(usages: Iterable[Usage]) -> Usage:
    """Add up what several processes use."""
    used = list(usages)
    return Usage(
        sum(each.rss_bytes for each in used),
        sum(each.cpu_s for each in used),
        sum(each.descriptors for each in used),
        sum(each.threads for each in used),
    )


def _usage(process: psutil.Process) -> Usage | None:
    try:
        with process.oneshot():
            times = process.cpu_times()
            return Usage(
                process.memory_info().rss,
                times.user + times.system,
                process.num_fds(),
                process.num_threads(),
            )
    except psutil.NoSuchProcess:
        return None


@contextmanager
def listening(
    command: Sequence[str], port: int, *, env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a command for as long as the block lasts; yield its process id once it listens.

    Raises:
        ProcessError: If the port is taken, or it does not listen on 127.0.0.1 in time.
    """
    if not probes.port_is_free(port):
        message = f"port {port} is taken; choose others with --port"
        raise ProcessError(message)
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(  # noqa: S603 - the commands are ours
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env
        )
        try:
            if not _wait_for(port, process):
                output.seek(0)
                tail = output.read().decode(errors="replace")[-2000:]
                message = f"{' '.join(command)} does not listen on port {port}:\n{tail}"
                raise ProcessError(message)
            yield process.pid
        finally:
            _stop(process)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.05)
    return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    family = _families([process.pid])
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for left in family:
        with suppress(psutil.NoSuchProcess):
            left.terminate()
    _, alive = psutil.wait_procs(family, timeout=_STOP_S)
    for left in alive:
        left.kill()


def _families(pids: Sequence[int]) -> list[psutil.Process]:
    family: dict[int, psutil.Process] = {}
    for pid in pids:
        try:
            root = psutil.Process(pid)
            family |= {each.pid: each for each in (root, *root.children(recursive=True))}
        except psutil.NoSuchProcess:
            continue
    return list(family.values())
