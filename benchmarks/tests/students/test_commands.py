import json
import os
import sys
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from qrmiddleware_benchmarks.cli import app
from qrmiddleware_benchmarks.students import commands
from qrmiddleware_benchmarks.students.report import read_report, write_report
from qrmiddleware_benchmarks.students.smoke import SMOKE

CONFIG = {
    "model_type": "bert",
    "architectures": ["BertModel"],
    "num_hidden_layers": 1,
    "hidden_size": 64,
    "num_attention_heads": 2,
    "intermediate_size": 256,
    "vocab_size": 200,
}


@pytest.fixture
def ask():
    return lambda *arguments: CliRunner().invoke(app, ["students", *map(str, arguments)])


@pytest.fixture
def courses(monkeypatch, report):
    """Everything is installed, and a run takes no time; what was to run is kept."""
    kept = []

    def run(course, tell, *, known_peaks):
        kept.append((course, known_peaks))
        tell("a step")
        return report

    monkeypatch.setattr(commands, "need_libraries", lambda: None)
    monkeypatch.setattr(commands, "run", run)
    monkeypatch.setattr(commands, "heading", lambda course: replace(report, seed=course.seed))
    monkeypatch.setattr(commands, "check", lambda found, course: None)
    return kept


def test_help_shows_examples(ask):
    ran = ask("--help")

    assert ran.exit_code == 0
    assert "qrm-bench students --smoke" in ran.output


def test_a_missing_extra_is_one_line_that_says_what_to_install(ask, monkeypatch):
    monkeypatch.setattr(commands, "need_libraries", lambda: commands_need(["no_such"]))

    ran = ask("--smoke")

    assert ran.exit_code == 1
    (line,) = ran.stderr.splitlines()
    assert line.startswith("qrm-bench: no_such is not installed")
    assert "[students]" in line


commands_need = commands.need_libraries


def test_a_run_is_told_as_tables_and_kept(ask, courses, report, tmp_path):
    ran = ask("--device", "cpu", "--cores", 1, "--results", tmp_path / "mine.json")

    assert ran.exit_code == 0, ran.output
    assert "| L6-H384 | 2 | 8 | 20 |" in ran.stdout
    assert read_report(tmp_path / "mine.json") == report


def test_the_options_cut_the_run(ask, courses, tmp_path):
    ran = ask(
        *("--device", "cpu", "--shape", "L3-H384", "--pairs", 7, "--tokens", 11, "--cores", 1),
        *("--rounds", 3, "--slice-ms", 5, "--results", tmp_path / "mine.json"),
    )

    assert ran.exit_code == 0, ran.output
    ((course, _),) = courses
    assert [shape.name for shape, _ in course.students] == ["L3-H384"]
    assert (course.pairs, course.tokens, course.cores) == ((7,), (11,), (1,))
    assert (course.rounds, course.slice_s) == (3, 0.005)


def test_adding_keeps_what_is_there_and_its_peaks(ask, courses, report, tmp_path):
    write_report(report, tmp_path / "mine.json")

    ran = ask("--device", "cpu", "--cores", 1, "--add", "--results", tmp_path / "mine.json")

    assert ran.exit_code == 0, ran.output
    ((_, peaks),) = courses
    assert peaks == report.peaks
    assert len(read_report(tmp_path / "mine.json").cells) == len(report.cells)


def test_adding_what_does_not_go_together_ends_before_it_begins(ask, courses, report, tmp_path):
    write_report(report, tmp_path / "mine.json")

    ran = ask(
        *("--device", "cpu", "--cores", 1, "--seed", 5, "--add"),
        *("--results", tmp_path / "mine.json"),
    )

    assert ran.exit_code == 1
    assert "different seed do not go together: 0 and 5" in ran.stderr
    assert courses == []


def test_a_smoke_run_leaves_nothing(ask, courses, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    ran = ask("--smoke")

    assert ran.exit_code == 0, ran.output
    assert courses[0][0] is SMOKE
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_is_measured_alone(ask, courses, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "vocab.txt").write_text("[PAD]")

    ran = ask(
        *("--device", "cpu", "--cores", 1, "--checkpoint", folder),
        *("--results", tmp_path / "mine.json"),
    )

    assert ran.exit_code == 0, ran.output
    ((course, _),) = courses
    assert [(shape.name, path) for shape, path in course.students] == [("mine", folder)]


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "it has no config.json"),
        ({"config.json": "{}"}, "has no tokenizer"),
        ({"config.json": "{", "vocab.txt": ""}, "is no JSON"),
        ({"config.json": "{}", "vocab.txt": ""}, "model_type is None"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_an_error_that_says_why(
    ask, courses, tmp_path, files, problem
):
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    ran = ask("--device", "cpu", "--checkpoint", tmp_path)

    assert ran.exit_code == 1
    assert problem in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--shape", "L99"], "there is no student 'L99', only L2-H128"),
        (["--cores", "9999"], "--cores 9999: this process may use"),
        (["--device", "tpu"], "one of auto, cpu, cuda"),
    ],
)
def test_a_wrong_option_is_one_line(ask, courses, arguments, problem):
    ran = ask("--device", "cpu", *arguments)

    assert ran.exit_code == 1
    assert problem in ran.stderr
    assert courses == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux pins processes")
def test_cores_are_those_that_the_process_may_use(ask, courses, tmp_path):
    mine = len(os.sched_getaffinity(0))

    ran = ask("--device", "cpu", "--cores", mine, "--results", tmp_path / "mine.json")

    assert ran.exit_code == 0, ran.output
