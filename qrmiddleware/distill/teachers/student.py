"""A student as the teacher of another: its folder is read without torch."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Protocol, cast

from qrmiddleware.distill.labels import (
    Label,
    LabellingError,
    Pair,
    expected_gain,
    label_for,
)
from qrmiddleware.distill.teachers.classifier import sigmoid
from qrmiddleware.students.manifest import Calibration, Manifest

_ROWS = 500


class Scorer(Protocol):
    """What a cross-encoder can be asked; ``students.cross_encoder.CrossEncoder`` is one."""

    @property
    def manifest(self) -> Manifest:
        """What it is."""

    def logits(self, query: str, texts: Sequence[str]) -> Any:  # noqa: ANN401 an array
        """Return the logits of texts, shape (texts,) or (texts, labels)."""

    def probabilities(self, query: str, texts: Sequence[str]) -> Any:  # noqa: ANN401 an array
        """Return the probabilities of classes, shape (texts, labels)."""


class Comparer(Protocol):
    """What a bi-encoder can be asked; ``students.bi_encoder.BiEncoder`` is one."""

    @property
    def manifest(self) -> Manifest:
        """What it is."""

    def scores(self, query: str, texts: Sequence[str]) -> Any:  # noqa: ANN401 an array
        """Return the cosines of a query with texts, shape (texts,)."""


class StudentTeacher:
    """Labels with a student that is open; whoever opened it closes it.

    A bi-encoder's cosine is the logit of its labels, so that margins compare cosines; its target
    is the cosine where that is above 0.

    Args:
        student: A cross-encoder or a bi-encoder.
        fingerprint: Hash of its folder (``students.folder.student_hash``).
    """

    def __init__(self, student: Scorer | Comparer, fingerprint: str) -> None:
        self._student = student
        manifest = student.manifest
        told = sha256(f"{fingerprint} {manifest.gains} {manifest.calibration}".encode())
        self._name = f"student:{manifest.name}:{told.hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """The student's name, and a hash of its folder."""
        return self._name

    def label(self, pairs: Sequence[Pair]) -> Iterator[Label]:
        """Label pairs, one query after the other.

        Raises:
            LabellingError: If the student gives what is no number.
        """
        by_query: dict[str, list[Pair]] = {}
        for pair in pairs:
            by_query.setdefault(pair.query, []).append(pair)
        for query, group in by_query.items():
            for start in range(0, len(group), _ROWS):
                yield from self._label(query, group[start : start + _ROWS])

    def _label(self, query: str, pairs: Sequence[Pair]) -> Iterator[Label]:
        try:
            rows = self._ask(query, [pair.text for pair in pairs])
        except ValueError as error:
            message = f"student {self._student.manifest.name}, query {query!r}: {error}"
            raise LabellingError(message) from error
        tell = self._classed if self._student.manifest.labels else self._single
        for pair, row in zip(pairs, rows, strict=True):
            yield tell(pair, row)

    def _ask(self, query: str, texts: Sequence[str]) -> list[Any]:
        student = self._student
        if student.manifest.kind == "bi_encoder":
            found: list[Any] = cast("Comparer", student).scores(query, texts).tolist()
        elif student.manifest.labels:
            found = cast("Scorer", student).probabilities(query, texts).tolist()
        else:
            found = cast("Scorer", student).logits(query, texts).reshape(-1).tolist()
        return found

    def _classed(self, pair: Pair, row: Sequence[float]) -> Label:
        manifest = self._student.manifest
        total = math.fsum(row)
        shares = {name: share / total for name, share in zip(manifest.labels, row, strict=True)}
        gains = dict(zip(manifest.labels, manifest.gains, strict=True))
        label = label_for(pair, self._name, expected_gain(shares, gains))
        return replace(
            label, probabilities=shares, grade=max(shares, key=lambda each: shares[each])
        )

    def _single(self, pair: Pair, logit: float) -> Label:
        manifest = self._student.manifest
        if manifest.kind == "bi_encoder":
            target = min(1.0, max(0.0, logit))
            return replace(label_for(pair, self._name, target), logit=logit)
        told = manifest.calibration or Calibration()
        target = sigmoid(told.slope * logit + told.intercept)
        return replace(label_for(pair, self._name, target), logit=logit)
