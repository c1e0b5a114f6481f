from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.doubts import doubts, falls_behind, generator_late, generator_share


def said(result):
    return " ".join(doubts(result, result.measurements[0]))


def test_a_quiet_run_raises_no_doubts(make_result):
    assert said(make_result()) == ""


def test_every_reason_for_doubt_is_said(make_result, make_arm):
    arms = (
        make_arm("direct", 1.0, lag_ms=0.9),
        make_arm("failing", 1.0, errors=3),
        make_arm("behind", 1.0, seconds=1.1),
    )
    result = make_result(*arms, smoke=True, background=0.3)
    (measurement,) = result.measurements
    result = replace(result, measurements=(replace(measurement, stolen=0.05),))

    text = said(result)

    assert "smoke run" in text
    assert "others used 30% of the machine" in text
    assert "took 5.0% of the machine's time" in text
    assert "at p99 for direct: read these p99 as upper bounds" in text
    assert "Searches failed for failing" in text
    assert "answered by behind: a queue grew" in text


def test_a_generator_that_works_most_of_the_time_may_be_the_bottleneck(make_result, make_arm):
    arm = make_arm("direct", 1.0)
    busy = [
        replace(each, processes=tuple(replace(use, cpu_s=0.95) for use in each.processes))
        for each in arm.slices
    ]
    result = make_result(replace(arm, slices=tuple(busy)))

    assert "may be the bottleneck; give it more processes with --generators" in said(result)


def test_lateness_that_is_small_beside_the_latency_is_no_matter(make_arm):
    assert generator_late(make_arm("fast", 1.0, lag_ms=0.5))
    assert not generator_late(make_arm("slow", 100.0, lag_ms=0.5))
    assert not generator_late(make_arm("fast", 0.3, lag_ms=0.2))


def test_shares_are_of_the_time_that_counted(make_arm):
    arm = make_arm("direct", 1.0, seconds=2.0)

    assert generator_share(arm) == pytest.approx(0.025)
    assert falls_behind(arm)
