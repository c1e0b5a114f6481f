"""Percentiles of latencies, and how sure one may be of a comparison.

Everything is computed from one histogram a round. The intervals come from a bootstrap over
rounds, the unit that a machine's noise comes in; searches of one round are not independent.
"""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from qrmiddleware_benchmarks.histogram import Counts, bins_us, decode
from qrmiddleware_benchmarks.results import ArmResult

PERCENTILES: Final = (50, 90, 95, 99, 99.9)
CPU: Final = "CPU"
MEASURES: Final = (*(f"p{each:g}" for each in PERCENTILES), CPU)
"""Percentiles of latency, and processor time a search; all in milliseconds."""
CONFIDENCE: Final = 0.95
_RESAMPLES = 2_000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether the interval lies to one side of a value."""
        return self.low > value or self.high < value


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure of an arm beside the same of the first arm.

    Attributes:
        measure: One of ``MEASURES``.
        own: The arm's, in milliseconds.
        ratio: Over the first arm's.
        added: Milliseconds above the first arm's.
    """

    measure: str
    own: Estimate
    ratio: Estimate
    added: Estimate


@dataclass(frozen=True, slots=True)
class Change:
    """One measure of an arm in a later run beside the same in an earlier one.

    Attributes:
        measure: One of ``MEASURES``.
        before: In the earlier run, in milliseconds.
        after: In the later run.
        ratio: After over before.
        relative: The same, over what the first arm's changed by between the runs.
    """

    measure: str
    before: float
    after: float
    ratio: Estimate
    relative: Estimate


@dataclass(frozen=True, slots=True)
class Rounds:
    """What is needed of an arm's rounds.

    Attributes:
        counts: Latencies; shape (rounds, bins).
        searches: Answered; shape (rounds,).
        cpu_s: Processor time; shape (rounds,).
    """

    counts: Counts
    searches: npt.NDArray[np.int64]
    cpu_s: Floats

    def __len__(self) -> int:
        return len(self.searches)

    def measures(self, weights: Floats) -> Floats:
        """Compute ``MEASURES`` with each round counted so often.

        Args:
            weights: Shape (resamples, rounds).

        Returns:
            Milliseconds, shape (resamples, measures); processor time is missing (NaN) where
            none was used.
        """
        percentiles = _percentiles_ms(self.counts, weights)
        cpu_ms = 1_000 * (weights @ self.cpu_s) / np.maximum(1, weights @ self.searches)
        cpu_ms[cpu_ms == 0] = np.nan
        return np.column_stack([percentiles, cpu_ms])

    def all(self) -> Floats:
        """Compute ``MEASURES`` over all rounds."""
        every: Floats = self.measures(np.ones((1, len(self))))[0]
        return every


def rounds_of(arm: ArmResult, *, yardstick: bool = False) -> Rounds:
    """Take an arm's rounds out of a result.

    Args:
        arm: The arm.
        yardstick: Read the processor time of the upstream instead of the arm's own: the same
            program at the same work in every run, it tells whether the machine has changed.
    """
    return Rounds(
        decode(each.latencies for each in arm.slices),
        np.array([each.answered for each in arm.slices]),
        np.array([each.cpu_s("upstream" if yardstick else "arm") for each in arm.slices]),
    )


def compare(first: Rounds, other: Rounds, *, seed: int = 0) -> tuple[Comparison, ...]:
    """Compare two arms that took turns.

    The bootstrap draws the same rounds for both arms: what a round's noise does to both does
    not count as a difference.

    Args:
        first: The arm to compare with.
        other: The arm in question; as many rounds, in the same order.
        seed: Of the resampling.
    """
    weights = _weights(len(first), np.random.default_rng(seed))
    bases, owns = first.measures(weights), other.measures(weights)
    base, own = first.all(), other.all()
    estimate = partial(_estimate, confidence=CONFIDENCE)
    return tuple(
        Comparison(
            measure,
            estimate(own[n], owns[:, n]),
            estimate(own[n] / base[n], owns[:, n] / bases[:, n]),
            estimate(own[n] - base[n], owns[:, n] - bases[:, n]),
        )
        for n, measure in enumerate(MEASURES)
    )


def changes(
    before: tuple[Rounds, Rounds],
    after: tuple[Rounds, Rounds],
    *,
    confidence: float,
    seed: int = 0,
) -> tuple[Change, ...]:
    """Compare an arm in two runs, with what the first arm says about the machine.

    Rounds of the two runs are drawn independently; within a run, the same ones for both arms.

    Args:
        before: The first arm and the arm in question, in the earlier run.
        after: The same in the later run.
        confidence: Of the intervals.
        seed: Of the resampling.
    """
    generator = np.random.default_rng(seed)
    drawn = [_weights(len(run[0]), generator) for run in (before, after)]
    firsts = [run[0].measures(weights) for run, weights in zip((before, after), drawn, strict=True)]
    owns = [run[1].measures(weights) for run, weights in zip((before, after), drawn, strict=True)]
    first = after[0].all() / before[0].all()
    old, new = before[1].all(), after[1].all()
    ratios, drifts = owns[1] / owns[0], firsts[1] / firsts[0]
    estimate = partial(_estimate, confidence=confidence)
    return tuple(
        Change(
            measure,
            float(old[n]),
            float(new[n]),
            estimate(new[n] / old[n], ratios[:, n]),
            estimate(new[n] / old[n] / first[n], ratios[:, n] / drifts[:, n]),
        )
        for n, measure in enumerate(MEASURES)
    )


def percentile_ms(counts: Counts, percentile: float) -> float:
    """Return one percentile of a histogram, or of several taken together; 0 of nothing."""
    total = counts.reshape(-1, counts.shape[-1]).sum(0)
    if not total.any():
        return 0.0
    rank = _ranks(np.array(percentile), total.sum())
    return float(bins_us()[np.searchsorted(np.cumsum(total), rank)]) / 1_000


def max_ms(counts: Counts) -> float:
    """Return the longest time in a histogram, or in several; 0 of nothing."""
    return percentile_ms(counts, 100)


def _percentiles_ms(counts: Counts, weights: Floats) -> Floats:
    used = counts.any(0)
    if not used.any():
        return np.full((len(weights), len(PERCENTILES)), np.nan)
    values_ms = bins_us()[used] / 1_000
    cumulative = np.cumsum(weights @ counts[:, used], axis=1)
    ranks = _ranks(np.array(PERCENTILES), cumulative[:, -1:])
    places = [(cumulative >= ranks[:, n : n + 1]).argmax(1) for n in range(len(PERCENTILES))]
    return np.column_stack([values_ms[place] for place in places])


def _ranks(percentiles: Floats, totals: npt.ArrayLike) -> Floats:
    """Return which of so many times, in ascending order, is at a percentile; from 1."""
    exact: Floats = percentiles / 100 * np.asarray(totals, dtype=np.float64)
    ranks: Floats = np.ceil(np.round(exact, 6))  # 99.9 % of 5,000 are 4,995, not 4,995.000000000001
    return ranks


def _weights(rounds: int, generator: np.random.Generator) -> Floats:
    """Draw rounds with replacement, many times; how often each was drawn."""
    return generator.multinomial(rounds, np.full(rounds, 1 / rounds), _RESAMPLES).astype(np.float64)


def _estimate(value: float, resamples: Floats, *, confidence: float) -> Estimate:
    finite = resamples[np.isfinite(resamples)]
    if not len(finite):
        return Estimate(float("nan"), float("nan"), float("nan"))
    tail = 50 * (1 - confidence)
    low, high = np.percentile(finite, (tail, 100 - tail))
    return Estimate(float(value), float(low), float(high))
