import sys

import psutil
import pytest

from qrmiddleware_benchmarks.processes import Part, ProcessError, listening, usage


def serving(port):
    work = "sum(range(3_000_000))"  # takes processor time that can be seen
    serve = f"server = socket.create_server(('127.0.0.1', {port}))"
    return (sys.executable, "-c", f"import socket, time; {work}; {serve}; time.sleep(60)")


def test_a_process_lives_as_long_as_the_block(free_port):
    with listening(serving(free_port), free_port) as pid:
        assert psutil.pid_exists(pid)
        used = usage(Part("server", (pid,)))

    assert used["server"].rss_bytes > 1_000_000
    assert used["server"].cpu_s > 0
    assert used["server"].descriptors > 3
    assert used["server"].threads == 1
    assert not psutil.pid_exists(pid)


def test_a_process_that_ends_early_shows_its_last_words(free_port):
    command = (sys.executable, "-c", "import sys; sys.exit('no such table')")

    with pytest.raises(ProcessError, match="no such table"), listening(command, free_port):
        pass


def test_processes_that_are_gone_use_nothing():
    assert usage(Part("gone", (2**22 - 3,))) == {}


def test_every_process_of_a_program_is_told_apart(free_port):
    program = (
        f"import subprocess,sys; subprocess.run([sys.executable,'-c',{serving(free_port)[2]!r}])"
    )

    with listening((sys.executable, "-c", program), free_port) as pid:
        used = usage(Part("server", (pid,)))

    assert list(used) == ["server 1", "server 2"]


def test_a_port_that_is_taken_is_not_measured_by_mistake(constant):
    with pytest.raises(ProcessError, match="is taken"), listening(("true",), constant.port):
        pass
