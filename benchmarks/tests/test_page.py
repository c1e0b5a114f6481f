from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.page import page
from qrmiddleware_benchmarks.plot import plot
from qrmiddleware_benchmarks.report import (
    Measurement,
    Report,
    arm_reports,
)
from qrmiddleware_benchmarks.scenario import Course
from qrmiddleware_benchmarks.soak import Sample, Soak, read_soak, write_soak


@pytest.fixture
def report(harvests) -> Report:
    return Report(
        scenario="passthrough",
        question="What does it cost?",
        date="2026-01-31",
        smoke=False,
        background=0.07,
        machine=Machine("Some CPU", 2, 3.9, "Linux 6 x86_64", {"Python": "3.11"}),
        course=Course(),
        measurements=(
            Measurement("constant answer of 4 KB", 100, 0.25, 0.001, arm_reports(harvests)),
        ),
    )


def test_the_page_says_what_ran_where_and_how_fast(report):
    text = page([report])

    assert "## What does it cost?" in text
    assert "### constant answer of 4 KB, 100 searches/s" in text
    assert "| nginx |" in text
    assert "Some CPU with 2 cores" in text
    assert "busy with other things for 7% of its time" in text
    assert "smoke" not in text


def test_the_page_warns_of_a_smoke_run_a_late_generator_and_errors(report):
    (measurement,) = report.measurements
    arms = [replace(arm, lag_p99_ms=3.0, errors=2) for arm in measurement.arms]
    bad = replace(report, smoke=True, measurements=(replace(measurement, arms=tuple(arms)),))

    text = page([bad])

    assert "too short to mean anything" in text
    assert "load generator was late" in text
    assert "Some searches failed for direct, nginx" in text


def test_a_soak_tells_memory_and_growth(tmp_path):
    samples = tuple(Sample(n / 12, 80_000_000 + n * 1_000, 100, 0, 2.0) for n in range(120))
    write_soak(Soak("2026-01-31", 200, 4_000, samples), tmp_path / "soak.json")

    found = read_soak(tmp_path / "soak.json")

    assert found.growth_mb_per_hour == pytest.approx(0.72, rel=0.01)
    assert "| growth an hour, second half | 0.7 |" in page([], [found])
    assert "12,000 searches answered" in page([], [found])


@pytest.mark.slow
def test_a_plot_is_drawn(report, tmp_path):
    pytest.importorskip("matplotlib")

    plot(report.measurements[0], tmp_path / "plot.svg")

    assert (tmp_path / "plot.svg").read_text().count("<path") > 10
