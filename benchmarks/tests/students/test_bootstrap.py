import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.students.bootstrap import median_ratio, percentile_ms

ROUNDS = st.lists(
    st.lists(st.integers(1, 10**9), min_size=1, max_size=9), min_size=1, max_size=6
).map(lambda lists: [np.array(each, dtype=np.int64) for each in lists])


@given(ROUNDS, st.sampled_from([50, 95]))
def test_a_percentile_is_that_of_all_latencies_and_lies_within_their_range(rounds, percentile):
    found = percentile_ms(rounds, percentile)

    everything = np.concatenate(rounds) / 1e6
    assert found.value == pytest.approx(
        np.percentile(everything, percentile, method="inverted_cdf")
    )
    assert everything.min() <= found.low <= found.high <= everything.max()


@given(ROUNDS)
def test_an_arm_over_itself_is_one_without_doubt(rounds):
    found = median_ratio(rounds, rounds)

    assert (found.value, found.low, found.high) == (1, 1, 1)


def test_noise_that_hits_both_arms_does_not_widen_the_ratio():
    generator = np.random.default_rng(0)
    noise = generator.uniform(1, 2, 10)
    first = [(1e6 * each * generator.normal(1, 0.01, 30)).astype(np.int64) for each in noise]
    other = [(2e6 * each * generator.normal(1, 0.01, 30)).astype(np.int64) for each in noise]

    ratio, median = median_ratio(first, other), percentile_ms(other, 50)

    assert ratio.low < 2 < ratio.high
    assert (ratio.high - ratio.low) / ratio.value < (median.high - median.low) / median.value


def test_one_round_has_no_width():
    found = percentile_ms([np.array([3_000_000, 1_000_000, 2_000_000])], 50)

    assert (found.value, found.low, found.high) == (2, 2, 2)
