import numpy as np
import pytest

from qrmiddleware_benchmarks.histogram import count
from qrmiddleware_benchmarks.statistics import (
    CPU,
    MEASURES,
    PERCENTILES,
    Rounds,
    changes,
    compare,
    max_ms,
    percentile_ms,
    rounds_of,
)


def latencies_of(median_ms, *, rounds=10, noise_ms=(), seed=0, searches=400):
    generator = np.random.default_rng(seed)
    shifts = [*noise_ms, *[0.0] * (rounds - len(noise_ms))]
    return [
        (np.abs(generator.normal(median_ms, 0.05, searches)) * 1e6 + shift * 1e6).astype(np.int64)
        for shift in shifts
    ]


def rounds_from(latencies_ns, cpu_s=0.0):
    return Rounds(
        np.stack([count(each) for each in latencies_ns]),
        np.array([len(each) for each in latencies_ns]),
        np.full(len(latencies_ns), cpu_s),
    )


def rounds(median_ms, **how):
    return rounds_from(latencies_of(median_ms, **how))


def by_measure(found):
    return {each.measure: each for each in found}


def test_percentiles_are_those_of_all_rounds_together():
    latencies = latencies_of(2.0)

    own = by_measure(compare(rounds_from(latencies), rounds_from(latencies)))

    expected = np.percentile(np.concatenate(latencies) / 1e6, PERCENTILES)
    found = [own[f"p{each:g}"].own.value for each in PERCENTILES]
    assert found == pytest.approx(expected, rel=0.01)
    assert tuple(own) == MEASURES


def test_an_arm_compared_with_itself_differs_by_nothing():
    same = rounds(1.0)

    for each in compare(same, same)[:-1]:
        assert (each.ratio.low, each.ratio.value, each.ratio.high) == (1, 1, 1)
        assert (each.added.low, each.added.value, each.added.high) == (0, 0, 0)


def test_the_interval_holds_the_true_difference():
    p50 = compare(rounds(1.0), rounds(1.5))[0]

    assert p50.added.low <= 0.5 <= p50.added.high
    assert p50.ratio.low <= 1.5 <= p50.ratio.high
    assert p50.added.high - p50.added.low < 0.05


def test_a_disturbance_of_whole_rounds_that_hits_both_arms_is_no_difference():
    disturbed = [5.0, 5.0, 5.0]

    p50 = compare(rounds(1.0, noise_ms=disturbed), rounds(1.2, noise_ms=disturbed))[0]

    assert p50.added.value == pytest.approx(0.2, abs=0.05)
    assert p50.added.high - p50.added.low < 0.1


def test_intervals_between_runs_hold_the_truth_about_as_often_as_they_say():
    """Two runs of the same arm, 40 times over: a 99 % interval may miss 1 now and then."""
    missed = 0
    for seed in range(40):
        dice = np.random.default_rng(seed)
        runs = [
            tuple(
                rounds_from(
                    [
                        (dice.normal(median_ms * shift, 0.05, 100) * 1e6).astype(np.int64)
                        for shift in dice.normal(1, 0.02, 10)
                    ]
                )
                for median_ms in (1.0, 2.0)
            )
            for _ in range(2)
        ]
        p50 = changes(*runs, confidence=0.99, seed=seed)[0]
        missed += p50.ratio.excludes(1)

    assert missed <= 4


def test_a_machine_that_is_slower_as_a_whole_is_told_from_an_arm_that_is():
    before = rounds(1.0), rounds(2.0, seed=1)
    slower_machine = rounds(1.3, seed=2), rounds(2.6, seed=3)
    slower_arm = rounds(1.0, seed=2), rounds(2.6, seed=3)

    machine = changes(before, slower_machine, confidence=0.99)[0]
    arm = changes(before, slower_arm, confidence=0.99)[0]

    assert machine.ratio.excludes(1)
    assert not machine.relative.excludes(1)
    assert arm.ratio.low > 1.2
    assert arm.relative.low > 1.2


def test_processor_time_is_per_search_and_missing_where_none_was_used():
    idle, working = rounds(1.0), rounds_from(latencies_of(1.0), cpu_s=0.2)

    found = by_measure(compare(idle, working))

    assert found[CPU].own.value == pytest.approx(0.5)
    assert np.isnan(by_measure(compare(working, idle))[CPU].own.value)


def test_an_arm_that_answered_nothing_has_no_percentiles():
    nothing = rounds_from([np.array([], dtype=np.int64)] * 3)

    assert np.isnan(compare(nothing, nothing)[0].own.value)


def test_percentiles_of_one_histogram():
    counts = count(np.array([1, 2, 3, 4]) * 1_000_000)

    assert percentile_ms(counts, 50) == pytest.approx(2, rel=0.001)
    assert max_ms(counts) == pytest.approx(4, rel=0.001)


def test_an_arms_rounds_come_out_of_a_result(make_arm):
    arm = make_arm("nginx", 1.5, rounds=3)

    own, yardstick = rounds_of(arm), rounds_of(arm, yardstick=True)

    assert own.searches.tolist() == [300, 300, 300]
    assert own.all()[0] == pytest.approx(1.5, rel=0.1)
    assert own.all()[-1] == pytest.approx(0.5)
    assert yardstick.all()[-1] == pytest.approx(0.1)
