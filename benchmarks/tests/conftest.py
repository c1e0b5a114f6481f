"""Servers to measure, and results to look at."""

import socket
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from qrmiddleware_benchmarks.generators import Generators, generators
from qrmiddleware_benchmarks.histogram import count, encode
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.results import ArmResult, Measurement, Result, SliceResult
from qrmiddleware_benchmarks.turns import Course, ProcessUse
from qrmiddleware_benchmarks.upstreams import constant_upstream

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
MACHINE = Machine("Some CPU", 2, 3.9, "Linux 6 x86_64", {"Python": "3.11"})


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def constant(free_port) -> Iterator[Target]:
    with constant_upstream(free_port, 4_000):
        yield Target("127.0.0.1", free_port, (REQUEST,))


@pytest.fixture(scope="session")
def load() -> Iterator[Generators]:
    """Two load generators, started once for all tests."""
    with generators(2, 8) as started:
        yield started


@pytest.fixture
def make_arm() -> Callable[..., ArmResult]:
    """Make an arm's result around a median latency."""

    def make(
        name,
        median_ms,
        *,
        rounds=8,
        searches=300,
        seed=0,
        noise=0.02,
        errors=0,
        degraded=0,
        lag_ms=0.01,
        cpu_ms=0.5,
        seconds=1.0,
    ):
        dice = np.random.default_rng(seed)

        def one():
            centre_ms = median_ms * dice.normal(1, noise)
            latencies_ms = np.abs(dice.lognormal(np.log(centre_ms), 0.3, searches))
            uses = (
                ProcessUse("arm", "qrm serve", cpu_ms * searches / 1e3, 80_000_000),
                ProcessUse("upstream", "upstream", 0.1 * searches / 1e3, 30_000_000),
                ProcessUse("generator", "generator 1", 0.05, 60_000_000),
            )
            return SliceResult(
                latencies=encode(count((latencies_ms * 1e6).astype(np.int64))),
                lags=encode(count(np.full(searches, int(lag_ms * 1e6)))),
                answered=searches,
                errors=errors,
                degraded=degraded,
                due_s=1.0,
                seconds=seconds,
                processes=uses,
                counters={"rules success": float(searches)},
            )

        return ArmResult(name, tuple(one() for _ in range(rounds)))

    return make


@pytest.fixture
def make_result(make_arm) -> Callable[..., Result]:
    """Make a result of ``passthrough`` with arms as they are given."""

    def make(*arms, rate_hz=300, upstream="constant answer of 4 KB", **changed):
        arms = arms or (make_arm("direct", 1.0), make_arm("nginx", 1.5, seed=1))
        given = {
            "scenario": "passthrough",
            "question": "What does it cost?",
            "queries": "20 made-up queries",
            "date": "2026-01-31",
            "smoke": False,
            "background": 0.01,
            "machine": MACHINE,
            "course": Course(),
            "measurements": (Measurement(upstream, rate_hz, 0.25, 0.001, arms),),
        }
        return Result(**{**given, **changed})

    return make
