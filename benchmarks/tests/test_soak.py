import pytest

from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.soak import soak


@pytest.mark.slow
def test_memory_and_searches_are_sampled():
    found = soak(minutes=0.01, rate_hz=20, size_bytes=4_000, first_port=free_ports(10), tell=print)

    (sample,) = found.samples
    assert (sample.searches, sample.errors) == (100, 0)
    assert sample.rss_bytes > 20_000_000
    assert sample.p99_ms > 0
    assert sample.descriptors > 10
    assert sample.threads >= 1
    assert found.growth_mb_per_hour == 0
