import pytest
from typer.testing import CliRunner

from qrmiddleware_rules.commands import app

RULES = """\
# a shop for gardens
garden hose =>
    SYNONYM(0.5): water pipe
    UP(10): category:hose
    DOWN: reel
    FILTER: -toy
    @_id: "H1"
cheap =>
    DELETE
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    (tmp_path / "rules.txt").write_text(RULES, encoding="utf-8")
    runner = CliRunner()
    return lambda *arguments: runner.invoke(app, arguments)


def rows(output):
    return [" ".join(line.replace("│", " ").split()) for line in output.splitlines()]


def test_check_counts_what_a_good_file_holds(run):
    result = run("check", "rules.txt")

    assert result.exit_code == 0
    assert "rules.txt 2 1 2 1 1 0 0" in rows(result.output)


def test_check_prints_errors_with_a_caret_and_fails(run, tmp_path):
    (tmp_path / "bad.txt").write_text(
        "hose =>\n\tSYNONYM(x): [red]pipe\n車 ho* se =>\n UP: a", encoding="utf-8"
    )

    result = run("check", "bad.txt", "rules.txt")

    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert lines[0] == ("bad.txt:2:10: error: expected a number above 0 in SYNONYM(…), found 'x'")
    assert lines[1:3] == ["     SYNONYM(x): [red]pipe", "             ^"]
    assert lines[3].startswith("bad.txt:3:5: error: a wildcard may only end the input")
    assert lines[4:6] == ["    車 ho* se =>", "         ^"]


def test_check_prints_warnings_and_succeeds(run, tmp_path):
    (tmp_path / "spelling.txt").write_text("the =>\ngarden hose => hose\n", encoding="utf-8")

    result = run("check", "rules.txt", "--replace", "spelling.txt")

    assert result.exit_code == 0
    assert result.output.startswith("rules.txt:2:1: warning: never reached")
    assert "spelling.txt 2 0 0 0 0 0 0" in rows(result.output)


def test_check_shows_the_part_of_a_long_line_that_matters(run, tmp_path):
    (tmp_path / "long.txt").write_text("a" * 500 + " b* c" + "d" * 500 + " =>", encoding="utf-8")

    result = run("check", "long.txt")

    source, caret = result.output.splitlines()[1:3]
    assert len(source) == 104
    assert source[caret.index("^")] == "*"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"hose =>\n UP: \xff", "2: not in UTF-8: byte 0xff")],
)
def test_check_names_a_file_that_cannot_be_read(run, tmp_path, content, said):
    if content is not None:
        (tmp_path / "other.txt").write_bytes(content)

    result = run("check", "other.txt")

    assert result.exit_code == 1
    assert said in result.output


def test_check_wants_a_file(run):
    assert run("check").exit_code == 2


def test_test_shows_what_is_proposed(run, tmp_path):
    (tmp_path / "spelling.txt").write_text("hsoe => hose", encoding="utf-8")

    result = run("test", "rules.txt", "cheap garden hsoe", "-r", "spelling.txt")

    assert result.exit_code == 0
    shown = rows(result.output)
    assert "search instead garden hose spelling.txt:1; rules.txt:8" in shown
    assert "search also water pipe 0.5 H1 (rules.txt:2)" in shown
    assert any(row.startswith('raise {"match": {"category":') for row in shown)
    assert "lower reel -1 H1 (rules.txt:2)" in shown
    assert "exclude toy H1 (rules.txt:2)" in shown


def test_test_says_if_no_rule_matches(run):
    assert "No rule matches 'wheel[b]arrow'." in run("test", "rules.txt", "wheel[b]arrow").output


def test_test_refuses_a_file_with_errors(run, tmp_path):
    (tmp_path / "bad.txt").write_text("hose =>\n PIPE", encoding="utf-8")

    result = run("test", "bad.txt", "hose")

    assert result.exit_code == 1
    assert "bad.txt:2:2: error: 'PIPE' is no instruction" in result.output


@pytest.mark.parametrize("command", ["check", "test"])
def test_help_has_examples(run, command):
    result = run(command, "--help")

    assert result.exit_code == 0
    assert f"qrm rules {command} rules.txt" in result.output
