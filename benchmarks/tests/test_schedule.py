import numpy as np
import pytest

from qrmiddleware_benchmarks.schedule import due_times_s


def test_constant_arrivals_are_a_metronome():
    assert due_times_s(rate_hz=4, seconds=1, arrivals="constant", seed=1).tolist() == [
        0,
        0.25,
        0.5,
        0.75,
    ]


def test_poisson_arrivals_keep_the_rate_and_come_in_clusters():
    due_s = due_times_s(rate_hz=1000, seconds=20, arrivals="poisson", seed=1)
    gaps_s = np.diff(due_s)

    assert due_s[-1] == pytest.approx(20, rel=0.05)
    assert gaps_s.std() == pytest.approx(gaps_s.mean(), rel=0.05)
    assert (gaps_s >= 0).all()


def test_a_seed_repeats_a_schedule():
    first, again, other = (
        due_times_s(rate_hz=100, seconds=1, arrivals="poisson", seed=seed) for seed in (1, 1, 2)
    )

    assert first.tolist() == again.tolist() != other.tolist()


def test_there_is_always_one_search():
    assert len(due_times_s(rate_hz=0.1, seconds=1, arrivals="constant", seed=1)) == 1
