"""Several processes that serve one port, kept alive until told to stop."""

import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

_RESTART_DELAY_S: Final = 1.0


class Workers:
    """Runs ``target(*args, worker)`` in processes of its own, and starts again those that die.

    Args:
        count: How many.
        target: What each runs; stops on SIGTERM.
        args: Its first arguments; they must travel to another process.
    """

    def __init__(self, count: int, target: Callable[..., None], *args: object) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._target = target
        self._args = args
        self._processes = [self._start(worker) for worker in range(count)]
        self._stopping = threading.Event()

    def run(self) -> None:
        """Watch over the processes until SIGTERM or SIGINT, then wait for them to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopping.is_set():
            wait([process.sentinel for process in self._processes], timeout=1.0)
            self._replace_dead()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    def _stop(self, *_: Any) -> None:  # noqa: ANN401 what a signal handler is given
        self._stopping.set()

    def _replace_dead(self) -> None:
        for worker, process in enumerate(self._processes):
            if not process.is_alive() and not self._stopping.wait(_RESTART_DELAY_S):
                self._processes[worker] = self._start(worker)

    def _start(self, worker: int) -> BaseProcess:
        process = self._context.Process(
            target=self._target, args=(*self._args, worker), name=f"qrm-worker-{worker}"
        )
        process.start()
        return process
