"""When searches are due."""

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Arrivals: TypeAlias = Literal["poisson", "constant"]


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
