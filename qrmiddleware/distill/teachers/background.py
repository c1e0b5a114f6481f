"""Runs asynchronous work in a thread of its own, and yields its results to whoever waits."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class _Work(Generic[T]):
    """An event loop in a thread, and what it has emitted.

    Attributes:
        items: Emitted and not yet taken.
        error: What ended the work, if it did not end well.
    """

    def __init__(self, run: Callable[[Callable[[T], None]], Awaitable[None]]) -> None:
        self._run = run
        self._started = Event()
        self._news = Event()
        self._ended = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._thread = Thread(target=self._work, name="teacher", daemon=True)
        self.items: deque[T] = deque()
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()
        self._started.wait()

    def wait(self) -> bool:
        """Wait until there is an item; ``False`` if none will come."""
        while not self.items:
            self._news.clear()
            if self._ended:
                return bool(self.items)
            if not self.items:
                self._news.wait()
        return True

    def stop(self) -> None:
        """Cancel what still runs, and wait for its end."""
        if self._loop is not None and self._task is not None and self._thread.is_alive():
            with suppress(RuntimeError):  # it has ended in between
                self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join()

    def _work(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001 raised where it is waited for
            self.error = error
        finally:
            self._started.set()
            self._ended = True
            self._news.set()

    async def _main(self) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._started.set()
        await self._run(self._emit)

    def _emit(self, item: T) -> None:
        self.items.append(item)
        self._news.set()


def iterate(run: Callable[[Callable[[T], None]], Awaitable[None]]) -> Iterator[T]:
    """Yield what ``run`` hands to the function that it is called with.

    It works where an event loop runs already, as in a notebook. When the iterator is closed the
    work is cancelled. So it is when ``KeyboardInterrupt`` comes while waiting, or is thrown in;
    then all that was emitted and not seen to be taken is yielded (the last item maybe once more),
    and the interruption is raised again.

    Raises:
        BaseException: Whatever ``run`` raises, after all that it emitted.
    """
    work = _Work(run)
    try:
        work.start()
        while work.wait():
            yield work.items[0]
            work.items.popleft()
        if work.error is not None:
            raise work.error
    except KeyboardInterrupt:
        work.stop()
        yield from tuple(work.items)
        raise
    finally:
        work.stop()
