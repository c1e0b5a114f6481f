from dataclasses import replace
from itertools import pairwise

import pytest

from qrmiddleware_benchmarks.students.bootstrap import Interval
from qrmiddleware_benchmarks.students.page import section, tables
from qrmiddleware_benchmarks.students.report import write_report


@pytest.fixture
def written(report, tmp_path):
    pytest.importorskip("matplotlib")

    def write(changed=report):
        write_report(changed, tmp_path / "students.json")
        return "\n".join(section(tmp_path / "students.json", tmp_path / "pictures"))

    return write


@pytest.mark.slow
def test_the_section_says_what_ran_where_and_who_won(written, tmp_path):
    text = written()

    assert text.startswith("## How fast are students")
    assert "Some CPU with 2 cores" in text
    assert "torch 2.11" in text
    assert "has never run on one" in text
    assert "ctranslate2 int8 had the lowest median in 24 of 24" in text
    assert "![Median latency of every student by runtime](pictures/students.svg)" in text
    assert (tmp_path / "pictures" / "students.svg").read_text().count("<path") > 50


@pytest.mark.slow
def test_the_section_warns_of_a_smoke_run(report, written):
    assert "too short to mean anything" in written(replace(report, smoke=True))


@pytest.mark.slow
def test_the_section_tells_when_another_runtime_was_faster(report, written):
    cell = report.cells[0]
    fast = replace(cell.arms[-1], p50_ms=Interval(1.0, 0.9, 1.1), ratio=Interval(0.5, 0.45, 0.55))
    changed = replace(cell, arms=(*cell.arms[:-1], fast))

    text = written(replace(report, cells=(changed, *report.cells[1:])))

    assert "ctranslate2 int8 had the lowest median in 23 of 24" in text
    assert "cross-encoder: onnxruntime int8 was faster beyond noise in 1 of 12" in text
    assert "| **1.00 (0.50)** |" in text


def test_every_measurement_has_its_row(report):
    text = "\n".join(tables(report))

    assert text.count("| L6-H384 | 2 | 8 | 20 |") == 2
    assert "| 2 | int8 | torch | 1000 | 40.0 |" in text
    assert "### L2-H128 cross-encoder, 8 pairs of 20 tokens, 2 cores" in text
    assert "| ctranslate2 int8 | 1.50 | 2.00 | 3.00 | 40 | 1.00 [1.00, 1.00] | 1,000 |" in text


def test_what_was_not_measured_is_a_dash(report):
    cell = report.cells[2]
    bare = replace(cell.arms[0], agreement=replace(cell.arms[0].agreement, correlation=None))
    cells = (replace(cell, arms=(bare, *cell.arms[1:])),)
    peaks = tuple(replace(peak, rates=()) for peak in report.peaks)

    text = "\n".join(tables(replace(report, cells=cells, peaks=peaks)))

    assert "| - | 1.0 | 1% | 1e-07 | - |" in text


def test_every_table_is_well_formed(report):
    lines = tables(report)
    for before, rule in pairwise(lines):
        if rule.startswith("|---"):
            assert rule.count("|") == before.count("|")
