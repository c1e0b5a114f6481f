from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.students.bootstrap import Interval
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.run import Course
from qrmiddleware_benchmarks.students.shapes import SHAPES
from qrmiddleware_benchmarks.students.smoke import SMOKE, check

COURSE = Course(
    students=tuple((shape, None) for shape in SHAPES), pairs=(1, 8), queries=(1, 8), tokens=(20,)
)


def with_arm(report, **changes):
    cell = report.cells[0]
    place = 1 if "ratio" not in changes else 0
    arms = list(cell.arms)
    arms[place] = replace(arms[place], **changes)
    return replace(report, cells=(replace(cell, arms=tuple(arms)), *report.cells[1:]))


def test_a_whole_and_consistent_report_passes(report):
    check(report, COURSE)


def test_a_missing_measurement_fails(report):
    with pytest.raises(StudentsError, match="24 measurements were asked for, and 23 are there"):
        check(replace(report, cells=report.cells[1:]), COURSE)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"ratio": Interval(1.1, 1, 1.2)}, "ctranslate2 int8 over itself is 1.1"),
        ({"rows_per_s": float("nan")}, "figures that are not positive"),
        ({"p50_ms": Interval(0, 0, 0)}, "figures that are not positive"),
        ({"runs": 3}, "timed 3 times in 8 rounds"),
        ({"min_ms": 9.0}, "out of order"),
    ],
)
def test_what_contradicts_itself_fails_naming_the_student_and_the_arm(report, changes, problem):
    with pytest.raises(StudentsError, match=f"L2-H128 cross-encoder, 1 rows: .*{problem}"):
        check(with_arm(report, **changes), COURSE)


def test_a_smoke_run_asks_every_kind_of_student_in_parts_too():
    assert {shape.task for shape, _ in SMOKE.students} == {shape.task for shape in SHAPES}
    assert max(SMOKE.pairs) >= 32
    assert SMOKE.smoke
    assert SMOKE.steps == 3 + 1 * (1 + 2 + 2 + 2)
