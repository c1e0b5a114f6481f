import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.histogram import EMPTY, bins_us, count, decode, encode
from qrmiddleware_benchmarks.statistics import percentile_ms


@given(st.lists(st.integers(1, 60_000_000), min_size=1, max_size=50))
def test_what_is_encoded_is_decoded(times_us):
    counts = count(np.array(times_us) * 1_000)

    (decoded,) = decode([encode(counts)])

    assert decoded.sum() == len(times_us)
    assert (decoded == counts).all()


def test_bins_are_three_digits_wide_from_a_microsecond_to_a_minute():
    bins = bins_us()

    assert bins[1] == 1
    assert bins[-1] >= 60_000_000
    assert (np.diff(bins) <= np.maximum(1, bins[1:] / 1_000)).all()


def test_hdrhistogram_itself_reads_the_same_percentiles():
    times_ns = (np.random.default_rng(0).lognormal(0, 1, 5_000) * 1e6).astype(np.int64)
    counts = count(times_ns)

    theirs = HdrHistogram.decode(encode(counts))

    assert theirs.get_total_count() == 5_000
    for percentile in (50, 90, 99, 99.9):
        ours_us = percentile_ms(counts, percentile) * 1_000
        assert ours_us == pytest.approx(theirs.get_value_at_percentile(percentile), rel=0.002)
        assert ours_us == pytest.approx(np.percentile(times_ns / 1_000, percentile), rel=0.01)


def test_times_beyond_the_bounds_are_kept_at_them():
    counts = count(np.array([1, 3_600 * 10**9]))

    assert bins_us()[counts.nonzero()[0]].tolist() == pytest.approx([1, 60_000_000], rel=0.001)
    assert decode([encode(counts)]).sum() == 2


def test_no_times_are_an_empty_histogram():
    nothing = count(np.array([], dtype=np.int64))

    assert encode(nothing) == EMPTY
    assert decode([EMPTY]).sum() == 0
    assert percentile_ms(nothing, 99) == 0
