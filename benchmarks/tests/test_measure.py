from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.measure import Setup, duration_s, engine_before, upstreams_of
from qrmiddleware_benchmarks.scenarios import PASSTHROUGH, SEARCH, WORKERS
from qrmiddleware_benchmarks.turns import Course


def test_a_scenario_is_measured_before_each_size_and_in_a_smoke_run_before_the_first():
    setup = Setup(first_port=9650, tell=print)

    assert len(list(upstreams_of(PASSTHROUGH, setup))) == 2
    assert len(list(upstreams_of(PASSTHROUGH, replace(setup, smoke=True)))) == 1
    assert len(list(upstreams_of(SEARCH, setup))) == 1


def test_the_duration_is_told_before():
    course = Course(rounds=10, slice_s=3, warmup_s=0.5)

    assert 100 < duration_s(WORKERS, course) < 130
    assert duration_s(PASSTHROUGH, course) == 4 * duration_s(WORKERS, course)


def test_an_engine_without_a_catalogue_is_not_started():
    starting = engine_before(Setup(first_port=9650, tell=print))

    with pytest.raises(ValueError, match="needs a catalogue"), starting:
        pass
