from contextlib import nullcontext

import numpy as np
import pytest

from qrmiddleware_benchmarks.arms import ArmSpec, Direct
from qrmiddleware_benchmarks.fronts import Arm, Running
from qrmiddleware_benchmarks.generators import Load
from qrmiddleware_benchmarks.histogram import count, encode
from qrmiddleware_benchmarks.knee import ArmCurve, Knee, Point, find_knees, read_knee
from qrmiddleware_benchmarks.load import Slice, Target
from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.results import ResultError, SliceResult, write_result
from qrmiddleware_benchmarks.turns import Course, ProcessUse


def point(rate_hz, p99_ms=1.0, *, errors=0, achieved=1.0, generator_s=0.1):
    times_ns = np.full(100, int(p99_ms * 1e6))
    return Point(
        rate_hz,
        SliceResult(
            latencies=encode(count(times_ns)),
            lags="",
            answered=100,
            errors=errors,
            degraded=0,
            due_s=1.0,
            seconds=1.0 / achieved,
            processes=(ProcessUse("generator", "generator 1", generator_s, 1),),
        ),
    )


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (point(100, 60), "too late"),
        (point(100, errors=1), "an error"),
        (point(100, achieved=0.97), "behind"),
    ],
)
def test_a_rate_holds_if_all_is_answered_in_time(bad, why):
    assert point(100, 49, achieved=0.985).holds(50)
    assert not bad.holds(50), why


def test_the_knee_is_the_highest_rate_below_the_first_that_did_not_hold():
    once_stalled = (point(200, 80), point(200, 3), point(200, 2))
    lucky = (point(300, 90), point(300), point(300, 80))
    curve = ArmCurve("rules", (point(100), *lucky, *once_stalled, point(400)))

    knee = curve.knee(50)

    assert knee is not None
    assert (knee.rate_hz, len(knee.tries)) == (200, 3)
    assert knee.typical.percentile_ms(99) == pytest.approx(3, rel=0.01)
    assert ArmCurve("never", (point(100, 90),)).knee(50) is None


def test_a_generator_that_works_most_of_the_time_where_a_rate_fails_is_what_gave_in():
    failing = point(300, 90, generator_s=0.95)

    assert ArmCurve("direct", (point(200), failing)).generator_limited(50)
    assert not ArmCurve("direct", (point(200), point(300, 90))).generator_limited(50)


SLOW = Arm("slow", ArmSpec(front=Direct()), Target("x", 1, (b"",)), lambda: nullcontext(Running()))


class _Plodding:
    """Generators before a server that answers 100 searches a second, one after the other."""

    def saturate(self, target, seconds):
        return 100.0

    def drive(self, target, plan):
        free_s, latencies_s = 0.0, []
        for due_s in plan.due_s.tolist():
            free_s = max(free_s, due_s) + 0.01
            latencies_s.append(free_s - due_s)
        latencies_ns = (np.array(latencies_s[plan.warmups :]) * 1e9).astype(np.int64)
        due_s = float(plan.due_s[-1] - plan.due_s[plan.warmups])
        end_s = free_s - float(plan.due_s[plan.warmups]) - 0.01
        slice_ = Slice(latencies_ns, latencies_ns, 0, 0, (0, 0), (0, 0), 0.01, 1)
        return Load(latencies_ns, latencies_ns, 0, 0, due_s, max(due_s, end_s), (slice_,))


def test_the_search_finds_where_a_server_gives_in():
    course = Course(slice_s=20, warmup_s=1, arrivals="constant")
    told = []

    (curve,) = find_knees([SLOW], _Plodding(), course, p99_ms=50, advance=told.append)

    knee = curve.knee(50)
    assert knee is not None
    assert knee.rate_hz == pytest.approx(100, rel=0.06)
    assert told == ["slow"]
    assert len(curve.points) < 25


def test_a_server_that_is_too_slow_at_any_rate_has_no_knee():
    (curve,) = find_knees([SLOW], _Plodding(), Course(slice_s=5), p99_ms=1, advance=len)

    assert curve.knee(1) is None
    assert min(each.rate_hz for each in curve.points) < 3


def test_a_real_server_is_climbed(load, constant):
    arm = Arm("direct", ArmSpec(front=Direct()), constant, lambda: nullcontext(Running()))

    (curve,) = find_knees([arm], load, Course(slice_s=0.05, warmup_s=0), p99_ms=10_000, advance=len)

    assert curve.points
    assert sum(each.slice.errors for each in curve.points) == 0


def test_a_knee_survives_being_kept(tmp_path):
    found = Knee(
        scenario="passthrough",
        upstream="constant answer of 4 KB",
        date="2026-01-31",
        smoke=False,
        p99_ms=50,
        step_s=3,
        machine=Machine("Some CPU", 2, 3.9, "Linux", {}),
        arms=(ArmCurve("direct", (point(100), point(200, 90))),),
    )

    write_result(found, tmp_path / "knee.json")

    assert read_knee(tmp_path / "knee.json") == found
    (tmp_path / "knee.json").write_text("{}")
    with pytest.raises(ResultError, match="no result of qrm-bench knee"):
        read_knee(tmp_path / "knee.json")
