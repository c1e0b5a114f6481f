"""Waits for several things at once, with an event loop or without one.

The same coroutines serve both: without an event loop, all that they await is done in the
calling thread, so that they run to their end at the first step.
"""

import asyncio
import inspect
from collections.abc import Coroutine, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

_T = TypeVar("_T")
_THREADS: Final = 16


def finish(work: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end in this thread.

    Raises:
        RuntimeError: If it waits for an event loop.
    """
    try:
        work.send(None)
    except StopIteration as end:
        result: _T = end.value
        return result
    work.close()
    problem = "a blocking search waits for an event loop"
    raise RuntimeError(problem)


async def together(
    works: Iterable[Coroutine[Any, Any, _T]], *, blocking: bool = False, at_a_time: int = 64
) -> list[_T]:
    """Run coroutines side by side, and return their results in order.

    Args:
        works: What to run.
        blocking: There is no event loop: run them in threads that end with this call.
        at_a_time: How many run at a time, with an event loop.
    """
    works = list(works)
    if len(works) < 2:  # noqa: PLR2004 one needs no company
        return [await work for work in works]
    if not blocking:
        return await _side_by_side(works, asyncio.Semaphore(at_a_time))
    try:
        with ThreadPoolExecutor(min(len(works), _THREADS)) as threads:
            return list(threads.map(finish, works))
    finally:
        for work in works:
            work.close()


async def _side_by_side(
    works: Sequence[Coroutine[Any, Any, _T]], room: asyncio.Semaphore
) -> list[_T]:
    """Run them all; where one fails, or nobody waits any more, the others end too."""
    tasks = [asyncio.ensure_future(_in_turn(work, room)) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task, work in zip(tasks, works, strict=True):
            task.cancel()
            if inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
                work.close()
        raise


async def _in_turn(work: Coroutine[Any, Any, _T], room: asyncio.Semaphore) -> _T:
    async with room:
        return await work
