from pathlib import Path

import numpy as np
import pytest

from qrmiddleware_benchmarks.students import run as module
from qrmiddleware_benchmarks.students import worker
from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.models import Model
from qrmiddleware_benchmarks.students.peaks import Peak, Rate
from qrmiddleware_benchmarks.students.run import Course, run
from qrmiddleware_benchmarks.students.shapes import TINY
from qrmiddleware_benchmarks.students.smoke import SMOKE, check
from qrmiddleware_benchmarks.students.worker import Worker

PEAK = Peak(2, (Rate(Precision.FLOAT32, 1e11, "numpy"),), 1e10)


class Sums:
    """A student that adds up a row's tokens; one arm may be wrong by some amount."""

    def __init__(self, wrong_by=0.0) -> None:
        self._wrong_by = wrong_by

    def answer(self, batch):
        return np.array([[sum(ids)] for ids in batch.ids], dtype=np.float32) + self._wrong_by

    def logits(self, batch):
        return np.array(batch.ids, dtype=np.float32) + self._wrong_by


class HereTeam:
    """All arms in this process."""

    def __init__(self, arms, *, device, cores) -> None:
        self._workers = {arm: Worker(arm, device) for arm in arms}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, arm, method, *arguments):
        return getattr(self._workers[arm], method)(*arguments)


@pytest.fixture
def wrong(monkeypatch):
    """By how much each arm is wrong."""
    amounts = {}
    monkeypatch.setattr(worker, "load", lambda model, arm, **_: Sums(amounts.get(str(arm), 0.0)))
    monkeypatch.setattr(module, "Team", HereTeam)
    monkeypatch.setattr(module, "measure_peak", lambda cores, device, effort: PEAK)
    monkeypatch.setattr(module, "describe_machine", lambda _: None)
    monkeypatch.setattr(
        module,
        "_prepare_all",
        lambda course, folder, tell: [
            Model(shape, Path(), Path()) for shape, _ in course.students if not tell(shape.name)
        ],
    )
    return amounts


def test_a_run_measures_everything_it_was_asked_for(wrong):
    told = []

    report = run(SMOKE, told.append)

    check(report, SMOKE)
    assert len(told) == SMOKE.steps
    assert report.peaks == (PEAK,)
    assert {cell.task for cell in report.cells} == {shape.task for shape in TINY}
    assert [len(cell.arms) for cell in report.cells] == [8, 8, 8, 8, 4, 4]


def test_figures_are_of_the_batch_that_was_timed(wrong):
    cell = next(cell for cell in run(SMOKE, lambda _: None).cells if cell.rows > 1)

    for arm in cell.arms:
        assert arm.rows_per_s <= cell.rows / (arm.min_ms / 1e3) * 1.001
        assert arm.agreement.correlation == pytest.approx(1)
    by_arm = {arm.arm: arm.size_bytes for arm in cell.arms}
    assert by_arm["torch int8"] == by_arm["ctranslate2 int8"] < by_arm["torch float32"]


@pytest.mark.parametrize("arm", ["ctranslate2 float32", "onnxruntime float32"])
def test_a_wrong_answer_ends_the_run_before_anything_is_timed(wrong, arm, monkeypatch):
    wrong[arm] = 0.01
    monkeypatch.setattr(Worker, "measure", lambda *_: pytest.fail("timed"))

    with pytest.raises(StudentsError, match=f"L1-H64 on {arm} differs from torch float32"):
        run(SMOKE, lambda _: None)


def test_a_generator_that_chooses_other_tokens_ends_the_run(wrong, monkeypatch):
    generators = Course(students=((TINY[-1], None),), cores=(2,), rounds=2, slice_s=0.001)
    monkeypatch.setattr(Sums, "logits", lambda self, batch: np.array(batch.ids, dtype=np.float32))
    wrong["ctranslate2 float32"] = 1.0

    with pytest.raises(StudentsError, match="Qwen3-L1-H64 on ctranslate2 float32 differs"):
        run(generators, lambda _: None)


def test_known_peaks_are_not_measured_again(wrong, monkeypatch):
    monkeypatch.setattr(module, "measure_peak", lambda *_: pytest.fail("measured"))

    assert run(SMOKE, lambda _: None, known_peaks=[PEAK]).peaks == (PEAK,)


def test_on_a_gpu_there_is_one_way_to_go(wrong):
    course = Course(
        students=((TINY[0], None),),
        pairs=(100,),
        tokens=(12,),
        cores=(1,),
        device="cuda",
        rounds=2,
        slice_s=0.001,
    )

    (cell,) = run(course, lambda _: None, known_peaks=[Peak(1, PEAK.rates, 1e10)]).cells

    assert {str(arm.plan) for arm in cell.arms} == {"1 x 1 x 1"}
    assert [arm.arm for arm in cell.arms][1] == "ctranslate2 float16"
