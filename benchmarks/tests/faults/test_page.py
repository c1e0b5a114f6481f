"""The table that people read."""

from pathlib import Path

from qrmiddleware_benchmarks.faults.cell import Outcome
from qrmiddleware_benchmarks.faults.matrix import CELLS
from qrmiddleware_benchmarks.faults.page import Report, page, read_report, write_report
from qrmiddleware_benchmarks.machine import Machine

MACHINE = Machine("Some CPU", 2, 3.9, "Linux 6 x86_64", {"Python": "3.11"})
KEPT = Path(__file__).parents[2] / "results" / "fault-matrix.json"


def report(*outcomes):
    return Report("2026-01-31", 30.0, MACHINE, 1.4, outcomes)


def test_a_row_says_what_broke_who_saw_it_where_it_is_counted_and_for_how_long():
    saw = {"200": 40, "200 faulty=error": 9, "broken off": 1}
    text = page(report(Outcome("a plugin raises", 50, saw, 0, 1, 1.25, 9, 0.04)))

    (row,) = [line for line in text.splitlines() if line.startswith("| **")]
    assert row == (
        "| **a plugin raises**: every call of a rewriter raises "
        "| 200 (40); 200, `faulty=error` (9); a connection that breaks off (1); "
        "asked again, all are answered (1); up to 1.2 s "
        '| `qrm_plugin_calls_total{plugin="faulty", outcome="error"}` | 0.1 s |'
    )
    assert "50 searches fell into the 1 faults, none of them lost" in text


def test_a_report_is_read_as_it_was_written(tmp_path):
    written = report(Outcome("a plugin raises", 50, {"200": 50}, 0, 0, 0.1, 9, None))

    write_report(written, tmp_path / "report.json")

    assert read_report(tmp_path / "report.json") == written


def test_the_report_that_is_kept_has_every_row_and_lost_nothing():
    kept = read_report(KEPT)

    assert [outcome.cell for outcome in kept.outcomes] == [cell.name for cell in CELLS]
    assert sum(outcome.lost for outcome in kept.outcomes) == 0


def test_rows_have_names_of_their_own():
    assert len({cell.name for cell in CELLS}) == len(CELLS)
