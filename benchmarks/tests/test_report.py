import pytest
from hdrh.histogram import HdrHistogram

from qrmiddleware_benchmarks.machine import describe_machine
from qrmiddleware_benchmarks.report import (
    Measurement,
    Report,
    arm_reports,
    read_report,
    write_report,
)
from qrmiddleware_benchmarks.scenario import Course


def test_every_arm_is_summed_up_and_compared_with_the_first(harvests):
    direct, nginx = arm_reports(harvests)

    assert (direct.name, direct.searches, direct.errors, direct.achieved_hz) == (
        "direct",
        200,
        0,
        100,
    )
    assert (nginx.errors, nginx.saturation_hz, nginx.rss_bytes) == (2, 2_000, 12_000_000)
    assert nginx.cpu_us == pytest.approx(50)
    assert nginx.lag_p99_ms == pytest.approx(0.01)
    assert nginx.comparisons[0].ratio.value == pytest.approx(1.5, rel=0.02)


def test_the_histogram_holds_all_latencies(harvests):
    _, nginx = arm_reports(harvests)

    histogram = HdrHistogram.decode(nginx.histogram)

    assert histogram.get_total_count() == 200
    assert histogram.get_value_at_percentile(50) == pytest.approx(1_500, rel=0.02)


def test_a_report_survives_being_kept(harvests, tmp_path):
    measurement = Measurement("a constant answer", 100, 0.2, 0.0, arm_reports(harvests))
    report = Report(
        scenario="passthrough",
        question="What does it cost?",
        date="2026-01-31",
        smoke=False,
        background=0.1,
        machine=describe_machine(["qrmiddleware"], {"nginx": "1"}),
        course=Course(),
        measurements=(measurement,),
    )

    write_report(report, tmp_path / "results" / "passthrough.json")

    assert read_report(tmp_path / "results" / "passthrough.json") == report
