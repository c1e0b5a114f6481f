from contextlib import nullcontext

import numpy as np
import pytest

from qrmiddleware_benchmarks.arms import ArmSpec, Direct
from qrmiddleware_benchmarks.doubts import overload_doubts
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.fronts import Arm, Running
from qrmiddleware_benchmarks.generators import Load
from qrmiddleware_benchmarks.histogram import count, encode
from qrmiddleware_benchmarks.load import Slice, Target
from qrmiddleware_benchmarks.measure import Setup
from qrmiddleware_benchmarks.overload import (
    ArmLevels,
    Held,
    Level,
    Overload,
    Sweep,
    read_overload,
    sweep_all,
)
from qrmiddleware_benchmarks.results import ResultError, SliceResult, write_result
from qrmiddleware_benchmarks.smoke import check_overload
from qrmiddleware_benchmarks.turns import ProcessUse

HELD = Held(80_000_000, 40, 20)


def level(share, latencies_ms, *, refused=0, lost=0, skipped=0, generator_s=0.1, lag_ms=0.1):
    times_ns = (np.array(latencies_ms, dtype=float) * 1e6).astype(np.int64)
    return Level(
        share,
        100 * share,
        SliceResult(
            latencies=encode(count(times_ns)),
            lags=encode(count(np.full(10, int(lag_ms * 1e6)))),
            answered=len(latencies_ms),
            errors=refused + lost,
            degraded=skipped,
            due_s=1.0,
            seconds=1.0,
            processes=(ProcessUse("generator", "generator 1", generator_s, 1),),
            refused=refused,
        ),
    )


def test_goodput_counts_what_is_answered_in_time_beside_what_can_be():
    half_late = level(2.0, [10] * 80 + [900] * 20, refused=100)

    assert half_late.goodput(250) == pytest.approx(2 * 80 / 200)
    assert level(0.5, [10] * 50).goodput(250) == pytest.approx(0.5)
    assert level(2.0, [], lost=10).goodput(250) == 0


def test_refused_lost_and_skipped_are_told_apart():
    mixed = level(2.0, [10] * 50, refused=40, lost=10, skipped=25)

    assert (mixed.refused_share, mixed.lost, mixed.skipped_share) == (0.4, 10, 0.5)


def test_levels_are_gathered_by_share_over_rounds():
    arm = ArmLevels("rules", tuple(level(s, [1]) for s in (0.5, 2.0, 0.5, 2.0)), HELD, HELD)

    assert [[each.share for each in step] for step in arm.by_share()] == [[0.5, 0.5], [2.0, 2.0]]


def running(name):
    target = Target("x", 1, (b"",))
    return Arm(name, ArmSpec(front=Direct()), target, lambda: nullcontext(Running()))


class _Bounded:
    """Generators before a server that answers 100 searches a second, and refuses the others."""

    def __init__(self):
        self.offered_hz = []

    def saturate(self, target, seconds):
        return 100.0

    def drive(self, target, plan):
        sent = len(plan.due_s) - plan.warmups
        due_s = float(plan.due_s[-1] - plan.due_s[plan.warmups])
        self.offered_hz.append(round(sent / due_s))
        answered = min(sent, round(100 * due_s))
        latencies_ns = np.full(answered, 10_000_000)
        slice_ = Slice(latencies_ns, latencies_ns, 0, 0, (0, 0), (0, 0), 0.01, 1)
        refused = sent - answered
        return Load(latencies_ns, latencies_ns, refused, 0, due_s, due_s, (slice_,), refused)


def test_the_rate_rises_past_saturation_in_every_round():
    arms = [running("a"), running("b")]
    load, told = _Bounded(), []
    sweep = Sweep(rounds=2, slice_s=10, warmup_s=0, shares=(0.5, 2.0), rest_s=0)

    found = sweep_all(arms, load, sweep, told.append)

    assert told == ["round 1, a", "round 1, b", "round 2, a", "round 2, b"]
    assert [each.name for each in found] == ["a", "b"]
    for arm in found:
        half, double = arm.by_share()
        assert [each.goodput(250) for each in half] == pytest.approx([0.5] * 2, rel=0.01)
        assert [each.goodput(250) for each in double] == pytest.approx([1.0] * 2, rel=0.15)
        assert [each.lost for each in double] == [0, 0]


@pytest.fixture
def make_overload(make_result):
    def make(*levels, background=0.01):
        return Overload(
            upstream="constant answer of 4 KB",
            date="2026-01-31",
            background=background,
            deadline_ms=250,
            rounds=1,
            slice_s=3,
            machine=make_result().machine,
            arms=(ArmLevels("rules", levels, HELD, HELD),),
        )

    return make


def test_a_sweep_survives_being_kept(tmp_path, make_overload):
    found = make_overload(level(0.5, [1, 2]), level(2.0, [5], refused=3))

    write_result(found, tmp_path / "overload.json")

    assert read_overload(tmp_path / "overload.json") == found
    (tmp_path / "overload.json").write_text("{}")
    with pytest.raises(ResultError, match="no result of qrm-bench overload"):
        read_overload(tmp_path / "overload.json")


@pytest.mark.parametrize("doubtful", [{"generator_s": 0.95}, {"lag_ms": 90}])
def test_a_generator_that_gives_in_first_is_said(make_overload, doubtful):
    good, bad = level(0.5, [1]), level(2.0, [1], **doubtful)

    assert list(overload_doubts(make_overload(good))) == []
    (said,) = overload_doubts(make_overload(good, bad))
    assert "gave in first" in said
    assert "rules" in said


@pytest.mark.slow
def test_a_proxy_that_takes_little_on_refuses_and_loses_nothing():
    assert list(check_overload(Setup(first_port=free_ports(10), tell=print))) == []
