import sys
from dataclasses import replace
from types import ModuleType

import pytest

from qrmiddleware_benchmarks.knee import ArmCurve, Knee, Point
from qrmiddleware_benchmarks.overload import ArmLevels, Held, Level, Overload
from qrmiddleware_benchmarks.page import page
from qrmiddleware_benchmarks.results import write_result
from qrmiddleware_benchmarks.soak import Sample, Soak, read_soak, write_soak

pytest.importorskip("matplotlib")


@pytest.fixture
def results(tmp_path):
    (tmp_path / "results").mkdir()
    return tmp_path / "results"


@pytest.fixture
def knee(make_arm, make_result) -> Knee:
    def curve(name, medians_ms):
        return ArmCurve(
            name,
            tuple(
                Point(100.0 * 2**n, make_arm(name, median_ms, rounds=1).slices[0])
                for n, median_ms in enumerate(medians_ms)
            ),
        )

    return Knee(
        scenario="passthrough",
        upstream="constant answer of 4 KB",
        date="2026-01-31",
        smoke=False,
        p99_ms=50,
        step_s=3,
        machine=make_result().machine,
        arms=(curve("direct", [1, 1, 2, 90]), curve("rules", [2, 4, 80]), curve("never", [900])),
    )


def written(results, told=None):
    to = results.parent / "benchmarks.md"
    count = page(results, to, (told if told is not None else []).append)
    return count, to.read_text()


def test_without_results_the_page_still_says_how_to_read_them(results):
    count, text = written(results)

    assert count == 0
    assert text.startswith("# Benchmarks")
    assert "How to read the figures" in text


def test_the_page_says_what_ran_where_and_how_fast(results, make_result):
    write_result(make_result(), results / "passthrough.json")

    count, text = written(results)

    assert count == 1
    assert "## What does it cost?" in text
    assert "### constant answer of 4 KB, 300 searches/s" in text
    assert "Some CPU with 2 cores" in text
    assert "| nginx |" in text
    assert "smoke" not in text
    assert "](benchmarks/passthrough-1.svg)" in text
    assert (results.parent / "benchmarks" / "passthrough-1.svg").read_text().count("<path") > 10


def test_a_result_at_another_rate_has_a_section_of_its_own(results, make_result):
    result = make_result()
    other = replace(result, course=replace(result.course, rate_hz=900.0))
    write_result(result, results / "passthrough.json")
    write_result(other, results / "passthrough-at-900.json")

    count, text = written(results)

    assert count == 2
    assert text.count("## What does it cost?") == 1
    assert "## The same at 900 searches/s (passthrough)" in text
    assert "](benchmarks/passthrough-at-900-1.svg)" in text


def test_doubts_stand_below_the_tables(results, make_result):
    write_result(replace(make_result(), smoke=True), results / "passthrough.json")

    assert "too short to mean anything" in written(results)[1]


def test_a_picture_is_the_same_bytes_for_the_same_result(results, make_result):
    write_result(make_result(), results / "passthrough.json")
    picture = results.parent / "benchmarks" / "passthrough-1.svg"

    written(results)
    first = picture.read_bytes()
    written(results)

    assert picture.read_bytes() == first


def test_knees_are_tabled_and_drawn(results, knee):
    write_result(knee, results / "knee-passthrough.json")

    _, text = written(results)

    assert "| direct | 400 |" in text
    assert "| rules | 200 |" in text
    assert "| never | none |" in text
    assert (results.parent / "benchmarks" / "knee-passthrough.svg").exists()


def test_a_soak_tells_memory_and_growth(results):
    samples = tuple(Sample(n / 12, 80_000_000 + n * 1_000, 100, 0, 2.0, 40, 18) for n in range(120))
    write_soak(Soak("2026-01-31", 200, 4_000, samples), results / "soak.json")

    _, text = written(results)

    assert read_soak(results / "soak.json").growth_mb_per_hour == pytest.approx(0.72, rel=0.01)
    assert "| growth an hour, second half | 0.7 |" in text
    assert "12,000 searches answered" in text
    assert "Open files and sockets: 40 after the first seconds, 40 at the end" in text


def test_a_sweep_past_saturation_is_tabled_and_drawn(results, make_arm, make_result):
    slice_ = make_arm("rules", 10.0, rounds=1, errors=100).slices[0]
    levels = tuple(
        Level(share, 300 * share, replace(slice_, refused=refused))
        for share, refused in ((1.0, 100), (2.0, 99))
    )
    held = Held(80_000_000, 40, 18)
    found = Overload(
        upstream="constant answer of 4 KB",
        date="2026-01-31",
        background=0.01,
        deadline_ms=250,
        rounds=1,
        slice_s=3,
        machine=make_result().machine,
        arms=(ArmLevels("rules", levels, held, held),),
    )
    write_result(found, results / "overload.json")

    _, text = written(results)

    assert "| rules | 100% | 300 | 75% | 75% | 25% | 0% | 0 | 10 | 20 |" in text
    assert "| rules | 200% | 600 | 150% | 150% | 25% | 0% | 1 | 10 | 20 |" in text
    assert "| rules | 80, 80 | 40, 40 | 18, 18 |" in text
    assert (results.parent / "benchmarks" / "overload.svg").read_text().count("<path") > 10


def test_students_write_their_own_section(results, monkeypatch):
    package, module = ModuleType("students"), ModuleType("page")
    module.section = lambda path, pictures: [f"## Students from {path.name} to {pictures.name}"]
    name = "qrmiddleware_benchmarks.students"
    monkeypatch.setitem(sys.modules, name, package)
    monkeypatch.setitem(sys.modules, f"{name}.page", module)
    monkeypatch.setattr("qrmiddleware_benchmarks.sections.find_spec", lambda _: object())
    (results / "students.json").write_text("{}")

    assert "## Students from students.json to benchmarks" in written(results)[1]


def test_results_that_cannot_be_read_are_left_out_and_named(results, monkeypatch):
    (results / "passthrough.json").write_text('{"scenario": "passthrough"}')
    (results / "students.json").write_text("{}")
    monkeypatch.setattr("qrmiddleware_benchmarks.sections.find_spec", lambda _: None)
    told = []

    count, _ = written(results, told)

    assert count == 0
    assert "measure anew with: qrm-bench run passthrough" in told[0]
    assert "no section for students" in told[1]
