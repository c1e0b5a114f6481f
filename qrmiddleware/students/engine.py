"""Encoders for many searches at once: one queue, a few threads, shared batches."""

import json
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock, Thread, current_thread

import numpy as np

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.batches import Row, check_rows
from qrmiddleware.students.devices import (
    Place,
    choose_place,
    explain_gpu_failure,
    is_gpu_failure,
    load_ctranslate2,
    on_cpu,
    warn_of_cpu,
)
from qrmiddleware.students.encoder import Encoder
from qrmiddleware.students.manifest import Pooling
from qrmiddleware.students.queueing import Counts, Part, Queue, Vectors, Wanted
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.students.team import Team, choose_team, count_cores, teams

__all__ = ["EncoderEngine", "Row", "Status", "Vectors", "Wanted"]


@dataclass(frozen=True, slots=True)
class Status:
    """An engine at one moment.

    Attributes:
        place: Where it computes now.
        team: With how many threads, for each GPU or on the CPU.
        gpu_failures: How often it had to leave a GPU, at start or later.
        counts: What its queue has seen.
    """

    place: Place
    team: Team
    gpu_failures: int
    counts: Counts


class EncoderEngine:
    """Turns rows of token ids into vectors, for callers in any number of threads.

    Rows of one call are spread over all idle workers at once; calls that come while all work
    share batches. The model is loaded once, and its first row computed, before this is made.
    """

    def __init__(
        self, folder: Path, pooling: Pooling, settings: RuntimeSettings, *, name: str = ""
    ) -> None:
        """Load the model.

        Args:
            folder: Of CTranslate2.
            pooling: What becomes of a row's token vectors.
            settings: Device, threads and bounds.
            name: Of the student, for error messages; the folder's without.

        Raises:
            ConfigError: If there is no such model, or it can not do what is set.
        """
        self._name = name or str(folder)
        self._vocabulary = _count_vocabulary(folder)
        self._crew = _Crew(self._name, folder, pooling, settings)
        self._end = weakref.finalize(self, self._crew.end)

    @property
    def hidden(self) -> int:
        """Width of the vectors."""
        return self._crew.encoder.hidden

    def vectors(self, rows: Sequence[Row], *, wanted: Wanted = lambda: True) -> Vectors:
        """Compute one vector a row.

        Args:
            rows: Any number.
            wanted: Asked, from other threads, before rows are computed; a call that is not
                wanted any more ends at the next batch.

        Returns:
            Shape (rows, hidden), in the order of ``rows``.

        Raises:
            ValueError: If a row can not be read, or the model's numbers are not finite for one.
            OverloadError: If too many rows wait already.
            concurrent.futures.CancelledError: If ``wanted`` said no, or the engine was closed.
            RuntimeError: If CTranslate2 fails, or the engine is closed already.
        """
        check_rows(rows, vocabulary=self._vocabulary)
        if not rows:
            return np.empty((0, self.hidden), dtype=np.float32)
        return self._crew.queue.submit(rows, wanted).result()

    def status(self) -> Status:
        """Tell where it computes, and count what it did."""
        encoder = self._crew.encoder
        counts = self._crew.queue.counts()
        return Status(encoder.place, encoder.team, self._crew.gpu_failures, counts)

    def close(self) -> None:
        """Cancel what waits, finish what is being computed, and end the threads."""
        self._end()


class _Crew:
    """The threads that compute, and what they compute with."""

    def __init__(
        self, name: str, folder: Path, pooling: Pooling, settings: RuntimeSettings
    ) -> None:
        self._name, self._settings = name, settings
        self._ctranslate2 = load_ctranslate2()
        self._load = partial(Encoder, self._ctranslate2, folder, pooling)
        self._moving = Lock()
        self.gpu_failures = 0
        self.encoder = self._open()
        self.queue = Queue(**self._sizes(), max_waiting=settings.max_waiting)
        self._threads: list[Thread] = []
        self._start_threads()

    def end(self) -> None:
        """Close the queue, and wait for the threads; each computes one more batch at most.

        The garbage collector may call this in one of these threads, which then waits for none.
        """
        self.queue.close()
        if current_thread() not in self._threads:
            for thread in self._threads:
                thread.join()

    def _sizes(self) -> dict[str, int]:
        """Tell what the queue must know of who computes."""
        place, team = self.encoder.place, self.encoder.team
        batch_tokens = self._settings.batch_tokens or place.batch_tokens
        return {"workers": team.workers * len(place.indexes), "batch_tokens": batch_tokens}

    def _open(self) -> Encoder:
        place = choose_place(self._settings, self._ctranslate2)
        if place.device == "cuda":
            try:
                return self._load(place, Team(self._settings.inter_threads or 1, 1))
            except RuntimeError as error:
                self.gpu_failures += 1
                warn_of_cpu(explain_gpu_failure(error))
        return self._open_on_cpu()

    def _open_on_cpu(self) -> Encoder:
        place = on_cpu(self._settings, self._ctranslate2)
        candidates = teams(self._settings, count_cores())
        try:
            return choose_team(candidates, partial(self._load, place))
        except (RuntimeError, ValueError) as error:
            message = f"student {self._name}: CTranslate2 can not read its model: {error}"
            raise ConfigError(message) from error

    def _start_threads(self) -> None:
        """Have as many threads as batches can be computed at once."""
        for _ in range(self._sizes()["workers"] - len(self._threads)):
            thread = Thread(target=self._work, name=f"student {self._name}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (parts := self.queue.take()) is not None:
            self._compute(parts)

    def _compute(self, parts: Sequence[Part]) -> None:
        """Compute one batch; whatever happens is told to the callers."""
        encoder = self.encoder
        try:
            vectors = encoder.vectors([row for part in parts for row in part.rows])
            start = 0
            for part in parts:
                self._hand_in(part, vectors[start : start + len(part.places)])
                start += len(part.places)
        except Exception as error:  # noqa: BLE001 - a thread outlives what it computes
            self._recover(parts, encoder, error)

    def _hand_in(self, part: Part, vectors: Vectors) -> None:
        broken = int((~np.isfinite(vectors).all(axis=1)).sum())
        if not broken:
            self.queue.finish(part, vectors)
            return
        message = (
            f"student {self._name}: {broken} of {len(vectors)} vectors are not finite numbers; "
            f"its weights are broken, or too large for {self.encoder.place.compute_type}"
        )
        self.queue.fail(part.call, ValueError(message))

    def _recover(self, parts: Sequence[Part], encoder: Encoder, error: Exception) -> None:
        """Leave a GPU that failed; else find out which of several calls is to blame."""
        if encoder.place.device == "cuda" and is_gpu_failure(error):
            reason = explain_gpu_failure(error)
            message = f"the GPU failed ({reason}); {self._leave_gpu(encoder, reason)}"
        elif len(parts) > 1:
            for part in parts:
                self._compute([part])
            return
        else:
            message = str(error)
        for part in parts:
            told = RuntimeError(f"student {self._name}: {message}")
            told.__cause__ = error
            self.queue.fail(part.call, told)

    def _leave_gpu(self, encoder: Encoder, reason: str) -> str:
        """Go on on the CPU, once; says how that went."""
        with self._moving:
            if self.encoder is encoder:
                try:
                    self.encoder = self._open_on_cpu()
                except Exception as error:  # noqa: BLE001 - a thread outlives what it computes
                    return f"nor does the CPU work: {error}"
                self.gpu_failures += 1
                warn_of_cpu(reason)
                self.queue.resize(**self._sizes())
                self._start_threads()
        return "it computes on the CPU from now on"


def _count_vocabulary(folder: Path) -> int:
    """Count the tokens that the model knows."""
    path = folder / "vocabulary.json"
    try:
        return len(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        message = f"{path} is no list of tokens as CTranslate2 writes it: {error}"
        raise ConfigError(message) from error
