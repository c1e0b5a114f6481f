"""Bi-encoders: a text in, a unit vector out; texts' vectors are computed once and kept."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from qrmiddleware.students.bounded_cache import BoundedCache, content_key
from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.heads import Floats, unit
from qrmiddleware.students.manifest import Manifest
from qrmiddleware.students.opened import Counters, OpenedEncoder, StudentStatus, Tally, always
from qrmiddleware.students.settings import RuntimeSettings

GivenVector = Sequence[float] | None
"""Of a document's ``dense_vector`` field; ``None`` where it has none."""


class BiEncoder:
    """Makes unit vectors of texts; may be called from many threads at once.

    Args:
        encoder: Opened; this closes it.
        cache_bytes: Bound on the cache of vectors; one of 384 numbers takes about 1.7 kB.
    """

    def __init__(self, encoder: OpenedEncoder, *, cache_bytes: int) -> None:
        self._encoder = encoder
        self._cache = BoundedCache(cache_bytes)
        self._tally = Tally()
        dense = encoder.head.dense
        self._width = self.manifest.architecture.hidden if dense is None else len(dense.weight)

    @classmethod
    def open(cls, path: Path, settings: RuntimeSettings | None = None) -> Self:
        """Load a student's folder; without ``settings``, as `RuntimeSettings` has it.

        Raises:
            ConfigError: If the folder holds no bi-encoder, or one that cannot work.
        """
        settings = settings or RuntimeSettings()
        encoder = OpenedEncoder(read_student(path, expect={"bi_encoder"}), settings)
        return cls(encoder, cache_bytes=settings.cache_bytes)

    @property
    def manifest(self) -> Manifest:
        """What the folder says of itself."""
        return self._encoder.manifest

    @property
    def width(self) -> int:
        """Numbers of a vector, such as a ``dense_vector`` field's ``dims``."""
        return self._width

    @property
    def counters(self) -> Counters:
        """A snapshot; cheap. Queries count as texts."""
        return self._tally.counters

    def status(self) -> StudentStatus:
        """Tell where it computes, and what it did; cheap."""
        return self._encoder.status(self._tally.counters, self._cache.counts)

    def vectors(
        self, texts: Sequence[str], *, query: bool = False, wanted: Wanted = always
    ) -> Floats:
        """Return one vector of length 1 per text.

        Args:
            texts: Cut to the manifest's ``max_tokens``, with its prefix before each; may be
                empty, and repeat.
            query: They are queries, which are cut to ``max_query_tokens`` and have their own
                prefix.
            wanted: Asked while it waits; once it says ``False``, nothing more is computed.

        Returns:
            Shape (texts, width), in the order of ``texts``.

        Raises:
            ValueError: If the model or its head gives a number that is not finite.
            OverloadError: If too much waits already.
            concurrent.futures.CancelledError: If ``wanted`` said ``False``.
        """
        role = b"query:" if query else b"text:"
        keys = [role + content_key(text) for text in texts]
        by_key = dict(zip(keys, texts, strict=True))
        cached = zip(by_key, self._cache.get_many(list(by_key)), strict=True)
        known = {key: value for key, value in cached if value is not None}
        missing = {key: text for key, text in by_key.items() if key not in known}
        self._tally.add(Counters(asked=len(keys), cached=len(known)))
        if missing:
            known |= self._compute(missing, query=query, wanted=wanted)
        joined = b"".join(known[key] for key in keys)
        return np.frombuffer(joined, np.float32).reshape(-1, self._width).copy()

    def scores(
        self,
        query: str,
        texts: Sequence[str],
        *,
        vectors: Sequence[GivenVector] | None = None,
        wanted: Wanted = always,
    ) -> Floats:
        """Return the cosine of a query with each text.

        Args:
            query: As typed.
            texts: As `vectors` takes them.
            vectors: The texts' own, such as an index holds them, in their order and of any
                length; a text whose vector is ``None`` is computed. Without, all are.
            wanted: As `vectors` takes it.

        Returns:
            In the order of ``texts``, from -1 to 1; most models use the upper half only.

        Raises:
            ValueError: Also if ``vectors`` are not as many as texts, or one is not as wide as
                the student's, or holds what is no finite number.
        """
        asked = self.vectors([query], query=True, wanted=wanted)[0]
        if vectors is None:
            found = self.vectors(texts, wanted=wanted)
        else:
            found = self._complete(texts, vectors, wanted)
        return np.asarray(np.clip(found @ asked, -1, 1), np.float32)

    def close(self) -> None:
        """End its threads; calls that wait are cancelled."""
        self._encoder.close()

    def _compute(
        self, texts: dict[bytes, str], *, query: bool, wanted: Wanted
    ) -> dict[bytes, bytes]:
        rows = self._encoder.tokenizer.singles(list(texts.values()), query=query)
        made = unit(self._encoder.compute(rows, wanted=wanted, query=query))
        known = {key: vector.tobytes() for key, vector in zip(texts, made, strict=True)}
        self._cache.put_many(known.items())
        self._tally.add(Counters(scored=len(known), cut=rows.cut))
        return known

    def _complete(
        self, texts: Sequence[str], given: Sequence[GivenVector], wanted: Wanted
    ) -> Floats:
        if len(given) != len(texts):
            message = f"{len(texts)} texts come with {len(given)} vectors: one each, or None"
            raise ValueError(message)
        found = np.empty((len(texts), self._width), np.float32)
        for number, vector in enumerate(given):
            if vector is not None:
                found[number] = self._check(number, vector)
        absent = [number for number, vector in enumerate(given) if vector is None]
        found[absent] = self.vectors([texts[number] for number in absent], wanted=wanted)
        return unit(found)

    def _check(self, number: int, vector: Sequence[float]) -> Floats:
        try:
            with np.errstate(over="ignore"):
                checked = np.asarray(vector, np.float32)
        except (TypeError, ValueError) as error:
            message = f"vector {number} is no list of numbers: {error}"
            raise ValueError(message) from error
        if checked.shape != (self._width,):
            message = (
                f"vector {number} has shape {checked.shape}, where student {self.manifest.name!r} "
                f"makes ({self._width},): fill the field with this student's vectors"
            )
            raise ValueError(message)
        if not np.isfinite(checked).all():
            message = f"vector {number} holds numbers that are not finite"
            raise ValueError(message)
        return checked
