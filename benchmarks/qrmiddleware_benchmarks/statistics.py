"""Percentiles of latencies, and how sure one may be of a comparison."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

PERCENTILES = (50, 95, 99)
_RESAMPLES = 1_000
_CONFIDENCE = (2.5, 97.5)

Rounds = Sequence[npt.NDArray[np.int64]]
"""Latencies in nanoseconds, one array a round."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """One percentile of an arm beside the same of the first arm.

    Attributes:
        percentile: 50, 95 or 99.
        latency_ms: The arm's own.
        ratio: Over the first arm's.
        added_ms: Above the first arm's.
    """

    percentile: int
    latency_ms: Estimate
    ratio: Estimate
    added_ms: Estimate


def compare(first: Rounds, other: Rounds, *, seed: int = 0) -> tuple[Comparison, ...]:
    """Compare two arms that took turns.

    The intervals come from a bootstrap over rounds, the same rounds for both arms: what a
    round's noise does to both does not count as a difference.

    Args:
        first: The arm to compare with.
        other: The arm in question; as many rounds, in the same order.
        seed: Of the resampling.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.integers(0, len(first), (_RESAMPLES, len(first)))
    bases, base = _percentiles_ms(first, drawn)
    owns, own = _percentiles_ms(other, drawn)
    return tuple(
        Comparison(
            percentile,
            _estimate(own[n], owns[:, n]),
            _estimate(own[n] / base[n], owns[:, n] / bases[:, n]),
            _estimate(own[n] - base[n], owns[:, n] - bases[:, n]),
        )
        for n, percentile in enumerate(PERCENTILES)
    )


def _percentiles_ms(
    rounds: Rounds, drawn: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the percentiles of every resample, shape (resamples, 3), and of all rounds.

    Rounds become counts over a common, sorted axis of values, so that a resample is a
    weighted sum instead of a sort.
    """
    axis, positions = np.unique(np.concatenate(rounds) // 1_000, return_inverse=True)
    ends = np.cumsum([len(each) for each in rounds])
    counts = np.stack(
        [np.bincount(part, minlength=len(axis)) for part in np.split(positions, ends[:-1])]
    )
    resamples = np.stack([_at(counts[choice].sum(0), axis) for choice in drawn])
    return resamples, _at(counts.sum(0), axis)


def _at(counts: npt.NDArray[np.int64], axis: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    cumulative = np.cumsum(counts)
    ranks = np.ceil(np.array(PERCENTILES) / 100 * cumulative[-1])
    found: npt.NDArray[np.float64] = axis[np.searchsorted(cumulative, ranks)] / 1_000
    return found


def _estimate(value: float, resamples: npt.NDArray[np.float64]) -> Estimate:
    low, high = np.percentile(resamples, _CONFIDENCE)
    return Estimate(float(value), float(low), float(high))
