import sys
import time

import psutil
import pytest

from qrmiddleware_benchmarks.students.arms import Arm, Plan
from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.team import Team

# Any library will do where no student is loaded; this one is everywhere.
ARMS = (Arm("json", Precision.INT8), Arm("json", Precision.FLOAT32))


@pytest.fixture
def team():
    with Team(ARMS, device="cpu", cores=1) as made:
        yield made


def states():
    return sorted(child.status() for child in psutil.Process().children())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="states differ")
def test_an_arm_halts_once_it_has_answered(team):
    for arm in ARMS:
        team.ask(arm, "open", "a model")

    until = time.monotonic() + 5  # the system may take a while to halt a process
    while states().count("stopped") < len(ARMS) and time.monotonic() < until:
        time.sleep(0.01)
    assert states().count("stopped") == len(ARMS)


@pytest.mark.slow
def test_a_problem_comes_back_naming_the_arm_and_the_arm_lives_on(team):
    with pytest.raises(StudentsError, match="json int8: StudentsError: no model is open"):
        team.ask(ARMS[0], "logits", None, Plan(1, 1, 1))

    assert team.ask(ARMS[0], "open", "a model") is None


@pytest.mark.slow
def test_a_process_that_is_gone_is_an_error_naming_the_arm(team):
    team.ask(ARMS[1], "open", "a model")
    team._processes[ARMS[1]].kill()

    with pytest.raises(StudentsError, match="json float32: its process ended with code"):
        team.ask(ARMS[1], "open", "a model")


@pytest.mark.slow
def test_no_process_is_left_behind():
    with Team(ARMS, device="cpu", cores=1) as team:
        team.ask(ARMS[0], "open", "a model")

    assert not any(process.is_alive() for process in team._processes.values())
