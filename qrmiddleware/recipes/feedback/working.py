"""Works through many queries at a time, and gives up where nothing works any more."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from qrmiddleware.asking.workers import all_or_none
from qrmiddleware.errors import UpstreamError

T = TypeVar("T")
R = TypeVar("R")


class GivenUpError(UpstreamError):
    """Too many searches in a row failed; what was found until then is kept."""


async def work_through(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    take: Callable[[R], object],
    *,
    concurrency: int,
    give_up_after: int,
    failed: Callable[[UpstreamError], object] = lambda _: None,
) -> None:
    """Do some work on every item, and hand over each result as it comes.

    Args:
        items: Read as they are come to.
        work: May raise ``UpstreamError``: then the item is left out.
        take: Called at once, in the order in which work ends.
        concurrency: How many at a time.
        give_up_after: How many may fail in a row.
        failed: Told of each failure.

    Raises:
        GivenUpError: If too many failed in a row.
    """
    coming = iter(items)
    streak = 0

    async def worker() -> None:
        nonlocal streak
        for item in coming:
            try:
                result = await work(item)
            except UpstreamError as error:
                streak += 1
                failed(error)
                if streak >= give_up_after:
                    raise _given_up(streak, error) from error
            else:
                streak = 0
                take(result)

    await all_or_none(worker() for _ in range(concurrency))


def _given_up(streak: int, error: UpstreamError) -> GivenUpError:
    message = (
        f"{streak} queries in a row failed, the last one with: {error}. What was found is kept; "
        "the same command goes on from there"
    )
    return GivenUpError(message, status=error.status)
