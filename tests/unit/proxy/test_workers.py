"""Processes are watched over: those that die are replaced, those that cannot work are not."""

import signal
import sys

import pytest

from qrmiddleware.proxy.workers import Workers


@pytest.fixture
def handlers():
    """Put the signal handlers back that were there."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_processes_that_cannot_work_end_the_watch():
    workers = Workers(3, sys.exit)  # each exits with its number, the third one with 2

    assert workers.watch() is False
    workers.stop()
