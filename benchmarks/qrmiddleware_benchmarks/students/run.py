"""A run: models made, peaks measured, answers compared, and then the arms take turns."""

import multiprocessing
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil

from qrmiddleware_benchmarks.machine import describe_machine
from qrmiddleware_benchmarks.students.arms import REFERENCE, Arm, Plan, arms_on, can_run, ways
from qrmiddleware_benchmarks.students.bootstrap import median_ratio, percentile_ms
from qrmiddleware_benchmarks.students.costs import Precision, batch_cost
from qrmiddleware_benchmarks.students.models import Model, prepare
from qrmiddleware_benchmarks.students.parity import Agreement, agreement
from qrmiddleware_benchmarks.students.peaks import USUAL, Effort, Peak, measure_peak
from qrmiddleware_benchmarks.students.report import ArmFigures, Cell, Report
from qrmiddleware_benchmarks.students.shapes import Shape, Task
from qrmiddleware_benchmarks.students.team import Team
from qrmiddleware_benchmarks.students.worker import settle
from qrmiddleware_benchmarks.students.workloads import Batch, Workload, draw_batch, workloads

Tell = Callable[[str], None]
"""Called before every step with what comes."""
Latencies = list[npt.NDArray[np.int64]]
"""In nanoseconds, one array a round."""

_CHECKED = Workload(rows=50, tokens=30)
_DISTRIBUTIONS = ("ctranslate2", "torch", "transformers", "onnxruntime", "numpy")


@dataclass(frozen=True, slots=True)
class Course:
    """What a run measures, and how thoroughly.

    Attributes:
        students: Shapes, each with the checkpoint that it was read from, or none.
        pairs: Pairs a batch, for cross-encoders.
        queries: Queries a batch, for bi-encoders and generators.
        tokens: Mean tokens of a pair.
        cores: Numbers of cores, one after the other.
        device: ``cpu`` or ``cuda``.
        rounds: In which every arm has its turn.
        slice_s: Least time of a turn.
        seed: Of weights, token ids and the order of turns.
        effort: For the machine's peaks.
        smoke: Whether it is too short to mean anything.
    """

    students: tuple[tuple[Shape, Path | None], ...]
    pairs: tuple[int, ...] = (1, 10, 100)
    queries: tuple[int, ...] = (1, 8)
    tokens: tuple[int, ...] = (20, 39)
    cores: tuple[int, ...] = (1, 2)
    device: str = "cpu"
    rounds: int = 8
    slice_s: float = 0.03
    seed: int = 0
    effort: Effort = USUAL
    smoke: bool = False

    def workloads(self, shape: Shape) -> list[Workload]:
        """List what a student is asked in this run."""
        return workloads(shape, pairs=self.pairs, queries=self.queries, tokens=self.tokens)

    @property
    def steps(self) -> int:
        """How often ``run`` tells."""
        cells = sum(len(self.workloads(shape)) for shape, _ in self.students)
        return len(self.students) + len(self.cores) * (1 + cells)


def run(course: Course, tell: Tell, *, known_peaks: Sequence[Peak] = ()) -> Report:
    """Measure all students with all arms.

    Args:
        course: What and how.
        tell: Told of progress.
        known_peaks: Of this machine, from an earlier run; those are not measured again.

    Raises:
        StudentsError: If an arm fails, or answers something else than torch in float32.
    """
    before = psutil.cpu_times()
    peaks = {peak.cores: peak for peak in known_peaks}
    cells: list[Cell] = []
    with tempfile.TemporaryDirectory(prefix="qrm-students-") as folder:
        models = _prepare_all(course, Path(folder), tell)
        for cores in course.cores:
            tell(f"the machine's peak, cores: {cores}")
            if cores not in peaks:
                peaks[cores] = measure_peak(cores, course.device, course.effort)
            with Team(arms_on(course.device), device=course.device, cores=cores) as team:
                for model in models:
                    cells += _Measuring(course, team, model, cores).cells(tell)
    return replace(
        heading(course),
        stolen=_stolen(before, psutil.cpu_times()),
        peaks=tuple(peaks[cores] for cores in course.cores),
        cells=tuple(cells),
    )


def heading(course: Course) -> Report:
    """Return the report of a run that has not begun: what, where and when, and no figures."""
    return Report(
        date=datetime.now(UTC).date().isoformat(),
        smoke=course.smoke,
        device=course.device,
        seed=course.seed,
        rounds=course.rounds,
        slice_s=course.slice_s,
        stolen=0.0,
        machine=describe_machine(_DISTRIBUTIONS),
        students=tuple(shape for shape, _ in course.students),
        peaks=(),
        cells=(),
    )


def _prepare_all(course: Course, folder: Path, tell: Tell) -> list[Model]:
    context = multiprocessing.get_context("spawn")
    models = []
    with ProcessPoolExecutor(1, context, settle, (max(course.cores),)) as pool:
        for number, (shape, checkpoint) in enumerate(course.students):
            tell(f"{shape.name} {shape.task}: weights for every runtime")
            here = folder / str(number)
            models.append(pool.submit(prepare, shape, here, checkpoint, course.seed).result())
    return models


class _Measuring:
    """One student with all arms, on so many cores."""

    def __init__(self, course: Course, team: Team, model: Model, cores: int) -> None:
        self._course, self._team, self._model, self._cores = course, team, model, cores
        self._task = model.shape.task
        self._arms = [arm for arm in arms_on(course.device) if can_run(arm, self._task)]
        self._generator = np.random.default_rng(course.seed)

    def cells(self, tell: Tell) -> list[Cell]:
        """Open the student everywhere, check it on a mixed batch, and measure its workloads."""
        for arm in self._arms:
            self._team.ask(arm, "open", self._model)
        whole = Plan(1, 1, self._cores)
        checked = self._agreements(self._draw(_CHECKED), dict.fromkeys(self._arms, whole))
        found = []
        for workload in self._course.workloads(self._model.shape):
            tell(self._step(workload))
            found.append(self._cell(workload, checked))
        return found

    def _step(self, workload: Workload) -> str:
        return (
            f"{self._model.shape.name} {self._task}: {workload.rows} x {workload.tokens} tokens, "
            f"cores: {self._cores}"
        )

    def _draw(self, workload: Workload) -> Batch:
        return draw_batch(self._model.shape, workload, seed=self._course.seed)

    def _cell(self, workload: Workload, checked: dict[Arm, Agreement]) -> Cell:
        batch = self._draw(workload)
        chosen = {arm: self._best_plan(arm, batch) for arm in self._arms}
        agreements = self._agreements(batch, chosen)
        rounds = self._rounds(batch, chosen)
        figures = [
            self._figures(arm, chosen[arm], batch, rounds, agreements[arm].or_else(checked[arm]))
            for arm in self._arms
        ]
        return Cell(
            student=self._model.shape.name,
            task=self._task,
            rows=workload.rows,
            tokens=workload.tokens,
            cores=self._cores,
            flops=batch_cost(self._model.shape, batch.lengths, Precision.FLOAT32).flops,
            arms=tuple(figures),
        )

    def _best_plan(self, arm: Arm, batch: Batch) -> Plan:
        on_gpu = self._course.device == "cuda"
        tried = [Plan(1, 1, 1)] if on_gpu else ways(arm, len(batch.ids), self._cores)
        plan: Plan = self._team.ask(arm, "best_plan", batch, tried)
        return plan

    def _agreements(self, batch: Batch, chosen: dict[Arm, Plan]) -> dict[Arm, Agreement]:
        """Compare the answers; a generator's logits, and in float32 the tokens as well.

        In narrower precisions a near tie tips over and the texts part ways from there, which
        says nothing about the arithmetic.
        """
        generates = self._task is Task.GENERATOR
        found = self._compared("logits" if generates else "answer", batch, chosen)
        if generates:
            exact = {arm: each for arm, each in chosen.items() if arm.precision == "float32"}
            self._compared("answer", batch, exact)
        return found

    def _compared(self, method: str, batch: Batch, chosen: dict[Arm, Plan]) -> dict[Arm, Agreement]:
        answers = {arm: self._team.ask(arm, method, batch, plan) for arm, plan in chosen.items()}
        name = self._model.shape.name
        return {
            arm: agreement(f"{name} on {arm}", arm.precision, answer, answers[REFERENCE])
            for arm, answer in answers.items()
        }

    def _rounds(self, batch: Batch, chosen: dict[Arm, Plan]) -> dict[Arm, Latencies]:
        rounds: dict[Arm, Latencies] = {arm: [] for arm in self._arms}
        for _ in range(self._course.rounds):
            for number in self._generator.permutation(len(self._arms)):
                arm = self._arms[number]
                latencies = self._team.ask(arm, "measure", batch, chosen[arm], self._course.slice_s)
                rounds[arm].append(np.array(latencies, dtype=np.int64))
        return rounds

    def _figures(
        self,
        arm: Arm,
        plan: Plan,
        batch: Batch,
        rounds: dict[Arm, Latencies],
        agreed: Agreement,
    ) -> ArmFigures:
        own = np.concatenate(rounds[arm])
        cost = batch_cost(self._model.shape, batch.lengths, arm.precision)
        return ArmFigures(
            arm=str(arm),
            precision=arm.precision,
            plan=plan,
            runs=len(own),
            min_ms=float(own.min()) / 1e6,
            p50_ms=percentile_ms(rounds[arm], 50),
            p95_ms=percentile_ms(rounds[arm], 95),
            ratio=median_ratio(rounds[self._arms[0]], rounds[arm]),
            rows_per_s=len(batch.ids) * len(own) / float(own.sum()) * 1e9,
            agreement=agreed,
            size_bytes=cost.size_bytes,
        )


def _stolen(before: tuple[float, ...], after: tuple[float, ...]) -> float:
    """Return the share of processor time that the host took, between two readings."""
    stolen: float = getattr(after, "steal", 0.0) - getattr(before, "steal", 0.0)
    return stolen / max(sum(after) - sum(before), 1e-9)
