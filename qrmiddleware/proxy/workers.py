"""Several processes that serve one port, kept alive until told to stop."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from math import inf
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from time import monotonic
from typing import Any, Final

_RESTART_DELAY_S: Final = 1.0
_LOOK_EVERY_S: Final = 1.0


def _tell_nobody(_event: str, **_facts: object) -> None:
    """Log nothing."""


class Workers:
    """Runs ``target(*args, worker)`` in processes of its own, and starts again those that die.

    Args:
        count: How many.
        target: What each runs; stops on SIGTERM, and ends with ``CANNOT_WORK`` if starting it
            again would not help.
        args: Its first arguments; they must travel to another process.
        most_bytes: Resident memory of a process above which it is told to stop, and started
            again.
        patience_s: How long a process that was told to stop may take; then it is killed.
        tell: Logs what happens to them.
    """

    CANNOT_WORK: Final = 2

    def __init__(
        self,
        count: int,
        target: Callable[..., None],
        *args: object,
        most_bytes: float = inf,
        patience_s: float = inf,
        tell: Callable[..., None] = _tell_nobody,
    ) -> None:
        self._count = count
        self._most_bytes = most_bytes
        self._tell = tell
        self._patience_s = patience_s
        self._outgrown: dict[int, float] = {}
        self._look_again = 0.0
        self._context = multiprocessing.get_context("spawn")
        self._target = target
        self._args = args
        self._processes: list[BaseProcess] = []
        self._stopping = threading.Event()

    def watch(self) -> bool:
        """Start the processes, and watch over them until SIGTERM or SIGINT.

        Returns:
            Whether they can work; false if one ended with ``CANNOT_WORK``.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._processes = [self._start(worker) for worker in range(self._count)]
        while not self._stopping.is_set():
            wait([process.sentinel for process in self._processes], timeout=0.2)
            dead = [n for n, process in enumerate(self._processes) if not process.is_alive()]
            if any(self._processes[n].exitcode == self.CANNOT_WORK for n in dead):
                return False
            self._replace(dead)
            self._look_at_memory()
        return True

    def _replace(self, dead: list[int]) -> None:
        """Start processes again; those that crashed after a while, for they may do so again."""
        crashed = [worker for worker in dead if self._processes[worker].exitcode]
        for worker in crashed:
            code = self._processes[worker].exitcode
            self._tell("a worker died; it is started again", worker=worker, exit_code=code)
        if crashed and self._stopping.wait(_RESTART_DELAY_S):
            return
        for worker in dead:
            self._outgrown.pop(worker, None)
            self._processes[worker] = self._start(worker)

    def _look_at_memory(self) -> None:
        """Tell a process that has grown too large to stop; one at a time, the others serve on."""
        for worker, end_s in self._outgrown.items():
            self._kill_if_late(worker, end_s)
        if self._outgrown or self._most_bytes == inf or monotonic() < self._look_again:
            return
        self._look_again = monotonic() + _LOOK_EVERY_S
        for worker, process in enumerate(self._processes):
            size_bytes = _resident_bytes(process.pid)
            if size_bytes > self._most_bytes:
                problem = "a worker has grown too large; it is started again"
                self._tell(problem, worker=worker, resident_bytes=size_bytes)
                self._outgrown[worker] = monotonic() + self._patience_s
                process.terminate()
                return

    def stop(self) -> None:
        """Let the processes finish what is under way, and wait for them to end."""
        self._stopping.set()
        end_s = monotonic() + self._patience_s
        for process in self._processes:
            process.terminate()
        for worker, process in enumerate(self._processes):
            process.join(None if end_s == inf else max(0.0, end_s - monotonic()))
            self._kill_if_late(worker, end_s)

    def _kill_if_late(self, worker: int, end_s: float) -> None:
        process = self._processes[worker]
        if monotonic() >= end_s and process.is_alive():
            self._tell("a worker does not stop; it is killed", worker=worker)
            process.kill()
            process.join()

    def _stop(self, *_: Any) -> None:  # noqa: ANN401 what a signal handler is given
        self._stopping.set()

    def _start(self, worker: int) -> BaseProcess:
        process = self._context.Process(
            target=self._target, args=(*self._args, worker), name=f"qrm-worker-{worker}"
        )
        process.start()
        return process


def _resident_bytes(pid: int | None) -> int:
    """Return a process's memory; 0 where the system does not tell."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
