"""Starting processes, waiting until they answer, and stopping them."""

import os
import signal
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil
import tenacity

from qrmiddleware_benchmarks.engines import account
from qrmiddleware_benchmarks.engines.engine import Launch, Process, Service
from qrmiddleware_benchmarks.engines.errors import EngineError

_START_S = 180
_STOP_S = 20
_LINES = 15


def start_services(launch: Launch, log: Path) -> list[subprocess.Popen[bytes]]:
    """Start an engine's processes one after the other, each when the one before answers.

    Raises:
        EngineError: If one of them ended or did not answer in time; none is left behind.
    """
    started: list[subprocess.Popen[bytes]] = []
    try:
        for service in launch.services:
            process = account.spawn(service.command, env=service.env, output=log)
            started.append(process)
            _wait_until_it_answers(service, process, log)
    except BaseException:
        stop_processes(identify(started))
        for process in started:
            process.poll()
        raise
    return started


def identify(started: Iterable[subprocess.Popen[bytes]]) -> tuple[Process, ...]:
    """Return what tells each of these processes from later ones with the same number."""
    found: list[Process] = []
    for process in started:
        with suppress(psutil.NoSuchProcess):
            found.append(Process(process.pid, psutil.Process(process.pid).create_time()))
    return tuple(found)


def stop_processes(processes: Iterable[Process]) -> None:
    """Ask processes and their groups to end, the last one first, and kill those that do not."""
    for process in reversed(tuple(processes)):
        live = process.alive()
        if live is None:
            continue
        left = [live, *live.children(recursive=True)]
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            _, left = psutil.wait_procs(left, timeout=_STOP_S)
            if not left:
                break


def _wait_until_it_answers(service: Service, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            message = f"{_name(service)} ended with exit code {process.returncode}:\n{_tail(log)}"
            raise EngineError(message)
        return service.answers()

    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(OSError)
        | tenacity.retry_if_result(lambda answered: not answered),
        stop=tenacity.stop_after_delay(_START_S),
        wait=tenacity.wait_fixed(0.2),
    )
    try:
        waiting(answers)
    except tenacity.RetryError as error:
        message = f"{_name(service)} did not answer within {_START_S} s:\n{_tail(log)}"
        raise EngineError(message) from error


def _name(service: Service) -> str:
    return Path(service.command[0]).name


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(f"  {line[:300]}" for line in lines[-_LINES:]) + f"\n(all of it: {log})"
