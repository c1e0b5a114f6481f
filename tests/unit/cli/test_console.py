"""Configuration files and what is wrong with them."""

import pytest

from qrmiddleware.cli.console import note, settings_for


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("listen: {prot: 1}", ":1: listen.prot: unknown key; known are: host, port"),
        ("\nlisten:\n  port: 99999\n", ":3: listen.port: Input should be less than or equal to"),
        ("pipelines:\n  a:\n    merge: {policy: best}\n", ":3: pipelines.a.merge.policy: "),
        ("pipelines:\n  _none: {}\n", "_none is how a request says it wants no pipeline"),
        ("upstream: {urls: [localhost]}", ":1: upstream.urls: 'localhost' is no http://"),
        ("upstream: {username: a}", ":1: upstream: username and password go together"),
        ("a: [", "not YAML"),
        ("- a", ":1: expected keys such as upstream: and pipelines:"),
        ("limits: {drain_ms: soon}", ":1: limits.drain_ms: Input should be a valid number"),
    ],
)
def test_what_is_wrong_with_a_configuration_is_said_with_key_and_line(qrm, tmp_path, text, problem):
    (tmp_path / "x.yaml").write_text(text)

    ran = qrm("check", "--config", "x.yaml")

    assert ran.code == 2
    assert ran.err.startswith("error: x.yaml") or "error:" in ran.err
    assert problem in ran.err
    assert "Traceback" not in ran.err


def test_all_that_is_wrong_is_said_at_once(qrm, tmp_path):
    (tmp_path / "x.yaml").write_text("listen: {port: -1}\nadmin: {port: -2}\n")

    ran = qrm("check", "-c", "x.yaml")

    assert "x.yaml:1: listen.port" in ran.err
    assert "x.yaml:2: admin.port" in ran.err


def test_a_missing_file_is_named(qrm):
    ran = qrm("serve", "--config", "nowhere.yaml")

    assert (ran.code, ran.err) == (2, "error: nowhere.yaml: No such file or directory\n")


def test_the_file_of_this_folder_is_read_without_being_named(qrm, tmp_path):
    (tmp_path / "qrmiddleware.yaml").write_text("nonsense: 1\n")

    ran = qrm("check")

    assert ran.code == 2
    assert "qrmiddleware.yaml:1: nonsense: unknown key" in ran.err


def test_a_cluster_named_by_a_flag_replaces_the_files_embedded_engine(config):
    settings = settings_for(config, upstream__urls=["http://localhost:1"])

    assert settings.upstream.embedded is False
    assert settings.upstream.urls == ("http://localhost:1",)


def test_an_embedded_engine_named_by_a_flag_is_used(config):
    settings = settings_for(config, upstream__urls=None, upstream__embedded=True)

    assert settings.upstream.embedded is True


def test_a_note_says_brackets_as_they_are(capsys):
    note("[red] is none of E, S")

    assert capsys.readouterr().err == "note: [red] is none of E, S\n"
