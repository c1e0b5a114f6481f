"""Threads that plugins are called in."""

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """A call that somebody may wait for.

    Attributes:
        call: What to do.
        who: Does it, for messages.
        future: Its end.
    """

    call: Callable[[], Any]
    who: str
    future: Future[Any] = field(default_factory=Future[Any])


_Tasks = SimpleQueue[_Task | None]


class PluginPool:
    """Threads for plugin calls; takes no more calls than it can hold.

    Not the standard library's executor: Python waits for that one's threads before it ends, and
    so would a process for a hook that does not return.

    Args:
        threads: Calls that run at a time.
        queue: Calls that may wait.
    """

    def __init__(self, threads: int = 16, queue: int = 64) -> None:
        self._most_threads = threads
        self._threads: list[threading.Thread] = []
        self._idle = threading.Semaphore(0)
        self._room = threading.BoundedSemaphore(threads + queue)
        self._tasks: _Tasks = SimpleQueue()
        self._under_way: set[_Task] = set()
        self._closed = False
        self._lock = threading.Lock()
        # a pool that nobody closed and nobody has any more leaves no threads
        weakref.finalize(self, _dismiss, self._threads, self._tasks).atexit = False

    def submit(self, call: Callable[[], Any], who: str) -> Future[Any] | None:
        """Start a call, or return ``None`` if there is no room, or no more calls are taken.

        Args:
            call: What to do.
            who: Does it; named if it does not end.
        """
        if not self._room.acquire(blocking=False):
            return None
        task = _Task(call, who)
        task.future.add_done_callback(lambda _: self._room.release())
        with self._lock:
            if self._closed:
                task.future.cancel()
                return None
            self._tasks.put(task)
            self._have_a_thread()
        return task.future

    def close(self, patience_s: float = 1.0) -> list[str]:
        """Take no more calls and drop those that wait; those that run get a moment to end.

        Args:
            patience_s: How long.

        Returns:
            Whose calls have not ended; their threads do not keep the process.
        """
        with self._lock:
            self._closed = True
            self._drop_those_that_wait()
            _dismiss(self._threads, self._tasks)
        end_s = monotonic() + patience_s
        for thread in self._threads:
            thread.join(max(0.0, end_s - monotonic()))
        return sorted({task.who for task in list(self._under_way)})

    def _drop_those_that_wait(self) -> None:
        while True:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                return
            if task is not None:
                task.future.cancel()

    def _have_a_thread(self) -> None:
        """Start a thread unless one is free, or there are enough."""
        if self._idle.acquire(blocking=False) or len(self._threads) == self._most_threads:
            return
        name = f"qrm-plugin-{len(self._threads)}"
        shared = (self._tasks, self._under_way, self._idle)
        thread = threading.Thread(target=_work, args=shared, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more: those that there are do it all
            return
        self._threads.append(thread)


def _dismiss(threads: list[threading.Thread], tasks: _Tasks) -> None:
    """Let every thread end after what it does."""
    for _ in threads:
        tasks.put(None)


def _work(tasks: _Tasks, under_way: set[_Task], idle: threading.Semaphore) -> None:
    """Do what there is to do; knows nothing of the pool, which may go meanwhile."""
    while (task := tasks.get()) is not None:
        if task.future.set_running_or_notify_cancel():
            under_way.add(task)
            try:
                answer = task.call()
            except BaseException as error:  # noqa: BLE001 for whoever reads the future
                task.future.set_exception(error)
            else:
                task.future.set_result(answer)
                del answer
            under_way.discard(task)
        del task  # a thread that is free holds nothing of a search
        idle.release()
