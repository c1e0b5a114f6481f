import os
from pathlib import Path

import pytest

from qrmiddleware_benchmarks.engines import EngineError
from qrmiddleware_benchmarks.engines.account import run
from qrmiddleware_benchmarks.engines.engine import Engine, Launch, Process, Service
from qrmiddleware_benchmarks.engines.services import identify, start_services, stop_processes


def shell(script: str, answers=lambda: True) -> Service:
    return Service(("/bin/sh", "-c", script), answers)


def ends_after(answers: list[object]):
    def answer() -> object:
        value = answers.pop(0)
        if isinstance(value, Exception):
            raise value
        return value

    return answer


def test_a_service_is_up_when_it_answers(tmp_path):
    answers: list[object] = [ConnectionRefusedError(), False, True]

    started = start_services(
        Launch((shell("sleep 60", ends_after(answers)),), "http://x"), tmp_path / "log"
    )
    processes = identify(started)
    alive = [process.alive() is not None for process in processes]
    stop_processes(processes)
    for process in started:
        process.poll()

    assert answers == []
    assert alive == [True]
    assert [process.alive() for process in processes] == [None]


def test_a_service_that_ends_is_reported_with_the_end_of_its_log(tmp_path):
    launch = Launch((shell("echo no such setting; exit 3", lambda: False),), "http://x")

    with pytest.raises(EngineError, match=r"(?s)sh ended with exit code 3:.*no such setting"):
        start_services(launch, tmp_path / "log")


def test_when_the_second_service_fails_the_first_is_stopped(tmp_path):
    log = tmp_path / "log"
    first = shell("echo $$; exec sleep 60", log.read_text)

    with pytest.raises(EngineError):
        start_services(Launch((first, shell("exit 1", lambda: False)), "http://x"), log)

    assert not alive(int(log.read_text().split()[0]))


def test_children_belong_to_an_engine_and_end_with_it(tmp_path):
    started = start_services(Launch((shell("sleep 60 & wait"),), ""), tmp_path / "log")
    engine = Engine("x", "http://x", processes=identify(started))
    while len(engine.pids()) < 2:
        pass
    pids = engine.pids()
    resident = engine.rss_bytes()

    stop_processes(engine.processes)
    started[0].poll()

    assert resident > 0
    assert engine.pids() == ()
    assert not any(alive(pid) for pid in pids)


def test_a_later_process_with_the_same_number_is_left_alone():
    ours = Process(os.getpid(), started_at=1.0)

    stop_processes([ours])  # or this test would end here

    assert ours.alive() is None


def test_engines_do_not_run_as_root():
    done = run(["id", "-u"], env={}, text="")

    assert done.returncode == 0
    assert done.stdout.strip() != "0"


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
