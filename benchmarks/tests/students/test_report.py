from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.report import merged, read_report, write_report


def test_a_report_reads_back_as_it_was_written(report, tmp_path):
    write_report(report, tmp_path / "results" / "students.json")

    assert read_report(tmp_path / "results" / "students.json") == report


def test_a_missing_report_is_an_error_that_names_it(tmp_path):
    with pytest.raises(StudentsError, match=r"none\.json cannot be read: No such file"):
        read_report(tmp_path / "none.json")


def test_another_file_is_an_error_that_says_what_is_missing(tmp_path):
    (tmp_path / "other.json").write_text('{"date": "2026-01-31"}')

    with pytest.raises(StudentsError, match="no report about students: smoke: Field required"):
        read_report(tmp_path / "other.json")


def test_merging_keeps_what_was_not_measured_again(report):
    cell = report.cells[0]
    again = replace(cell, flops=7)
    new = replace(report, cells=(again,), students=report.students[:1], date="2026-02-01")

    found = merged(report, new)

    assert len(found.cells) == len(report.cells)
    assert found.cells[0] == again
    assert found.cells[1:] == report.cells[1:]
    assert found.students == report.students
    assert found.date == "2026-02-01"


def test_runs_of_two_machines_do_not_go_together(report):
    other = replace(report, machine=replace(report.machine, cpu="Other CPU"))

    with pytest.raises(StudentsError, match=r"different machine .*Some CPU.*Other CPU"):
        merged(report, other)


def test_a_smoke_run_does_not_mix_with_a_real_one(report):
    with pytest.raises(StudentsError, match="different smoke"):
        merged(report, replace(report, smoke=True))


def test_shares_are_of_the_peak_of_the_same_cores_and_precision(report):
    cell = next(cell for cell in report.cells if cell.cores == 1)
    exact = next(arm for arm in cell.arms if arm.arm == "torch float32")
    peaks = (replace(report.peaks[0], bytes_per_s=1e9), *report.peaks[1:])

    found = replace(report, peaks=peaks)

    # 1e9 operations and 1e6 bytes, in what its place among the arms takes.
    seconds = exact.p50_ms.value / 1_000
    assert found.share_of_peak(cell, exact) == pytest.approx(1e9 / seconds / 2.5e11)
    assert found.share_of_bandwidth(cell, exact) == pytest.approx(1e6 / seconds / 1e9)


def test_a_peak_that_was_not_measured_gives_no_share(report):
    cell = report.cells[0]
    half = replace(cell.arms[0], precision=Precision.FLOAT16)

    assert report.share_of_peak(cell, half) is None
