"""Let so many calls compute at once, so many wait, and refuse the rest."""

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Final

from qrmiddleware.errors import OverloadError
from qrmiddleware.students.engine import Wanted

_LOOK_S: Final = 0.005
"""How often a waiting call looks whether it is still wanted."""


class Gate:
    """Bounds the calls that compute at once, and the rows that wait for their turn.

    Args:
        slots: Calls that compute at once.
        waiting_rows: Rows of all calls that wait; one that finds none waiting may be larger.
    """

    def __init__(self, slots: int, *, waiting_rows: int) -> None:
        self._slots = threading.Semaphore(slots)
        self._limit = waiting_rows
        self._waiting = 0
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, wanted: Wanted, *, rows: int = 1) -> Iterator[None]:
        """Wait for a turn, and hold it for the block.

        Raises:
            OverloadError: If too many rows wait already.
            CancelledError: If the call is no longer wanted before its turn comes.
        """
        if not self._slots.acquire(blocking=False):
            self._wait(wanted, rows)
        try:
            if not wanted():
                raise CancelledError
            yield
        finally:
            self._slots.release()

    def _wait(self, wanted: Wanted, rows: int) -> None:
        with self._lock:
            if self._waiting and self._waiting + rows > self._limit:
                problem = (
                    f"{self._waiting} rows wait for the generator, and {rows} more would exceed "
                    f"max_waiting = {self._limit}"
                )
                raise OverloadError(problem)
            self._waiting += rows
        try:
            while not self._slots.acquire(timeout=_LOOK_S):
                if not wanted():
                    raise CancelledError
        finally:
            with self._lock:
                self._waiting -= rows
