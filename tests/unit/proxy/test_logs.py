"""What is written to standard error."""

import json
import logging
import warnings

import pytest

from qrmiddleware.config.settings import LogSettings
from qrmiddleware.proxy.logs import make_log


def test_machines_get_one_json_object_a_line(capsys):
    make_log(LogSettings(format="json")).info("serving", port=1)

    written = json.loads(capsys.readouterr().err)
    assert written["event"] == "serving"
    assert written["port"] == 1
    assert written["level"] == "info"


def test_people_get_a_line_without_colours_where_there_is_no_terminal(capsys):
    make_log(LogSettings(format="console")).info("serving", port=1)

    written = capsys.readouterr().err
    assert "serving" in written
    assert "\x1b[" not in written


def test_what_is_less_serious_is_left_out(capsys):
    make_log(LogSettings(level="warning")).info("serving")

    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["uvicorn.error", "asyncio", "aiohttp.client"])
def test_libraries_log_in_our_form(capsys, name):
    make_log(LogSettings(format="json"))

    logging.getLogger(name).error("odd %s", "thing")

    written = json.loads(capsys.readouterr().err)
    assert written["event"] == "odd thing"
    assert written["logger"] == name


def test_warnings_are_logged_in_our_form(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        make_log(LogSettings(format="json"))

        warnings.warn("the student runs on the CPU: no GPU", RuntimeWarning, stacklevel=1)

    written = json.loads(capsys.readouterr().err)
    assert written["event"] == "the student runs on the CPU: no GPU"
    assert (written["level"], written["category"]) == ("warning", "RuntimeWarning")
    assert "test_logs.py:" in written["source"]


@pytest.mark.parametrize("problem", [OSError(28, "No space left on device"), ValueError("closed")])
def test_a_log_that_cannot_be_written_costs_nothing_else(monkeypatch, problem):
    class Full:
        def write(self, text):
            raise problem

        flush = isatty = lambda self: False

    monkeypatch.setattr("sys.stderr", Full())

    make_log(LogSettings()).warning("plugin failed")
