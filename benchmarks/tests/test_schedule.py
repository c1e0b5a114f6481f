import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.schedule import Plan, by_zipf, due_times_s, in_turn, needed


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


@pytest.mark.parametrize("exponent", [0.0, 0.7, 1.0, 1.5])
def test_frequencies_follow_zipfs_law(exponent):
    draws = 200_000
    picks = by_zipf(draws, 50, exponent=exponent, seed=3)

    weights = np.arange(1, 51) ** -exponent
    expected = draws * weights / weights.sum()
    chi_square = ((np.bincount(picks, minlength=50) - expected) ** 2 / expected).sum()
    assert chi_square < 85.4  # 49 degrees of freedom: one in a thousand lies beyond


def test_a_seed_repeats_a_mix_of_queries():
    first, again, other = (by_zipf(100, 9, exponent=1, seed=seed).tolist() for seed in (1, 1, 2))

    assert first == again != other


def test_queries_in_turn_go_on_where_they_were():
    assert in_turn(4, 3).tolist() == [0, 1, 2, 0]
    assert in_turn(2, 3, first=2).tolist() == [2, 0]


@given(
    count=st.integers(1, 40), warmups=st.integers(0, 39), parts=st.integers(1, 8), data=st.data()
)
def test_the_parts_of_a_plan_are_the_plan(count, warmups, parts, data):
    picks = data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    plan = Plan(np.arange(count) / 10, np.array(picks), min(warmups, count - 1))

    shares = plan.split(parts)

    together = sorted(
        (due, pick, place < share.warmups)
        for share in shares
        for place, (due, pick) in enumerate(zip(share.due_s, share.picks, strict=True))
    )
    assert together == [
        (due, pick, place < plan.warmups)
        for place, (due, pick) in enumerate(zip(plan.due_s, plan.picks, strict=True))
    ]
    assert max(len(each.due_s) for each in shares) - min(len(each.due_s) for each in shares) <= 1


def test_only_the_requests_that_are_needed_are_handed_over():
    plan = Plan(np.arange(3) / 10, np.array([4, 1, 4]))

    requests, handed = needed([b"0", b"1", b"2", b"3", b"4"], plan)

    assert requests == [b"1", b"4"]
    assert [requests[pick] for pick in handed.picks] == [b"4", b"1", b"4"]


def test_what_counts_begins_after_the_warm_up():
    plan = Plan(np.array([0.0, 0.5, 0.9]), np.zeros(3, dtype=np.int64), warmups=2)

    assert plan.counted_from_s == 0.9
