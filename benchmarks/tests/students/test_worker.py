from itertools import count

import numpy as np
import pytest

from qrmiddleware_benchmarks.students import worker as module
from qrmiddleware_benchmarks.students.arms import REFERENCE, Plan
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.shapes import SHAPES
from qrmiddleware_benchmarks.students.worker import Worker
from qrmiddleware_benchmarks.students.workloads import Workload, draw_batch

BATCH = draw_batch(SHAPES[0], Workload(40, 12), seed=0)
FIRST_IDS = np.array([[ids[1]] for ids in BATCH.ids], dtype=np.float32)


class Echo:
    """A student that answers the second token of every row, and counts its batches."""

    def __init__(self) -> None:
        self.sizes = []

    def answer(self, batch):
        self.sizes.append(len(batch.ids))
        return np.array([[ids[1]] for ids in batch.ids], dtype=np.float32)

    def logits(self, batch):
        return self.answer(batch) * 2


@pytest.fixture
def echo(monkeypatch) -> Echo:
    student = Echo()
    monkeypatch.setattr(module, "load", lambda *_, **__: student)
    return student


@pytest.fixture
def worker(echo) -> Worker:
    made = Worker(REFERENCE, "cpu")
    made.open("a model")
    return made


@pytest.mark.parametrize("plan", [Plan(1, 1, 2), Plan(4, 1, 2), Plan(8, 2, 1)], ids=str)
def test_rows_come_back_in_their_own_order_however_they_were_cut(worker, echo, plan):
    assert (worker.answer(BATCH, plan) == FIRST_IDS).all()
    assert len(echo.sizes) == plan.parts


def test_measuring_warms_up_and_times_once_at_least(worker, echo):
    latencies = worker.measure(BATCH, Plan(1, 1, 1), 0)

    assert len(latencies) == 1
    assert latencies[0] > 0
    assert len(echo.sizes) == 2


def test_measuring_fills_its_slice(worker, monkeypatch):
    clock_ns = count(0, 1_000_000)
    monkeypatch.setattr(module, "perf_counter_ns", lambda: next(clock_ns))

    latencies = worker.measure(BATCH, Plan(1, 1, 1), 0.1)

    assert set(latencies) == {1_000_000}
    assert len(latencies) == pytest.approx(100 / 3, abs=1)  # three looks at the clock each


def test_the_fastest_plan_is_taken(worker, monkeypatch):
    spent = {Plan(1, 1, 2): 30, Plan(4, 1, 2): 10, Plan(8, 2, 1): 20}
    monkeypatch.setattr(worker, "_timed", lambda batch, plan: spent[plan])

    assert worker.best_plan(BATCH, list(spent)) == Plan(4, 1, 2)


def test_logits_are_those_of_the_student(worker):
    assert (worker.logits(BATCH, Plan(1, 1, 1)) == FIRST_IDS * 2).all()


def test_without_a_model_nothing_can_be_asked():
    with pytest.raises(StudentsError, match="no model is open"):
        Worker(REFERENCE, "cpu").answer(BATCH, Plan(1, 1, 1))
