"""Servers to measure."""

import socket
from collections.abc import Iterator

import numpy as np
import pytest

from qrmiddleware_benchmarks.load import Slice, Target
from qrmiddleware_benchmarks.scenario import Harvest, Harvests
from qrmiddleware_benchmarks.upstreams import constant_upstream

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def constant(free_port) -> Iterator[Target]:
    with constant_upstream(free_port, 4_000):
        yield Target("127.0.0.1", free_port, (REQUEST,))


@pytest.fixture
def harvests() -> Harvests:
    """Two rounds of ``direct`` at 1 ms and ``nginx`` at 1.5 ms, and a failed search."""

    def rounds(median_ms, errors):
        generator = np.random.default_rng(0)
        latencies = (generator.normal(median_ms, 0.01, (2, 100)) * 1e6).astype(np.int64)
        lags_ns = np.full(100, 10_000)
        return [Slice(latencies_ns, lags_ns, errors, 1.0) for latencies_ns in latencies]

    direct = Harvest(5_000, rounds(1, 0))
    nginx = Harvest(2_000, rounds(1.5, 1), cpu_s=0.01, rss_bytes=12_000_000)
    return Harvests(100, {"direct": direct, "nginx": nginx})
