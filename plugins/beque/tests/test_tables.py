"""From a log to a table, by the commands."""

import json

import pytest
from typer.testing import CliRunner

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.rewrite_tables.importing import run_table
from qrmiddleware.recipes.weak_queries import read_weak
from qrmiddleware.testing.generators import make_generator
from qrmiddleware.testing.students import make_student
from qrmiddleware_beque.commands.app import app


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def log(tmp_path):
    file = tmp_path / "queries.log"
    file.write_bytes(
        b"sneakers\nSneakers\nkicks\ntrainers\n"
        b'{"query": "kicks"}\n{"query": "bro\n\xff\xfe\nhttps://example.org\ntrainers\t3\nboots\n'
    )
    return file


@pytest.fixture
def weak(log, engine, judged, tmp_path):
    """The log's weak queries: sneakers and kicks, found by running the command."""
    file = tmp_path / "weak.jsonl"
    arguments = (*engine, "--judgments", judged, "--few-results", "2", "--min-count", "2")
    done = run("find-weak", log, "--to", file, *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return file


@pytest.mark.parametrize("command", ["find-weak", "build-table"])
def test_every_command_shows_examples(command):
    assert f"qrm beque {command}" in run(command, "--help").output


def test_weak_queries_are_found_in_a_log_that_is_half_broken(weak, log, engine, judged):
    assert sorted((row.query, row.count, row.weak) for row in read_weak(weak)) == [
        ("kicks", 2, "few results"),
        ("sneakers", 2, "few results"),
    ]

    again = run(
        "find-weak", log, "--to", weak, *engine, "--judgments", judged, "--few-results", "2"
    )

    assert again.exit_code == 0
    assert "1 queries searched now, 3 before" in again.output
    assert "lines left out: broken JSON 1, not UTF-8 1" in again.output
    assert "searches left out: an address 1" in again.output


def test_a_generator_fills_a_table_that_grows_with_the_log(weak, engine, judged, tmp_path):
    folder = make_generator(tmp_path / "generator", terms=["trainers"])
    table = tmp_path / "rewrites.sqlite"
    build = ("build-table", weak, "--work", tmp_path / "work", "--to", table, *engine)

    done = run(
        *build, "--generator", folder, "--judgments", judged, "--count", "1", "--workers", "1"
    )

    assert done.exit_code == 0, (done.output, done.exception)
    assert "2 (100%)" in done.output
    run_table("export", str(table), str(tmp_path / "read.tsv"))
    assert (tmp_path / "read.tsv").read_text().splitlines()[1:] == [
        "kicks\ttrainers\t0.666667",
        "sneakers\ttrainers\t0.666667",
    ]
    report = json.loads((tmp_path / "work" / "report.json").read_text())
    assert (report["weak"], report["repaired"]) == (2, 2)
    assert report["strata"] == {"tail": {"repaired": 2, "weak": 2}}
    assert report["proposer"].startswith("generator:")


def test_candidates_of_anybody_fill_a_table_too(engine, tmp_path):
    (tmp_path / "weak.txt").write_text("sneakers\nboots\n")
    (tmp_path / "mine.jsonl").write_text(
        '{"query": "sneakers", "candidates": [{"text": "red hat"}, {"text": "I\'m sorry"}]}\n'
    )
    student = make_student(tmp_path / "student")

    done = run(
        *("build-table", tmp_path / "weak.txt", "--work", tmp_path / "work"),
        *("--to", tmp_path / "rewrites.sqlite", *engine, "--candidates", tmp_path / "mine.jsonl"),
        *("--student", student, "--min-score", "0", "--objective", "weighted"),
        *("--weight", "rele=1", "--weight", "incr=0", "--weight", "hitrate=0"),
    )

    assert done.exit_code == 0, (done.output, done.exception)
    run_table("export", str(tmp_path / "rewrites.sqlite"), str(tmp_path / "read.tsv"))
    assert (tmp_path / "read.tsv").read_text().splitlines()[1:] == ["sneakers\tred hat\t1.0"]
    assert json.loads((tmp_path / "work" / "report.json").read_text())["refused"] == {"talk": 1}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ((), "either --generator or --candidates"),
        (("--generator", "x", "--candidates", "y"), "either --generator or --candidates"),
        (("--candidates", "none.jsonl"), "none.jsonl: cannot be read"),
        (("--candidates", "none.jsonl", "--weight", "rele"), "--weight: expected such as rele=2"),
        (("--candidates", "none.jsonl", "--weight", "x=1"), "--weight: expected such as rele=2"),
        (("--candidates", "none.jsonl", "--language", "xx"), "none that is told apart"),
    ],
)
def test_what_cannot_work_is_said(engine, judged, tmp_path, wrong, message):
    (tmp_path / "weak.txt").write_text("sneakers\n")

    done = run(
        *("build-table", tmp_path / "weak.txt", "--work", tmp_path / "work", "--to", "t.sqlite"),
        *(*engine, "--judgments", judged, *wrong),
    )

    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)
