from time import perf_counter_ns

import numpy as np
import pytest

from qrmiddleware_benchmarks.generators import generators
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.processes import ProcessError
from qrmiddleware_benchmarks.schedule import Plan


def plan(searches, *, rate_hz=200, warmups=0):
    return Plan(np.arange(searches) / rate_hz, np.zeros(searches, dtype=np.int64), warmups)


def test_generators_share_a_plan_and_all_of_it_is_sent(load, constant):
    brought = load.drive(constant, plan(50, warmups=10))

    assert len(brought.latencies_ns) == len(brought.lags_ns) == 40
    assert brought.errors == 0
    assert [len(each.latencies_ns) for each in brought.generators] == [20, 20]
    assert brought.due_s == pytest.approx(39 / 200)
    assert brought.due_s <= brought.seconds < 10
    assert all(each.cpu_s > 0 for each in brought.generators)


def test_the_first_plan_is_not_late_because_a_generator_still_starts(constant):
    def first_lag_ns():
        with generators(1, 4) as fresh:
            return fresh.drive(constant, plan(20)).lags_ns[0]

    assert any(first_lag_ns() < 0.1e9 for _ in range(3))  # the machine may be busy, too


def test_fewer_searches_than_generators_are_sent_too(load, constant):
    assert len(load.drive(constant, plan(1)).latencies_ns) == 1


def test_one_may_wait_until_it_counts(load, constant):
    flight = load.start(constant, plan(60, rate_hz=25, warmups=10))

    flight.wait_until_it_counts()

    assert perf_counter_ns() >= flight.counted_ns
    assert not all(job.done() for job in flight.jobs)
    assert len(flight.result().latencies_ns) == 50


def test_who_does_not_listen_is_named_as_the_problem(load, free_port):
    with pytest.raises(ProcessError, match="lost what it asks"):
        load.drive(Target("127.0.0.1", free_port, (b"",)), plan(1))


def test_saturation_is_the_rate_of_all_together(load, constant):
    assert load.saturate(constant, 1.0) > 20
