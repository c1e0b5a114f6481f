import sys

import pytest
from typer.testing import CliRunner

from qrmiddleware_ray import cli


def test_help_shows_examples_and_loads_no_ray():
    done = CliRunner().invoke(cli.app, ["build-table", "--help"])

    assert "qrm-ray build-table" in done.output
    assert done.exit_code == 0


def test_what_cannot_work_is_said_in_a_line(monkeypatch, capsys, tmp_path):
    words = ["build-table", "weak.txt", "--to", "t.sqlite", "--work", "w", "--language", "xx"]
    monkeypatch.setattr(sys, "argv", ["qrm-ray", *words])
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert ended.value.code == 2
    assert "'xx' is none that is told apart" in capsys.readouterr().err
