"""Times as HdrHistograms: 1 µs to 60 s, three digits; encoded in results, counted in arrays.

Everything that is said about latency is read off these histograms, so that a result file holds
all that a later look at it needs.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram

LOWEST_US = 1
HIGHEST_US = 60_000_000
"""Longer times are counted as this one; the load generator gives up long before."""
DIGITS = 3

Counts = npt.NDArray[np.int64]
"""How many times fell into each bin; the last axis is that of ``bins_us``."""

EMPTY = ""
"""A histogram of nothing, encoded."""


@cache
def bins_us() -> npt.NDArray[np.int64]:
    """Return the largest value of each bin, ascending: what the bin's times are read as."""
    empty = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    return np.array(
        [
            empty.get_highest_equivalent_value(empty.get_value_from_index(index))
            for index in range(empty.counts_len)
        ],
        dtype=np.int64,
    )


def count(times_ns: npt.NDArray[np.int64]) -> Counts:
    """Count times in nanoseconds into bins."""
    times_us = np.clip(times_ns // 1_000, LOWEST_US, HIGHEST_US)
    return np.bincount(np.searchsorted(bins_us(), times_us), minlength=len(bins_us()))


def encode(counts: Counts) -> str:
    """Write counts in HdrHistogram's own format (V2, compressed, base64)."""
    (filled,) = counts.nonzero()
    if not len(filled):
        return EMPTY
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value_us, number in zip(bins_us()[filled].tolist(), counts[filled].tolist(), strict=True):
        histogram.record_value(min(value_us, HIGHEST_US), number)
    return histogram.encode().decode()


def decode(encoded: Iterable[str]) -> Counts:
    """Read histograms that ``encode`` wrote; shape (histograms, bins)."""
    return np.stack([_decode(each) for each in encoded])


def _decode(encoded: str) -> Counts:
    counts = np.zeros(len(bins_us()), dtype=np.int64)
    if encoded == EMPTY:
        return counts
    read = np.ctypeslib.as_array(HdrHistogram.decode(encoded).counts)
    counts[: len(read)] = read
    return counts
