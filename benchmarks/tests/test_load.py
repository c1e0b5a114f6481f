import socket
import threading
import time
from contextlib import closing, contextmanager

import numpy as np
import pytest

from qrmiddleware_benchmarks.load import Target, saturate
from qrmiddleware_benchmarks.load import drive as drive_plan
from qrmiddleware_benchmarks.schedule import Plan, due_times_s

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


def drive(target, due_s, *, warmups=0, **options):
    """Drive with the target's requests in turn."""
    due_s = np.asarray(due_s, dtype=np.float64)
    plan = Plan(due_s, np.arange(len(due_s)) % len(target.requests), warmups)
    return drive_plan(target, plan, **options)


@contextmanager
def one_at_a_time(answer, *, backlog=128):
    """Serve connections in threads; ``answer`` takes the number of the request."""
    lock = threading.Lock()
    count = 0

    def serve(connection):
        nonlocal count
        with closing(connection):
            while connection.recv(65536):
                with lock:
                    count += 1
                    reply = answer(count)
                if not reply:
                    return
                connection.sendall(reply)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0), backlog=backlog)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield Target("127.0.0.1", listener.getsockname()[1], (REQUEST,))
        listener.shutdown(socket.SHUT_RDWR)


def test_every_search_is_sent_and_timed(constant):
    slice_ = drive(constant, [n / 200 for n in range(40)], connections=4)

    assert len(slice_.latencies_ns) == len(slice_.lags_ns) == 40
    assert slice_.errors == 0
    assert (slice_.due_ns[1] - slice_.due_ns[0]) / 1e9 == pytest.approx(39 / 200)
    assert slice_.due_ns[0] < slice_.answered_ns[0] < slice_.answered_ns[1]
    assert slice_.cpu_s > 0
    assert slice_.rss_bytes > 1_000_000
    assert (slice_.latencies_ns > 0).all()


def test_a_stall_counts_for_every_search_that_was_due_in_it():
    def stall_at_first(number):
        if number == 1:
            time.sleep(0.3)
        return OK

    with one_at_a_time(stall_at_first) as target:
        slice_ = drive(target, [n / 100 for n in range(20)], connections=1)

    waited_ms = sorted(slice_.latencies_ns / 1e6)
    assert len(waited_ms) == 20
    assert waited_ms[0] > 90  # the last one was due 190 ms after the first, which took 300
    assert waited_ms[-1] >= 299


def test_a_stall_of_200_ms_shows_in_the_percentiles_though_one_search_alone_met_it():
    """A closed loop would count one slow search of 200; half of those due in it are slow."""

    def stall_once(number):
        if number == 100:
            time.sleep(0.2)
        return OK

    due_s = due_times_s(rate_hz=200, seconds=1, arrivals="constant", seed=1)
    with one_at_a_time(stall_once) as target:
        slice_ = drive(target, due_s, connections=1)

    late_ms = np.sort(slice_.latencies_ns / 1e6)[::-1]
    assert len(late_ms) == 200
    assert (late_ms > 20).sum() >= 35  # 200 ms at 200/s are 40 searches, the last just due
    assert np.percentile(late_ms, 99) > 150
    assert np.median(late_ms) < np.percentile(late_ms, 99)


def test_warm_up_searches_are_sent_and_not_counted():
    asked = []

    def fail_in_warm_up(number):
        asked.append(number)
        return OK if number > 5 else b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n"

    with one_at_a_time(fail_in_warm_up) as target:
        slice_ = drive(target, [n / 100 for n in range(12)], warmups=5, connections=1)

    assert len(asked) == 12
    assert (len(slice_.latencies_ns), len(slice_.lags_ns), slice_.errors) == (7, 7, 0)


def test_replies_that_went_without_a_plugin_are_counted():
    degraded = b"HTTP/1.1 200 OK\r\nX-QRM-Degraded: rules=timeout\r\ncontent-length: 2\r\n\r\n{}"

    with one_at_a_time(lambda number: degraded if number % 3 == 0 else OK) as target:
        slice_ = drive(target, [n / 200 for n in range(9)], connections=1)

    assert (slice_.degraded, slice_.errors, len(slice_.latencies_ns)) == (3, 0, 9)


def test_a_connection_that_the_server_closed_while_idle_costs_no_search():
    """Each connection is good for one answer; the server then closes it without a word."""

    with one_at_a_time(lambda number: OK) as target, closing_when_idle() as idle:
        assert drive(target, [0, 0.05], connections=1).errors == 0
        slice_ = drive(idle, [0, 0.8], connections=1)

    assert (len(slice_.latencies_ns), slice_.errors) == (2, 0)


@contextmanager
def closing_when_idle():
    """Serve connections, and close each 0.2 s after its answer."""

    def serve(connection):
        with closing(connection):
            connection.recv(65536)
            connection.sendall(OK)
            time.sleep(0.2)

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield Target("127.0.0.1", listener.getsockname()[1], (REQUEST,))
        listener.shutdown(socket.SHUT_RDWR)


def test_other_statuses_and_broken_connections_are_errors():
    def fail_twice(number):
        return {3: b"", 5: b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"}.get(number, OK)

    with one_at_a_time(fail_twice) as target:
        slice_ = drive(target, [n / 100 for n in range(10)], connections=2)

    assert slice_.errors == 2
    assert len(slice_.latencies_ns) == 8


def test_refusals_are_told_from_other_errors():
    def refuse_some(number):
        status = {3: b"429 Too Many Requests", 5: b"503 No", 7: b"429 Too Many Requests"}
        return OK.replace(b"200 OK", status.get(number, b"200 OK"))

    with one_at_a_time(refuse_some) as target:
        slice_ = drive(target, [n / 200 for n in range(10)], connections=1)

    assert (len(slice_.latencies_ns), slice_.errors, slice_.refused) == (7, 3, 2)


def test_what_is_never_answered_is_an_error():
    def never(number):
        time.sleep(5)
        return OK

    with one_at_a_time(never) as target:
        slice_ = drive(target, [0, 0.01], connections=1, patience_s=0.2)

    assert slice_.errors == 2
    assert len(slice_.latencies_ns) == 0


def test_connections_that_the_server_closes_are_opened_again():
    close = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    with one_at_a_time(lambda _: close) as target:
        slice_ = drive(target, [n / 100 for n in range(10)], connections=1)

    assert (len(slice_.latencies_ns), slice_.errors) == (10, 0)


def test_saturation_is_a_rate(constant):
    assert saturate(constant, seconds=1.0, connections=4) > 20


def test_a_server_with_a_short_queue_for_new_connections_delays_no_search():
    def is_prompt():
        with one_at_a_time(lambda _: OK, backlog=1) as target:
            slice_ = drive(target, [n / 200 for n in range(60)], connections=128)
        assert slice_.errors == 0
        return np.median(slice_.latencies_ns) < 50e6 and slice_.lags_ns.max() < 0.5e9

    assert any(is_prompt() for _ in range(3))  # the machine may be busy, too
