"""Percentiles of latencies by round, and how far noise may have moved them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rounds = Sequence[npt.NDArray[np.int64]]
"""Latencies in nanoseconds, one array a round."""

_RESAMPLES = 1_000
_CONFIDENCE = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def percentile_ms(rounds: Rounds, percentile: float, *, seed: int = 0) -> Interval:
    """Return a percentile in milliseconds; the bootstrap draws whole rounds."""
    value, resampled = _percentiles_ns(rounds, percentile, seed)
    return _interval(value / 1e6, resampled / 1e6)


def median_ratio(first: Rounds, other: Rounds, *, seed: int = 0) -> Interval:
    """Divide the median of an arm by the first arm's.

    The bootstrap draws the same rounds for both, so that what a round's noise does to both does
    not count as a difference.

    Args:
        first: The arm to compare with.
        other: The arm in question; as many rounds, in the same order.
        seed: Of the resampling.
    """
    base, bases = _percentiles_ns(first, 50, seed)
    own, owns = _percentiles_ns(other, 50, seed)
    return _interval(own / base, owns / bases)


def _percentiles_ns(
    rounds: Rounds, percentile: float, seed: int
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the percentile of all rounds, and that of every resample.

    A resample is a weight for every latency: how often its round was drawn.
    """
    drawn = np.random.default_rng(seed).integers(0, len(rounds), (_RESAMPLES, len(rounds)))
    times = np.stack([np.bincount(each, minlength=len(rounds)) for each in drawn])
    times = np.concatenate([np.ones((1, len(rounds)), dtype=times.dtype), times])
    latencies = np.concatenate(rounds)
    order = np.argsort(latencies, kind="stable")
    members = np.repeat(np.arange(len(rounds)), [len(each) for each in rounds])[order]
    reached = np.cumsum(times[:, members], axis=1)
    ranks = np.ceil(percentile / 100 * reached[:, -1:])
    found = latencies[order][(reached < ranks).sum(axis=1)].astype(np.float64)
    return float(found[0]), found[1:]


def _interval(value: float, resampled: npt.NDArray[np.float64]) -> Interval:
    low, high = np.percentile(resampled, _CONFIDENCE)
    return Interval(float(value), float(low), float(high))
