import numpy as np
import pytest

from qrmiddleware_benchmarks.statistics import compare


def rounds_of(median_ms, *, rounds=10, noise_ms=()):
    generator = np.random.default_rng(0)
    shifts = [*noise_ms, *[0.0] * (rounds - len(noise_ms))]
    return [
        (np.abs(generator.normal(median_ms, 0.05, 400)) * 1e6 + shift * 1e6).astype(np.int64)
        for shift in shifts
    ]


def test_percentiles_are_those_of_all_rounds_together():
    rounds = rounds_of(2.0)

    p50, p95, p99 = compare(rounds, rounds)

    expected = np.percentile(np.concatenate(rounds) / 1e6, (50, 95, 99))
    assert [each.latency_ms.value for each in (p50, p95, p99)] == pytest.approx(expected, rel=0.01)
    assert [each.percentile for each in (p50, p95, p99)] == [50, 95, 99]


def test_an_arm_compared_with_itself_differs_by_nothing():
    rounds = rounds_of(1.0)

    for each in compare(rounds, rounds):
        assert (each.ratio.low, each.ratio.value, each.ratio.high) == (1, 1, 1)
        assert (each.added_ms.low, each.added_ms.value, each.added_ms.high) == (0, 0, 0)


def test_the_interval_holds_the_true_difference():
    p50, *_ = compare(rounds_of(1.0), rounds_of(1.5))

    assert p50.added_ms.low <= 0.5 <= p50.added_ms.high
    assert p50.ratio.low <= 1.5 <= p50.ratio.high
    assert p50.added_ms.high - p50.added_ms.low < 0.05


def test_a_disturbance_of_whole_rounds_that_hits_both_arms_is_no_difference():
    disturbed = [5.0, 5.0, 5.0]

    p50, *_ = compare(rounds_of(1.0, noise_ms=disturbed), rounds_of(1.2, noise_ms=disturbed))

    assert p50.added_ms.value == pytest.approx(0.2, abs=0.05)
    assert p50.added_ms.high - p50.added_ms.low < 0.1
