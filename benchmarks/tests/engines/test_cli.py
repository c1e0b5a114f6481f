import os
import sys

import psutil
import pytest
from typer.testing import CliRunner

from qrmiddleware_benchmarks.engines import Engine, records
from qrmiddleware_benchmarks.engines.cli import app, main
from qrmiddleware_benchmarks.engines.engine import Process
from qrmiddleware_benchmarks.engines.folders import run_folder


@pytest.fixture
def invoke(engines_dir):
    return lambda *arguments: CliRunner().invoke(app, arguments, env={"COLUMNS": "200"})


@pytest.fixture
def this_process(engines_dir):
    """A record of an engine that runs: this very process."""
    home = run_folder() / "redis-1"
    home.mkdir()
    process = Process(os.getpid(), psutil.Process().create_time())
    log = home / "output.log"
    engine = Engine("redis", "redis://127.0.0.1:1", username="ada", log=log, processes=(process,))
    records.write(engine, home)
    return engine


def test_list_names_every_engine_and_whether_it_is_here(invoke):
    lines = invoke("list").output.splitlines()

    assert any(line.split()[:2] == ["elasticsearch", "no"] for line in lines)
    assert any(line.split()[:1] == ["opensearch"] for line in lines)


def test_an_unknown_engine_is_refused_with_the_known_ones(invoke):
    result = invoke("start", "solr")

    assert result.exit_code == 2
    assert "opensearch" in result.output


def test_fetch_knows_more_than_engines_and_refuses_what_nobody_knows(invoke):
    known, unknown = invoke("list").output, invoke("fetch", "solr")

    assert any(line.split()[:2] == ["rest-api-spec", "no"] for line in known.splitlines())
    assert unknown.exit_code == 2
    assert "rest-api-spec" in unknown.output


def test_status_shows_what_runs(invoke, this_process):
    output = invoke("status").output

    assert this_process.url in output
    assert f"pid {os.getpid()}" in output


def test_status_forgets_what_no_longer_runs(invoke, engines_dir):
    home = run_folder() / "redis-2"
    home.mkdir()
    records.write(Engine("redis", "redis://127.0.0.1:2", processes=(Process(1, 0.0),)), home)

    assert invoke("status").output == "no engine runs\n"
    assert list(home.iterdir()) == []


def test_stop_wants_to_know_which(invoke):
    assert invoke("stop").exit_code == 2


def test_stop_leaves_the_others_alone(invoke, this_process):
    assert invoke("stop", "elasticsearch").output == "no such engine runs\n"
    assert invoke("stop", "redis", "--port", "2").output == "no such engine runs\n"
    assert next(records.running_engines()) == this_process


def test_records_are_for_our_eyes_only(this_process):
    record = this_process.log.parent / "engine.json"

    assert record.stat().st_mode & 0o077 == 0


def test_errors_are_a_line_for_people(engines_dir, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["qrm-engines", "start", "redis", "--security"])
    monkeypatch.setenv("PATH", "/bin:/usr/bin")

    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("qrm-engines: redis")
