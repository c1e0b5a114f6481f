import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware_benchmarks.students.arms import (
    REFERENCE,
    Arm,
    Plan,
    arms_on,
    can_run,
    cut,
    plans,
    ways,
)
from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.shapes import Task


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_device_compares_with_ctranslate2_int8_and_has_the_reference(device):
    arms = arms_on(device)

    assert str(arms[0]) == "ctranslate2 int8"
    assert REFERENCE in arms
    assert len(set(arms)) == len(arms)


def test_a_gpu_is_asked_in_half_precision_too():
    assert Arm("ctranslate2", Precision.FLOAT16) in arms_on("cuda")
    assert Precision.FLOAT16 not in {arm.precision for arm in arms_on("cpu")}


def test_onnxruntime_does_not_generate():
    arm = Arm("onnxruntime", Precision.INT8)

    assert can_run(arm, Task.CROSS_ENCODER)
    assert not can_run(arm, Task.GENERATOR)
    assert can_run(REFERENCE, Task.GENERATOR)


@pytest.mark.parametrize(
    ("rows", "cores", "expected"),
    [
        (1, 1, ["1 x 1 x 1"]),
        (100, 1, ["1 x 1 x 1", "4 x 1 x 1"]),
        (1, 2, ["1 x 1 x 2", "1 x 1 x 1"]),
        (10, 2, ["1 x 1 x 2", "2 x 2 x 1"]),
        (100, 2, ["1 x 1 x 2", "4 x 1 x 2", "8 x 2 x 1"]),
    ],
)
def test_the_ways_to_use_the_cores_suit_the_batch(rows, cores, expected):
    assert [str(plan) for plan in plans(rows, cores)] == expected


def test_what_serving_runs_gets_a_batch_whole_and_is_asked_for_encoders_on_a_cpu():
    arm = Arm("qrmiddleware", Precision.INT8)

    assert ways(arm, 100, 2) == [Plan(1, 1, 2)]
    assert ways(REFERENCE, 100, 2) == plans(100, 2)
    assert can_run(arm, Task.BI_ENCODER)
    assert not can_run(arm, Task.GENERATOR)
    assert arm in arms_on("cpu")
    assert arm not in arms_on("cuda")


@given(st.integers(1, 200), st.integers(1, 16))
def test_no_plan_uses_more_cores_than_there_are(rows, cores):
    found = plans(rows, cores)

    assert len(set(found)) == len(found)
    assert all(plan.workers * plan.threads <= cores for plan in found)
    assert all(plan.parts >= plan.workers for plan in found)
    assert Plan(1, 1, cores) in found


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 12))
def test_cutting_keeps_every_row_and_puts_like_lengths_together(lengths, parts):
    found = cut(lengths, parts)

    assert sorted(row for part in found for row in part) == list(range(len(lengths)))
    assert all(found)
    if parts > 1:
        in_turn = [lengths[row] for part in found for row in part]
        assert in_turn == sorted(lengths, reverse=True)
