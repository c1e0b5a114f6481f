import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from qrmiddleware.errors import OverloadError
from qrmiddleware.students.generator.gate import Gate

PATIENCE_S = 10


def always():
    return True


def test_no_more_calls_compute_at_once_than_there_are_slots():
    gate, lock, inside, most = Gate(2, waiting_rows=100), threading.Lock(), [], []

    def call(number):
        with gate.turn(always):
            with lock:
                inside.append(number)
                most.append(len(inside))
            threading.Event().wait(0.005)
            with lock:
                inside.remove(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(16)))

    assert max(most) == 2


def test_rows_beyond_the_limit_are_refused():
    gate, waiting = Gate(1, waiting_rows=5), threading.Event()

    def wait():
        with gate.turn(lambda: waiting.set() or True, rows=4):
            pass

    with gate.turn(always):
        other = threading.Thread(target=wait)
        other.start()
        assert waiting.wait(PATIENCE_S)
        with pytest.raises(OverloadError, match="4 rows wait for the generator, and 2 more"):
            gate.turn(always, rows=2).__enter__()
    other.join(PATIENCE_S)

    with gate.turn(always, rows=50):
        assert not other.is_alive()


def test_a_call_that_is_given_up_stops_waiting():
    gate = Gate(1, waiting_rows=1)

    with gate.turn(always), pytest.raises(CancelledError):
        gate.turn(lambda: False).__enter__()

    with gate.turn(always):
        pass


def test_a_call_that_is_given_up_does_not_begin():
    gate = Gate(1, waiting_rows=1)

    with pytest.raises(CancelledError):
        gate.turn(lambda: False).__enter__()

    with gate.turn(always):
        pass


def test_an_error_frees_the_slot():
    gate = Gate(1, waiting_rows=1)

    with pytest.raises(ZeroDivisionError), gate.turn(always):
        raise ZeroDivisionError

    with gate.turn(always):
        pass
