"""Processes are watched over: those that die are replaced, those that cannot work are not."""

import os
import signal
import subprocess
import sys
import threading
import time
import timeit

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


@pytest.fixture
def told():
    """Take what is told of workers, and end the watch over them after so many tellings."""

    class Told(list):
        ends_after = 1

        def __call__(self, event, **facts):
            self.append((event, facts))
            if len(self) >= self.ends_after:
                os.kill(os.getpid(), signal.SIGTERM)

    return Told()


@pytest.mark.usefixtures("handlers")
def test_a_process_that_dies_is_told_of_and_started_again(told):
    told.ends_after = 2
    workers = Workers(2, os._exit, tell=told)  # each exits with its number

    assert workers.watch() is True
    workers.stop()

    assert told == [("a worker died; it is started again", {"worker": 1, "exit_code": 1})] * 2


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.usefixtures("handlers")
def test_a_process_that_grows_too_large_is_told_to_stop(told):
    workers = Workers(2, subprocess.call, ["sleep", "3"], most_bytes=1, tell=told)

    assert workers.watch() is True
    workers.stop()

    ((event, facts),) = told
    assert event == "a worker has grown too large; it is started again"
    assert facts["resident_bytes"] > 1


STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open({began!r}, "w").close()
time.sleep(100)
"""


@pytest.fixture
def stubborn(tmp_path):
    """Return what a process is to run that takes no notice of SIGTERM, and whether it does yet."""
    began = tmp_path / "began"
    return (timeit.timeit, "pass", STUBBORN.format(began=str(began))), began.exists


@pytest.mark.usefixtures("handlers")
def test_a_process_that_does_not_stop_is_killed(told, stubborn):
    run, has_begun = stubborn
    workers = Workers(1, *run, patience_s=0.2, tell=told)
    told.ends_after = 2
    ending = threading.Thread(target=end_when, args=(has_begun,))
    ending.start()

    assert workers.watch() is True
    workers.stop()
    ending.join()

    assert told == [("a worker does not stop; it is killed", {"worker": 0})]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
@pytest.mark.usefixtures("handlers")
def test_a_process_that_grows_too_large_and_does_not_stop_is_killed(told, stubborn):
    run, has_begun = stubborn
    told.ends_after = 3

    class WhenBegun(Workers):
        def _look_at_memory(self):
            if has_begun():
                super()._look_at_memory()

    workers = WhenBegun(1, *run, most_bytes=1, patience_s=0.2, tell=told)
    assert workers.watch() is True
    workers.stop()

    assert [event for event, _ in told[:3]] == [
        "a worker has grown too large; it is started again",
        "a worker does not stop; it is killed",
        "a worker died; it is started again",
    ]


def end_when(holds):
    while not holds():
        time.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
