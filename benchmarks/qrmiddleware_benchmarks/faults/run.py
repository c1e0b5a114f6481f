"""Breaks one thing under load, and notes what became of the searches."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Final

import msgspec

from qrmiddleware_benchmarks.faults.cell import Cell, Outcome
from qrmiddleware_benchmarks.faults.stream import WHOLE, Seen, Stream
from qrmiddleware_benchmarks.processes import ProcessError
from qrmiddleware_benchmarks.searches import QUERIES

_WARM_S: Final = 0.7
_STEADY_S: Final = 1.2
"""For how long everything has to be as before to be believed."""

_BODIES: Final = tuple(
    msgspec.json.encode({"query": {"match": {"title": query}}}) for query in QUERIES
)


async def run_cell(cell: Cell, folder: Path) -> Outcome:
    """Start what a fault needs, load it, break it and mend it.

    Args:
        cell: The fault.
        folder: An empty one, for everything that is written.

    Raises:
        ProcessError: If the searches are not answered before anything breaks.
    """
    async with cell.setting(folder) as scene:
        stream = Stream(scene.proxy.port, _BODIES, cell.rate_hz, cell.patience_s)
        async with stream.flowing():
            if not await stream.whole_for(_WARM_S, within_s=20.0):
                last = Counter(each.last for each in stream.seen[-20:])
                message = f"not whole before anything broke: {dict(last)}\n{scene.proxy.tail()}"
                raise ProcessError(message)
            before = await scene.proxy.metric(cell.counted)
            broke_s = monotonic()
            await cell.breaks(scene)
            await asyncio.sleep(cell.lasts_s)
            began_s = monotonic()
            await cell.mends(scene)
            mended_s = began_s if cell.mending_counts else monotonic()
            recovers = await stream.whole_for(_STEADY_S, within_s=cell.within_s + 5.0)
        after = await scene.proxy.metric(cell.counted)
    grew = after - before if after >= before else after  # it began anew with a new process
    return outcome_of(cell, stream.seen, (broke_s, mended_s), grew, recovers=recovers)


def outcome_of(
    cell: Cell, seen: Sequence[Seen], lasted: tuple[float, float], grew: float, *, recovers: bool
) -> Outcome:
    """Sum up what clients saw of a fault.

    Args:
        cell: The fault.
        seen: All searches of the stream.
        lasted: When it began, and when it was mended, by ``time.monotonic``.
        grew: By how much its metric did.
        recovers: Whether all was as before in the end.
    """
    broke_s, mended_s = lasted
    unwhole = [
        each.due_s if each.last == WHOLE else each.ended_s
        for each in seen
        if each.first != WHOLE and each.ended_s > broke_s
    ]
    recovered_s = max([mended_s, *unwhole])
    touched = [each for each in seen if each.ended_s > broke_s and each.due_s <= recovered_s]
    lost = [
        each
        for each in touched
        if not each.answered and (cell.engine_answers or each.due_s > mended_s)
    ]
    return Outcome(
        cell=cell.name,
        searches=len(touched),
        saw=dict(Counter(each.first for each in touched).most_common()),
        lost=len(lost),
        asked_again=sum(each.tries > 1 for each in touched),
        slowest_s=round(max((each.ended_s - each.due_s for each in touched), default=0.0), 3),
        grew=round(grew, 3),
        recovered_s=round(recovered_s - mended_s, 3) if recovers else None,
    )
