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
        target: What each runs; stops on SIGTERM, and ends with ``CANNOT_WORK`` if starting it
            again would not help.
        args: Its first arguments; they must travel to another process.
    """

    CANNOT_WORK: Final = 2

    def __init__(self, count: int, target: Callable[..., None], *args: object) -> None:
        self._count = count
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
            if dead and not self._stopping.wait(_RESTART_DELAY_S):
                for worker in dead:
                    self._processes[worker] = self._start(worker)
        return True

    def stop(self) -> None:
        """Let the processes finish what is under way, and wait for them to end."""
        self._stopping.set()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()

    def _stop(self, *_: Any) -> None:  # noqa: ANN401 what a signal handler is given
        self._stopping.set()

    def _start(self, worker: int) -> BaseProcess:
        process = self._context.Process(
            target=self._target, args=(*self._args, worker), name=f"qrm-worker-{worker}"
        )
        process.start()
        return process
