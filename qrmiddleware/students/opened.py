"""What cross- and bi-encoders share: a folder's tokenizer, encoder and head, and counters."""

import threading
from dataclasses import dataclass, fields

import numpy as np

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.batches import Row
from qrmiddleware.students.bounded_cache import CacheCounts
from qrmiddleware.students.engine import EncoderEngine, Wanted
from qrmiddleware.students.folder import StudentFolder, student_hash
from qrmiddleware.students.heads import Floats, Head
from qrmiddleware.students.manifest import Kind
from qrmiddleware.students.queueing import Counts
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.students.tokens import PairTokenizer, Rows


def always() -> bool:
    """Say that an answer is still wanted."""
    return True


@dataclass(frozen=True, slots=True)
class Counters:
    """What a student was asked since it was opened, in texts.

    Attributes:
        asked: All, repeats within a call included.
        cached: Answered from the cache.
        scored: Computed; what is neither cached nor computed repeats another of its call.
        cut: Of those computed, longer than the student reads.
        explained: Computed once more, for verdicts on their aspects.
    """

    asked: int = 0
    cached: int = 0
    scored: int = 0
    cut: int = 0
    explained: int = 0

    def __add__(self, more: "Counters") -> "Counters":
        sums = (getattr(self, each.name) + getattr(more, each.name) for each in fields(self))
        return Counters(*sums)


class Tally:
    """Counts from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counters = Counters()

    @property
    def counters(self) -> Counters:
        """A snapshot."""
        return self._counters

    def add(self, more: Counters) -> None:
        """Count a call."""
        with self._lock:
            self._counters += more


@dataclass(frozen=True, slots=True)
class StudentStatus:
    """A student at one moment, for operators.

    Attributes:
        name: As its manifest has it.
        kind: Likewise.
        parameters: Likewise.
        device: Where it computes, and in which precision.
        workers: Batches that are computed at the same time, on each GPU or on the CPU.
        threads: CPU threads that compute one batch together.
        gpu_failures: How often it had to leave a GPU, at the start or later.
        texts: What it was asked.
        cache: Of scores or vectors.
        queue: What its queue has seen.
    """

    name: str
    kind: Kind
    parameters: int
    device: str
    workers: int
    threads: int
    gpu_failures: int
    texts: Counters
    cache: CacheCounts
    queue: Counts


class OpenedEncoder:
    """An encoder with its tokenizer and head, ready to compute.

    Args:
        folder: Of a cross-encoder or bi-encoder, checked.
        settings: Device, threads, bounds.

    Raises:
        ConfigError: If its parts cannot be loaded or do not fit each other, or it cannot read as
            many tokens as its manifest promises. A row of that length is computed to find out.
    """

    def __init__(self, folder: StudentFolder, settings: RuntimeSettings) -> None:
        self.manifest = folder.manifest
        self.hash = student_hash(folder)
        self.tokenizer = PairTokenizer(
            folder.tokenizer_file, self.manifest.inputs, cache_bytes=settings.cache_bytes
        )
        _check_vocabulary(folder, self.tokenizer.vocabulary)
        file = folder.head_file
        self.head = Head() if file is None else Head.read(file, self.manifest)
        self._engine = _open_engine(folder, settings)
        try:
            self._try_longest_row()
        except Exception:
            self._engine.close()
            raise

    def compute(self, rows: Rows, *, wanted: Wanted, query: bool = False) -> Floats:
        """Return what the head makes of rows, shape (rows, outputs).

        Args:
            rows: Tokenised.
            wanted: As the engine takes it.
            query: They are queries for a bi-encoder.

        Raises:
            ValueError: If a number is not finite.
            OverloadError: If too much waits already.
            concurrent.futures.CancelledError: If the answer is not wanted any more.
        """
        vectors = self._engine.vectors(rows.rows, wanted=wanted)
        return self._finite(self.head(vectors, query=query))

    def verdicts(self, rows: Rows, *, wanted: Wanted) -> Floats:
        """Return what the aspects' layer makes of rows, shape (rows, aspects x verdicts).

        Arguments and errors are those of `compute`.
        """
        return self._finite(self.head.verdicts(self._engine.vectors(rows.rows, wanted=wanted)))

    def _finite(self, answers: Floats) -> Floats:
        broken = int((~np.isfinite(answers).all(axis=1)).sum())
        if broken:
            message = (
                f"student {self.manifest.name!r}: its head gives numbers that are not finite for "
                f"{broken} of {len(answers)} texts; its weights are broken"
            )
            raise ValueError(message)
        return answers

    def status(self, texts: Counters, cache: CacheCounts) -> StudentStatus:
        """Tell how it does; what it was asked, and what is remembered, its user knows."""
        manifest, engine = self.manifest, self._engine.status()
        return StudentStatus(
            name=manifest.name,
            kind=manifest.kind,
            parameters=manifest.architecture.parameters,
            device=str(engine.place),
            workers=engine.team.workers,
            threads=engine.team.threads,
            gpu_failures=engine.gpu_failures,
            texts=texts,
            cache=cache,
            queue=engine.counts,
        )

    def close(self) -> None:
        """End the engine's threads; what waits is cancelled."""
        self._engine.close()

    def _try_longest_row(self) -> None:
        hidden, length = self.manifest.architecture.hidden, self.manifest.inputs.max_tokens
        if self._engine.hidden != hidden:
            problem = (
                f"student {self.manifest.name!r}: its model makes vectors of {self._engine.hidden} "
                f"numbers, where architecture.hidden is {hidden}: make it anew (qrm models export)"
            )
            raise ConfigError(problem)
        row = Row((0,) * length, (0,) * length)
        try:
            self.compute(Rows([row], 0), wanted=always)
        except (RuntimeError, ValueError) as error:
            problem = (
                f"student {self.manifest.name!r}: cannot compute a row of inputs.max_tokens = "
                f"{length} tokens: {error}"
            )
            raise ConfigError(problem) from error


def _open_engine(folder: StudentFolder, settings: RuntimeSettings) -> EncoderEngine:
    pooling = folder.manifest.architecture.pooling
    assert pooling is not None, "the manifest checks it"  # noqa: S101 - for mypy
    return EncoderEngine(folder.model_folder, pooling, settings, name=folder.manifest.name)


def _check_vocabulary(folder: StudentFolder, found: int) -> None:
    known = folder.manifest.architecture.vocabulary
    if found > known:
        problem = (
            f"{folder.tokenizer_file} makes token ids up to {found - 1}, and the model knows those "
            f"below {known}: they are not of one student; make it anew (qrm models export)"
        )
        raise ConfigError(problem)
