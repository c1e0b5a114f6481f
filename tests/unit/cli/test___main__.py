"""``python -m qrmiddleware.cli``."""

import runpy
import sys

import pytest


def test_the_package_runs_as_the_command_does(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["qrm", "--version"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module("qrmiddleware.cli", run_name="__main__")

    assert not ended.value.code
    assert capsys.readouterr().out.startswith("qrmiddleware ")
