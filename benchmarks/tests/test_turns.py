from contextlib import contextmanager, nullcontext
from dataclasses import replace

import numpy as np
import pytest

from qrmiddleware_benchmarks.arms import ArmSpec, Direct
from qrmiddleware_benchmarks.fronts import Arm, Running
from qrmiddleware_benchmarks.load import Target
from qrmiddleware_benchmarks.processes import Part
from qrmiddleware_benchmarks.turns import Course, take_turns

SHORT = Course(rounds=2, slice_s=0.2, warmup_s=0.05)


def arm_of(target, name="direct", **how):
    return Arm(name, ArmSpec(front=Direct(), **how), target, lambda: nullcontext(Running()))


def test_arms_take_turns_at_the_same_rate(load, constant):
    arms = [arm_of(constant), arm_of(constant, "again")]

    turns = take_turns(
        arms, Part("upstream", ()), SHORT, rate_hz=100, generators=load, title="test"
    )

    assert [len(own) for own in turns.values()] == [2, 2]
    assert all(len(turn.load.latencies_ns) == 20 for own in turns.values() for turn in own)


def test_an_arm_that_is_restarted_is_started_for_every_slice(load, constant):
    started = []

    @contextmanager
    def serving():
        started.append(True)
        yield Running()

    arm = Arm("fresh", ArmSpec(front=Direct(), restarted=True), constant, serving)

    take_turns([arm], Part("upstream", ()), SHORT, rate_hz=100, generators=load, title="test")

    assert len(started) == 2


def test_all_arms_of_a_round_are_asked_the_same_at_the_same_times():
    target = Target("x", 1, tuple(b"abc"))
    course = replace(SHORT, zipf=1.0)
    plans = [course.plan(arm_of(target, name), 100, 3) for name in ("direct", "other")]
    next_round = course.plan(arm_of(target), 100, 4)

    assert (plans[0].due_s == plans[1].due_s).all()
    assert (plans[0].picks == plans[1].picks).all()
    assert not np.array_equal(plans[0].due_s, next_round.due_s)


def test_new_queries_are_never_asked_twice():
    arm = arm_of(Target("x", 1, [b""] * 75), queries="new")

    picks = np.concatenate([SHORT.plan(arm, 100, number).picks for number in range(3)])

    assert len(set(picks.tolist())) == len(picks) == 75


def test_the_first_searches_of_a_life_have_no_warm_up_and_last_a_second_at_most():
    plan = Course(slice_s=5).plan(arm_of(Target("x", 1, [b""]), restarted=True), 100, 0)

    assert plan.warmups == 0
    assert len(plan.due_s) == 100
    assert plan.due_s[-1] == pytest.approx(1, abs=0.3)
