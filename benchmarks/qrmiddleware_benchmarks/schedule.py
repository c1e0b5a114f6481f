"""When searches are due, and which query each one asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Arrivals: TypeAlias = Literal["poisson", "constant"]


@dataclass(frozen=True, slots=True)
class Plan:
    """An open-loop load: what is sent when, decided before the first search is.

    Attributes:
        due_s: Seconds from the start, ascending.
        picks: Which of the requests each search sends, in the same order.
        warmups: The first so many are sent like the others, but do not count.
    """

    due_s: npt.NDArray[np.float64]
    picks: npt.NDArray[np.int64]
    warmups: int = 0

    def split(self, parts: int) -> list["Plan"]:
        """Deal the searches out to several generators in turn; together they are this plan."""
        return [
            Plan(self.due_s[n::parts], self.picks[n::parts], -(-max(0, self.warmups - n) // parts))
            for n in range(parts)
            if n < len(self.due_s)
        ]

    @property
    def counted_from_s(self) -> float:
        """When the first search that counts is due."""
        return float(self.due_s[self.warmups])


def due_times_s(
    *, rate_hz: float, seconds: float, arrivals: Arrivals, seed: int
) -> npt.NDArray[np.float64]:
    """Lay out one slice of an open-loop load.

    Args:
        rate_hz: Searches per second, on average.
        seconds: Length of the slice.
        arrivals: ``"poisson"`` for independent users, ``"constant"`` for a metronome.
        seed: Makes the slice repeatable; arms of one round share it.

    Returns:
        Seconds from the slice's start, ascending.
    """
    count = max(1, round(rate_hz * seconds))
    if arrivals == "constant":
        return np.arange(count) / rate_hz
    gaps = np.random.default_rng(seed).exponential(1 / rate_hz, count)
    return np.cumsum(gaps)


def in_turn(count: int, queries: int, *, first: int = 0) -> npt.NDArray[np.int64]:
    """Ask one query after the other, and then from the beginning."""
    return (np.arange(count, dtype=np.int64) + first) % queries


def by_zipf(count: int, queries: int, *, exponent: float, seed: int) -> npt.NDArray[np.int64]:
    """Ask few queries often and many seldom, as shoppers do.

    The query in place r (from 1) is drawn with a probability in proportion to r to the power of
    minus ``exponent``; 0 asks all alike, search logs lie around 1.
    """
    weights = np.arange(1, queries + 1, dtype=np.float64) ** -exponent
    return np.random.default_rng(seed).choice(queries, count, p=weights / weights.sum())


def needed(requests: Sequence[bytes], plan: Plan) -> tuple[list[bytes], Plan]:
    """Leave out the requests that this plan never sends, to hand over no more than that."""
    kept, picks = np.unique(plan.picks, return_inverse=True)
    return [requests[place] for place in kept], Plan(plan.due_s, picks, plan.warmups)
