"""A report about students, made up."""

import pytest

from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.students.arms import Plan, arms_on, can_run
from qrmiddleware_benchmarks.students.bootstrap import Interval
from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.parity import Agreement
from qrmiddleware_benchmarks.students.peaks import Peak, Rate
from qrmiddleware_benchmarks.students.report import ArmFigures, Cell, Report
from qrmiddleware_benchmarks.students.shapes import SHAPES


def make_arm(arm, place) -> ArmFigures:
    median_ms, ratio = 2.0 + place, (2.0 + place) / 2
    return ArmFigures(
        arm=str(arm),
        precision=arm.precision,
        plan=Plan(1, 1, 2),
        runs=40,
        min_ms=median_ms - 0.5,
        p50_ms=Interval(median_ms, median_ms - 0.1, median_ms + 0.1),
        p95_ms=Interval(median_ms + 1, median_ms + 0.5, median_ms + 2),
        ratio=Interval(ratio, ratio - 0.01, ratio + 0.01) if place else Interval(1, 1, 1),
        rows_per_s=1_000.0,
        agreement=Agreement(1e-7, 0.999),
        size_bytes=1_000_000,
    )


def make_cell(shape, rows, tokens, cores) -> Cell:
    arms = [arm for arm in arms_on("cpu") if can_run(arm, shape.task)]
    figures = tuple(make_arm(arm, place) for place, arm in enumerate(arms))
    return Cell(shape.name, shape.task, rows, tokens, cores, 1_000_000_000, figures)


@pytest.fixture
def report() -> Report:
    """Every student with a small and a large batch on 1 and 2 cores; CTranslate2 int8 wins."""
    rates = (Rate(Precision.FLOAT32, 2.5e11, "numpy"), Rate(Precision.INT8, 1e12, "torch"))
    return Report(
        date="2026-01-31",
        smoke=False,
        device="cpu",
        seed=0,
        rounds=8,
        slice_s=0.03,
        stolen=0.01,
        machine=Machine("Some CPU", 2, 3.9, "Linux 6 x86_64", {"torch": "2.11"}),
        students=SHAPES,
        peaks=tuple(Peak(cores, rates, 4e10) for cores in (1, 2)),
        cells=tuple(
            make_cell(shape, rows, 20, cores)
            for shape in SHAPES
            for rows in (1, 8)
            for cores in (1, 2)
        ),
    )
