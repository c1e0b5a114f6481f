"""Rows of several searches wait here, and leave in shared batches."""

from bisect import insort
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from operator import attrgetter
from threading import Condition

import numpy as np
import numpy.typing as npt

from qrmiddleware.errors import OverloadError
from qrmiddleware.students.batches import Row, cut

Vectors = npt.NDArray[np.float32]
Wanted = Callable[[], bool]
"""Asked from other threads whether a caller still waits; must be quick."""

_PARTS_PER_WORKER = 2
_LEAST_TOKENS = 32
"""Of a part, where a call is spread over idle workers: handing less over costs what it saves."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What a queue has seen since its start, and what waits now.

    Attributes:
        rows: Computed.
        batches: Computed.
        merged: Batches among them that held rows of more than one call.
        refused: Calls turned away because too many rows waited.
        cancelled: Calls given up by their callers, or by closing, before all rows were computed.
        failed: Calls that ended with an error.
        waiting: Rows that no worker has taken yet.
    """

    rows: int = 0
    batches: int = 0
    merged: int = 0
    refused: int = 0
    cancelled: int = 0
    failed: int = 0
    waiting: int = 0


@dataclass(slots=True, eq=False)
class Call:
    """One caller's rows, and where their vectors are collected."""

    rows: Sequence[Row]
    wanted: Wanted
    future: Future[Vectors] = field(default_factory=Future)
    vectors: Vectors | None = None
    parts_left: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one call that are computed in one batch.

    Attributes:
        call: Whose rows.
        places: Their numbers in the call.
        longest: Tokens of the longest of them.
        due: Parts leave in this order.
    """

    call: Call
    places: tuple[int, ...]
    longest: int
    due: int

    @property
    def size(self) -> int:
        """Count tokens, padding included."""
        return len(self.places) * self.longest

    @property
    def rows(self) -> list[Row]:
        """What is to be computed."""
        return [self.call.rows[place] for place in self.places]


class Queue:
    """Hands rows to workers in batches.

    A call that finds idle workers is spread over all of them at once. Calls that find none wait,
    and share batches when a worker gets free: no clock, and nobody waits for company.

    A call's turn depends on its size: it is overtaken by later calls only until they have had as
    many tokens as it has itself. So a search does not wait for a long job, and the job is done.
    """

    def __init__(self, *, workers: int, batch_tokens: int, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self.resize(workers=workers, batch_tokens=batch_tokens)
        self._changed = Condition()
        self._parts: list[Part] = []
        self._tokens_taken = 0
        self._rows_waiting = 0
        self._closed = False
        self._counts: Counter[str] = Counter()

    def resize(self, *, workers: int, batch_tokens: int) -> None:
        """Reckon with so many workers, and batches of so many tokens, from now on."""
        self._workers, self._batch_tokens = workers, batch_tokens

    def submit(self, rows: Sequence[Row], wanted: Wanted) -> "Future[Vectors]":
        """Line rows up; there must be one at least.

        Raises:
            OverloadError: If others' rows wait, and more than the limit would.
            RuntimeError: If the queue is closed.
        """
        call = Call(rows, wanted)
        lengths = [len(row.ids) for row in rows]
        parts = min(_PARTS_PER_WORKER * self._workers, 1 + sum(lengths) // _LEAST_TOKENS)
        batches = cut(lengths, budget=self._batch_tokens, parts=parts)
        call.parts_left = len(batches)
        with self._changed:
            self._admit(len(rows))
            due = self._tokens_taken + sum(lengths)
            for batch in batches:
                part = Part(call, tuple(batch), lengths[batch[0]], due)
                insort(self._parts, part, key=attrgetter("due"))
            self._rows_waiting += len(rows)
            self._changed.notify(len(batches))
        return call.future

    def take(self) -> list[Part] | None:
        """Wait for rows, and take what makes one batch; ``None`` once the queue is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._parts or self._closed)
                if self._closed:
                    return None
                calls = {part.call for part in self._parts}
            self._drop_unwanted(calls)
            with self._changed:
                if taken := self._next_batch():
                    return taken

    def finish(self, part: Part, vectors: Vectors) -> None:
        """Hand in the vectors of a part; the caller goes on after its last one."""
        with self._changed:
            call = part.call
            if call.vectors is None:
                call.vectors = np.empty((len(call.rows), vectors.shape[1]), dtype=np.float32)
            call.vectors[list(part.places)] = vectors
            call.parts_left -= 1
            self._counts["rows"] += len(part.places)
            if not call.parts_left and not call.future.done():
                call.future.set_result(call.vectors)

    def fail(self, call: Call, error: Exception) -> None:
        """End a call with an error; what waits of it is not computed."""
        with self._changed:
            self._remove([call])
            if not call.future.done():
                call.future.set_exception(error)
                self._counts["failed"] += 1

    def close(self) -> None:
        """Cancel what waits, and let the workers end; what they compute is finished."""
        with self._changed:
            self._closed = True
            self._cancel({part.call for part in self._parts})
            self._changed.notify_all()

    def counts(self) -> Counts:
        """Count."""
        with self._changed:
            return Counts(**self._counts, waiting=self._rows_waiting)

    def _admit(self, rows: int) -> None:
        """Raise unless there is room; a call that finds nobody waiting is never too large."""
        if self._closed:
            message = "the student is closed"
            raise RuntimeError(message)
        if self._parts and self._rows_waiting + rows > self._max_waiting:
            self._counts["refused"] += 1
            message = (
                f"{self._rows_waiting} rows wait for the student, and {rows} more would exceed "
                f"max_waiting = {self._max_waiting}"
            )
            raise OverloadError(message)

    def _drop_unwanted(self, calls: Iterable[Call]) -> None:
        """Ask without the lock, since what callers do there is theirs."""
        for call in calls:
            try:
                wanted = call.wanted()
            except Exception as error:  # noqa: BLE001 - any error is the caller's own
                self.fail(call, error)
                continue
            if not wanted:
                with self._changed:
                    self._cancel([call])

    def _next_batch(self) -> list[Part]:
        """Take parts in turn: a fair share of what waits, and never more than one batch."""
        share = -(-sum(part.size for part in self._parts) // self._workers)
        count = _fitting(self._parts, min(share, self._batch_tokens))
        taken, self._parts = self._parts[:count], self._parts[count:]
        if taken:
            self._tokens_taken += sum(len(row.ids) for part in taken for row in part.rows)
            self._rows_waiting -= sum(len(part.places) for part in taken)
            self._counts["batches"] += 1
            self._counts["merged"] += len({part.call for part in taken}) > 1
        return taken

    def _cancel(self, calls: Iterable[Call]) -> None:
        for call in calls:
            self._remove([call])
            if not call.future.done():
                call.future.cancel()
                self._counts["cancelled"] += 1

    def _remove(self, calls: Iterable[Call]) -> None:
        gone = set(calls)
        self._rows_waiting -= sum(len(part.places) for part in self._parts if part.call in gone)
        self._parts = [part for part in self._parts if part.call not in gone]


def _fitting(parts: Sequence[Part], most: int) -> int:
    """Tell how many parts, one at least, fit into a batch of so many tokens with padding."""
    rows = longest = 0
    for count, part in enumerate(parts):
        rows, longest = rows + len(part.places), max(longest, part.longest)
        if count and rows * longest > most:
            return count
    return len(parts)
