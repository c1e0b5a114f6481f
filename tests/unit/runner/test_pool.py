import gc
import subprocess
import sys
import threading
import time
import weakref

import pytest

from qrmiddleware.runner.calls import Breaker, Member, collect, start_call
from qrmiddleware.runner.pool import PluginPool

SOON_S = 10


@pytest.fixture
def pool():
    pool = PluginPool(threads=2, queue=1)
    yield pool
    pool.close()


def ask(pool, call, who="moody"):
    return pool.submit(call, who)


def test_calls_run_off_the_callers_thread(pool):
    assert ask(pool, threading.get_ident).result(SOON_S) != threading.get_ident()


def test_a_thread_that_is_free_is_used_again():
    pool = PluginPool(threads=8, queue=0)
    before = set(threading.enumerate())

    for _ in range(12):
        ask(pool, lambda: None).result(SOON_S)
        time.sleep(0.01)
    threads = set(threading.enumerate()) - before
    pool.close()

    assert 1 <= len(threads) < 8


def test_as_many_calls_run_at_a_time_as_there_are_threads(pool):
    together = threading.Barrier(2)

    calls = [ask(pool, lambda: together.wait(SOON_S)) for _ in range(2)]

    assert {call.result(SOON_S) for call in calls} == {0, 1}


def test_a_full_pool_takes_no_call_until_one_is_done(pool):
    gate = threading.Event()
    running = [ask(pool, gate.wait) for _ in range(3)]

    assert all(running)
    assert ask(pool, gate.wait) is None
    gate.set()
    for future in running:
        future.result(SOON_S)
    assert ask(pool, lambda: 7).result(SOON_S) == 7


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit])
def test_calls_that_fail_make_room_again_and_leave_the_thread(pool, error):
    def fail():
        raise error

    for _ in range(10):
        assert isinstance(ask(pool, fail).exception(SOON_S), error)


def test_a_call_that_is_given_up_before_it_begins_makes_room_and_never_begins(pool):
    gate, begun = threading.Event(), []
    running = [ask(pool, gate.wait) for _ in range(2)]
    waiting = ask(pool, lambda: begun.append("too late"))

    waiting.cancel()
    instead = ask(pool, lambda: 7)
    gate.set()

    assert instead.result(SOON_S) == 7
    assert all(future.result(SOON_S) for future in running)
    assert begun == []


def test_a_thread_that_is_free_holds_nothing_of_a_search(pool):
    class Hit:
        pass

    def answer(_):
        return Hit()

    def fail(_):
        raise ValueError

    for call in (answer, fail):
        argument = Hit()
        future = ask(pool, lambda call=call, argument=argument: call(argument))
        future.exception(SOON_S)
        gone = weakref.ref(argument)
        del argument, future
        until = time.monotonic() + SOON_S
        while gone() is not None and time.monotonic() < until:
            gc.collect()
        assert gone() is None


def test_a_closed_pool_takes_no_calls_and_drops_those_that_wait():
    pool = PluginPool(threads=1, queue=1)
    gate, begun = threading.Event(), threading.Event()
    running = ask(pool, lambda: begun.set() or gate.wait())
    assert begun.wait(SOON_S)
    waiting = ask(pool, gate.wait)

    left = pool.close(patience_s=0.01)

    assert left == ["moody"]
    assert ask(pool, gate.wait) is None
    assert waiting.cancelled()
    gate.set()
    assert running.result(SOON_S)


def test_a_call_that_was_dropped_counts_as_late():
    pool = PluginPool(threads=1, queue=1)
    gate = threading.Event()
    ask(pool, gate.wait)
    waiting = start_call(pool, Member("moody", None, True, Breaker(3, 10)), gate.wait)

    pool.close(patience_s=0)
    gate.set()

    _, (record,) = collect([waiting], "qrm_rewrite")
    assert record.status == "timeout"


def test_calls_that_end_in_time_are_waited_for():
    pool = PluginPool(threads=2, queue=0)
    begun = threading.Event()
    written = []
    ask(pool, lambda: begun.set() or time.sleep(0.1) or written.append("evidence"))
    assert begun.wait(SOON_S)

    assert pool.close(patience_s=SOON_S) == []

    assert written == ["evidence"]
    assert pool.close() == []


def test_a_pool_that_nobody_has_any_more_leaves_no_threads():
    before = set(threading.enumerate())
    pool = PluginPool(threads=4, queue=0)
    gate = threading.Event()
    calls = [ask(pool, gate.wait) for _ in range(4)]
    gate.set()
    for call in calls:
        call.result(SOON_S)
    threads = set(threading.enumerate()) - before

    del pool, call, calls
    gc.collect()

    assert len(threads) == 4
    for thread in threads:
        thread.join(SOON_S)
        assert not thread.is_alive()


def test_where_the_system_gives_no_more_threads_those_that_there_are_do_it_all(pool, monkeypatch):
    first = ask(pool, threading.get_ident).result(SOON_S)

    def no_thread(_):
        problem = "can't start new thread"
        raise RuntimeError(problem)

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    calls = [ask(pool, threading.get_ident) for _ in range(3)]

    assert {call.result(SOON_S) for call in calls} == {first}


def test_a_process_ends_though_a_call_does_not():
    program = """
import threading
from qrmiddleware.runner.calls import Breaker, Member, collect, start_call
from qrmiddleware.runner.pool import PluginPool

pool, begun = PluginPool(), threading.Event()
pool.submit(lambda: begun.set() or threading.Event().wait(), "moody")
begun.wait()
print(pool.close(0.01))
"""

    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60
    )

    assert ended.stdout == "['moody']\n"
