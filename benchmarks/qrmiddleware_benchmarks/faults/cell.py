"""One row of the table of faults, and what came of it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from qrmiddleware_benchmarks.faults.engine import FaultyEngine
from qrmiddleware_benchmarks.faults.proxy import Counted, ServedProxy
from qrmiddleware_benchmarks.faults.real import RealEngine


@dataclass(slots=True)
class Scene:
    """What stands before a fault: a proxy that serves, and all around it.

    Attributes:
        folder: For files.
        proxy: Under load.
        engines: Upstream, in this process.
        real: Real ones, or the Redis that holds the rewrite table.
        disk: The folder whose disk can be filled.
        nuisance: What goes on until it is cancelled.
    """

    folder: Path
    proxy: ServedProxy
    engines: tuple[FaultyEngine, ...] = ()
    real: list[RealEngine] = field(default_factory=list[RealEngine])
    disk: Path | None = None
    nuisance: asyncio.Task[None] | None = None


RATE_HZ: Final = 30.0

Act: TypeAlias = Callable[[Scene], Awaitable[None]]
Setting: TypeAlias = Callable[[Path], AbstractAsyncContextManager[Scene]]
SceneIterator: TypeAlias = AsyncIterator[Scene]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A fault, and what is promised where it happens.

    Attributes:
        name: Of the fault.
        what: What happens, for people.
        setting: Starts what stands before it.
        breaks: Makes it happen.
        mends: Ends it, as an operator or a service manager would.
        lasts_s: How long it lasts.
        sees: What clients may see meanwhile, beside whole answers: see ``Seen.first``.
        shows: Which of these at least one client must see, or the fault was none; none if
            clients see nothing of it.
        slow: At least one client must have waited for so many seconds.
        engine_answers: Whether the engine would have answered meanwhile: then no search may
            be lost.
        counted: Where operators see it.
        grows: By how much that grows at least.
        within_s: How long after its end all is as before, at most.
        mending_counts: Whether the time that mending takes counts: it is the proxy that starts.
        rate_hz: Searches a second.
        patience_s: How long clients wait for their answers.
        engines: Real ones that it needs, by their names.
        quick: Whether it is part of the short form.
    """

    name: str
    what: str
    setting: Setting
    breaks: Act
    mends: Act
    lasts_s: float = 1.5
    sees: frozenset[str] = frozenset()
    shows: frozenset[str] = frozenset()
    slow: float = 0.0
    engine_answers: bool = True
    counted: Counted
    grows: float = 1.0
    within_s: float = 5.0
    mending_counts: bool = False
    rate_hz: float = RATE_HZ
    patience_s: float = 10.0
    engines: tuple[str, ...] = ()
    quick: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a fault.

    Attributes:
        cell: Name of the fault.
        searches: That were due from its beginning until all was as before.
        saw: How often clients saw what at their first attempt; see ``Seen.first``.
        lost: Searches without an answer that the engine would have given.
        asked_again: Searches that clients repeated because a connection failed.
        slowest_s: The longest that a client waited for its answer.
        grew: By how much the metric did.
        recovered_s: From the end of the fault until all was as before; ``None`` if it never was.
    """

    cell: str
    searches: int
    saw: Mapping[str, int]
    lost: int
    asked_again: int
    slowest_s: float
    grew: float
    recovered_s: float | None


def problems(cell: Cell, outcome: Outcome) -> list[str]:
    """Return what was promised and did not hold."""
    found: list[str] = []

    def hold(holds: Any, problem: str) -> None:  # noqa: ANN401 - its truth
        if not holds:
            found.append(problem)

    unforeseen = set(outcome.saw) - {"200"} - cell.sees
    hold(not unforeseen, f"clients saw {', '.join(sorted(unforeseen))}: {dict(outcome.saw)}")
    hold(not cell.shows or cell.shows & set(outcome.saw), f"none saw it: {dict(outcome.saw)}")
    hold(outcome.slowest_s >= cell.slow, f"none waited longer than {outcome.slowest_s:.2f} s")
    hold(outcome.lost == 0, f"{outcome.lost} searches lost of {outcome.searches}")
    hold(outcome.grew >= cell.grows, f"{cell.counted} grew by {outcome.grew:g} only")
    late = outcome.recovered_s is None or outcome.recovered_s > cell.within_s
    hold(not late, f"all was as before after {outcome.recovered_s} s, not {cell.within_s:g}")
    return found
