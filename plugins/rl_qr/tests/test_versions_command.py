import pytest
from typer.testing import CliRunner

from qrmiddleware_rl_qr.commands.app import app
from qrmiddleware_rl_qr.versions.evidence import Evidence, Seen
from qrmiddleware_rl_qr.versions.folder import EVIDENCE_FILE, VersionFolder


def run(*words):
    return CliRunner().invoke(app, ["versions", *map(str, words)], env={"COLUMNS": "200"})


def test_from_a_first_version_to_the_next(tmp_path, students):
    folder = tmp_path / "versions"

    assert "is version 0001" in run("add", folder, students["sneaker"]).stdout
    assert "is version 0002" in run("add", folder, students["boot"]).stdout
    tried = run("canary", folder, "0002", "--share", "0.1").stdout
    assert tried == "version 0001 serves, 0002 is tried on 10.0%\n"
    assert run("promote", folder).stdout == "version 0002 serves\n"
    assert run("rollback", folder, "--reason", "no").stdout == "version 0001 serves\n"

    assert VersionFolder(folder).read().events[-1].reason == "no"


def test_the_list_shows_what_a_trial_has_counted_and_what_happened(versions):
    run("canary", versions.path, "0002", "--share", "0.25")
    trial = versions.read().trial
    Evidence(versions.path / EVIDENCE_FILE).add(
        trial, [Seen(b"q", "0002", True, False, True, False, 12.5)]
    )

    shown = run("list", versions.path).stdout

    assert "tried on 25.0%" in shown
    assert "12.5" in shown
    assert "0002 canary: on 25.0% of the queries" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("canary", "0009"), "no version '0009'"),
        (("canary", "0001"), "serves already"),
        (("promote", "0001"), "serves already"),
        (("rollback",), "none served before it"),
    ],
)
def test_what_cannot_be_done_is_said(versions, words, said):
    command, *more = words

    ended = run(command, versions.path, *more)

    assert ended.exit_code == 2
    assert said in ended.stderr


def test_to_promote_no_canary_a_name_is_needed(versions):
    ended = run("promote", versions.path)

    assert ended.exit_code == 2
    assert "name the one to promote" in ended.stderr
