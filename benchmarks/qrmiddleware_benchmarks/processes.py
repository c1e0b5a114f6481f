"""Processes that belong to a measurement: started, waited for, watched, stopped."""

import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psutil

_START_S = 30.0
_STOP_S = 10.0


class ProcessError(Exception):
    """A process ended or did not start to listen; the message holds the end of its output."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its children have used so far.

    Attributes:
        rss_bytes: Resident now.
        cpu_s: Processor time since their start.
    """

    rss_bytes: int
    cpu_s: float


def usage(pids: Sequence[int]) -> Usage:
    """Sum up processes with their children; those that have ended count as nothing."""
    rss_bytes, cpu_s = 0, 0.0
    for process in _families(pids):
        try:
            with process.oneshot():
                times = process.cpu_times()
                rss_bytes += process.memory_info().rss
                cpu_s += times.user + times.system
        except psutil.NoSuchProcess:
            continue
    return Usage(rss_bytes, cpu_s)


@contextmanager
def listening(
    command: Sequence[str], port: int, *, env: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a command for as long as the block lasts; yield its process id once it listens.

    Raises:
        ProcessError: If it does not listen on 127.0.0.1 in time.
    """
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
    _, alive = psutil.wait_procs(family, timeout=_STOP_S)
    for left in alive:
        left.kill()


def _families(pids: Sequence[int]) -> list[psutil.Process]:
    family: list[psutil.Process] = []
    for pid in pids:
        try:
            root = psutil.Process(pid)
            family += [root, *root.children(recursive=True)]
        except psutil.NoSuchProcess:
            continue
    return family
