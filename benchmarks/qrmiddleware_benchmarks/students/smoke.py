"""A run that takes seconds: it asserts what must hold at any speed, and never a time."""

from math import isfinite

from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.peaks import Effort
from qrmiddleware_benchmarks.students.report import Cell, Report
from qrmiddleware_benchmarks.students.run import Course
from qrmiddleware_benchmarks.students.shapes import TINY

SMOKE = Course(
    students=tuple((shape, None) for shape in TINY),
    pairs=(1, 33),
    queries=(1, 2),
    tokens=(12,),
    cores=(2,),
    rounds=2,
    slice_s=0.001,
    effort=Effort(size=64, copied_floats=2**14, repeats=2),
    smoke=True,
)


def check(report: Report, course: Course) -> None:
    """Assert that a report is complete and consistent.

    Raises:
        StudentsError: Naming what is missing or contradicts itself.
    """
    asked = sum(len(course.workloads(shape)) for shape, _ in course.students) * len(course.cores)
    if len(report.cells) != asked:
        message = f"{asked} measurements were asked for, and {len(report.cells)} are there"
        raise StudentsError(message)
    for cell in report.cells:
        problem = _problem(cell, course.rounds)
        if problem:
            message = f"{cell.student} {cell.task}, {cell.rows} rows: {problem}"
            raise StudentsError(message)


def _problem(cell: Cell, rounds: int) -> str | None:
    first = cell.arms[0]
    if first.ratio.value != 1:
        return f"{first.arm} over itself is {first.ratio.value}"
    for arm in cell.arms:
        figures = (arm.min_ms, arm.p50_ms.value, arm.rows_per_s, arm.ratio.low)
        if not all(isfinite(each) and each > 0 for each in figures):
            return f"{arm.arm} has figures that are not positive: {figures}"
        if arm.runs < rounds:
            return f"{arm.arm} was timed {arm.runs} times in {rounds} rounds"
        if not arm.min_ms <= arm.p50_ms.value + 1e-3 or arm.p50_ms.value > arm.p95_ms.value:
            return f"{arm.arm} has min, p50 and p95 out of order"
    return None
