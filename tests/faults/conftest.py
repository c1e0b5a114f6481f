"""Keeps what the faults brought, for the page."""

import os
from pathlib import Path

import pytest

from qrmiddleware_benchmarks.faults.cell import RATE_HZ
from qrmiddleware_benchmarks.faults.page import Report, write_report
from qrmiddleware_benchmarks.machine import describe_machine, today

_SECONDS = 400
"""For one row: the proxy is started once or twice, and the machine may be slow."""


def pytest_addoption(parser):
    parser.addoption(
        "--faults-report",
        type=Path,
        help="write what the faults brought into this file; docs/faults.md is made from it",
    )


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_SECONDS))


@pytest.fixture
def required():
    """Whether an engine that is missing fails the test."""
    return os.environ.get("QRM_E2E_REQUIRE") == "1"


@pytest.fixture(scope="session")
def outcomes(request):
    """Take outcomes, and write them when all are there."""
    found = []
    yield found
    path = request.config.getoption("--faults-report", default=None)
    if path is not None:
        busy = os.getloadavg()[-1]
        write_report(Report(today(), RATE_HZ, describe_machine(), busy, tuple(found)), path)


@pytest.fixture
def keep(outcomes, capsys):
    """Keep an outcome, and show it."""

    def keep(outcome):
        outcomes.append(outcome)
        with capsys.disabled():
            print(f"\n{outcome}")  # noqa: T201 - who waits for minutes wants to see

    return keep
