import json

import pytest
from typer.testing import CliRunner

from qrmiddleware_benchmarks import cli
from qrmiddleware_benchmarks.cli import app
from qrmiddleware_benchmarks.faults.ports import free_ports
from qrmiddleware_benchmarks.results import read_result, write_result


def invoke(*arguments):
    return CliRunner().invoke(app, [str(each) for each in arguments])


def test_help_names_the_commands_with_examples():
    ran = invoke("--help")

    for command in ("run", "urls", "knee", "soak", "compare", "report", "smoke"):
        assert f" {command} " in ran.output
    assert "qrm-bench run passthrough" in ran.output


@pytest.mark.parametrize("command", ["run", "urls", "knee", "soak", "compare", "report"])
def test_every_command_shows_how_it_is_used(command):
    assert f"qrm-bench {command}" in invoke(command, "--help").output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["run", "pasthrough"], "there is no scenario 'pasthrough'; there are: passthrough"),
        (["run", "search"], "search needs --catalogue"),
        (["run", "workers", "--arm", "3 workers"], "there is no arm '3 workers'; there are:"),
        (["knee", "search"], "search needs --catalogue"),
        (["run", "search", "--engine", "solr"], "there is no engine 'solr'"),
        (["run", "passthrough", "--arrivals", "x"], "there is no kind of arrivals 'x'"),
        (["urls", "--arm", "a=http://x/_search"], "a comparison needs two arms"),
        (["urls", "--arm", "a=https://x", "--arm", "b=http://y"], "no TLS"),
        (["urls", "--arm", "a=http://x", "--arm", "b=http://y", "--header", "x"], "is not 'Name"),
    ],
)
def test_wrong_options_are_explained(arguments, problem):
    ran = invoke(*arguments)

    assert ran.exit_code == 2
    assert problem in " ".join(ran.output.replace("│", " ").split())


def test_the_page_is_written_from_kept_results(tmp_path, make_result):
    pytest.importorskip("matplotlib")
    write_result(make_result(), tmp_path / "results" / "passthrough.json")

    ran = invoke("report", "--results", tmp_path / "results", "--to", tmp_path / "page.md")

    assert ran.exit_code == 0, ran.output
    assert "written from 1 results" in ran.output
    assert (tmp_path / "page.md").read_text().startswith("# Benchmarks")


@pytest.fixture
def two_results(tmp_path, make_result, make_arm):
    def write(median_ms):
        before = make_result(make_arm("direct", 1.0), make_arm("rules", 2.0, seed=1))
        after = make_result(make_arm("direct", 1.0, seed=2), make_arm("rules", median_ms, seed=3))
        write_result(before, tmp_path / "a.json")
        write_result(after, tmp_path / "b.json")
        return tmp_path / "a.json", tmp_path / "b.json"

    return write


@pytest.mark.parametrize(
    ("median_ms", "options", "code"),
    [
        (4.0, ["--fail-on-regression"], 1),
        (4.0, [], 0),
        (2.0, ["--fail-on-regression"], 0),
        (1.0, ["--fail-on-regression"], 0),
        (4.0, ["--fail-on-regression", "--least", "9"], 0),
    ],
)
def test_a_regression_fails_if_it_is_to(two_results, median_ms, options, code):
    ran = invoke("compare", *two_results(median_ms), *options)

    assert ran.exit_code == code, ran.output
    assert "figures compared" in ran.output


def test_noise_is_shown_on_demand_only(two_results):
    paths = two_results(2.0)

    assert "no difference beyond noise" not in invoke("compare", *paths).output
    assert "no difference beyond noise" in invoke("compare", *paths, "--all").output


def test_problems_that_people_can_solve_are_told_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr(
        "sys.argv", ["qrm-bench", "compare", str(tmp_path / "a.json"), str(tmp_path / "a.json")]
    )

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 1
    assert capsys.readouterr().err.startswith("qrm-bench: ")


def test_systems_that_run_already_are_compared(tmp_path, constant):
    (tmp_path / "q.txt").write_text("red shoe\nblue hat\n")
    (tmp_path / "body.json").write_text('{"query": {"match": {"title": "{{query}}"}}}')
    url = f"http://127.0.0.1:{constant.port}/products/_search"

    ran = invoke(
        *("urls", "--arm", f"a={url}", "--arm", f"b={url}?x=1", "--zipf", "1"),
        *("--queries", tmp_path / "q.txt", "--body", tmp_path / "body.json"),
        *("--rounds", "2", "--slice-s", "0.2", "--warmup-s", "0", "--rate-hz", "50"),
        *("--header", "Authorization: ApiKey x", "--results", tmp_path / "results"),
    )

    assert ran.exit_code == 0, ran.output
    result = read_result(tmp_path / "results" / "urls-at-50.json")
    assert [(arm.name, arm.answered) for arm in result.measurements[0].arms] == [
        ("a", 20),
        ("b", 20),
    ]
    assert "| beside a |" in ran.output
    assert result.queries == "2 queries of q.txt"


@pytest.mark.slow
def test_a_scenario_and_a_knee_are_run_from_start_to_page(tmp_path):
    pytest.importorskip("matplotlib")
    results, port = tmp_path / "results", str(free_ports(30))

    ran = invoke(
        *("run", "passthrough", "--arm", "direct", "--arm", "identity", "--rounds", "2"),
        *("--slice-s", "0.3", "--results", results, "--port", port, "--generators", "2"),
    )
    searched = invoke(
        *("knee", "passthrough", "--arm", "direct", "--step-s", "0.2"),
        *("--results", results, "--port", port),
    )
    reported = invoke("report", "--results", results, "--to", tmp_path / "page.md")

    assert [ran.exit_code, searched.exit_code, reported.exit_code] == [0, 0, 0], ran.output
    assert "| direct |" in searched.output
    assert json.loads((results / "passthrough.json").read_text())["format"] == 2
    assert "How many searches a second" in (tmp_path / "page.md").read_text()
