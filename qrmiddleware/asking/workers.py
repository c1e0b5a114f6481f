"""Runs several workers at a time, as one piece of work."""

import asyncio
from collections.abc import Awaitable, Iterable


async def all_or_none(works: Iterable[Awaitable[None]]) -> None:
    """Run until all are done; the first error cancels the others, and is raised as it is."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
