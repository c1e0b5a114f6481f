import socket
import threading
import time
from contextlib import closing, contextmanager

import pytest

from qrmiddleware_benchmarks.load import Target, drive, saturate

REQUEST = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


@contextmanager
def one_at_a_time(answer):
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

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield Target("127.0.0.1", listener.getsockname()[1], (REQUEST,))
        listener.shutdown(socket.SHUT_RDWR)


def test_every_search_is_sent_and_timed(constant):
    slice_ = drive(constant, [n / 200 for n in range(40)], connections=4)

    assert len(slice_.latencies_ns) == len(slice_.lags_ns) == 40
    assert slice_.errors == 0
    assert slice_.seconds == pytest.approx(39 / 200, abs=0.1)
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
    assert waited_ms[-1] == pytest.approx(300, abs=60)


def test_other_statuses_and_broken_connections_are_errors():
    def fail_twice(number):
        return {3: b"", 5: b"HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n"}.get(number, OK)

    with one_at_a_time(fail_twice) as target:
        slice_ = drive(target, [n / 100 for n in range(10)], connections=2)

    assert slice_.errors == 2
    assert len(slice_.latencies_ns) == 8


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
    assert saturate(constant, seconds=0.2, connections=4) > 100
