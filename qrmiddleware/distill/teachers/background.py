"""Runs asynchronous work in a thread of its own, and yields its results to whoever waits."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Work(Generic[T]):
    """An event loop in a thread, and the queue of what it emits; ``None`` ends it."""

    def __init__(self, run: Callable[[Callable[[T], None]], Awaitable[None]]) -> None:
        self._run = run
        self._started = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._thread = Thread(target=self._work, name="teacher", daemon=True)
        self.queue: SimpleQueue[tuple[T] | BaseException | None] = SimpleQueue()

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Cancel what still runs, and wait for its end."""
        if self._loop is not None and self._task is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # it has ended in between
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _work(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 handed to who waits
            self.queue.put(error)
        finally:
            self._started.set()
            self.queue.put(None)

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._started.set()
        await self._run(lambda item: self.queue.put((item,)))


def iterate(run: Callable[[Callable[[T], None]], Awaitable[None]]) -> Iterator[T]:
    """Yield what ``run`` hands to the function that it is called with.

    It works where an event loop runs already, as in a notebook. When the iterator is closed, or
    its caller is interrupted while waiting, the work is cancelled; what was emitted until then is
    yielded before the interruption is raised again.

    Raises:
        BaseException: Whatever ``run`` raises, after all that it emitted.
    """
    work = _Work(run)
    work.start()
    try:
        while (got := work.queue.get()) is not None:
            if isinstance(got, BaseException):
                raise got
            yield got[0]
    except KeyboardInterrupt:
        work.stop()
        yield from _left(work.queue)
        raise
    finally:
        work.stop()


def _left(queue: "SimpleQueue[tuple[T] | BaseException | None]") -> Iterator[T]:
    while True:
        try:
            got = queue.get_nowait()
        except Empty:
            return
        if isinstance(got, tuple):
            yield got[0]


async def all_or_none(works: Iterable[Awaitable[None]]) -> None:
    """Run until all are done; the first error cancels the others, and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
