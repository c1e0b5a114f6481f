"""What one student, or two of them, make of a window of hits."""

import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from qrmiddleware.errors import ConfigError
from qrmiddleware.model import Hit
from qrmiddleware.students.bi_encoder import BiEncoder, GivenVector
from qrmiddleware.students.cascade import Cascade, Scorer
from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.heads import Floats
from qrmiddleware.students.manifest import Kind, Manifest
from qrmiddleware.students.opened import always
from qrmiddleware.students.opening import Student
from qrmiddleware.students.reasons import reasons_of
from qrmiddleware.students.scoring_options import ScoringOptions
from qrmiddleware.students.sharing import borrow_student
from qrmiddleware.students.texts import text_of, value_at


@dataclass(frozen=True, slots=True)
class Opinion:
    """On one hit.

    Attributes:
        score: Higher is better.
        firm: Whether it is the deciding student's own: in a cascade it is not, of hits that only
            the first student looked at.
    """

    score: float
    firm: bool


@dataclass(frozen=True, slots=True)
class Scoring:
    """Scores the hits of a window.

    Attributes:
        model: The student that decides.
        fields: Of a hit, whose values are its text.
        first: Looks at all hits before, if there is one; ``model`` then sees the best only.
        keep: How many of them.
        vector_field: Field with a hit's vector, for the bi-encoder.
    """

    model: CrossEncoder | BiEncoder
    fields: tuple[str, ...]
    first: CrossEncoder | BiEncoder | None = None
    keep: int = 25
    vector_field: str | None = None

    def judge(
        self, query: str, hits: Sequence[Hit], *, wanted: Wanted, logits: bool = False
    ) -> list[Opinion | None]:
        """Score hits for a query.

        Args:
            query: As typed.
            hits: Any number.
            wanted: Whether the answer is still waited for; asked from any thread.
            logits: Return the model's logits instead of its scores; it must have a single one.

        Returns:
            In the order of ``hits``; ``None`` for those without text.

        Raises:
            ValueError: If a student gives what is no finite number, or a hit's vector cannot be
                the student's.
            OverloadError: If too much waits for a student.
            concurrent.futures.CancelledError: If the answer is not wanted any more.
        """
        opinions: list[Opinion | None] = [None] * len(hits)
        texts = [text_of(hit.source, self.fields) for hit in hits]
        vectors = [self._vector_of(hit) for hit in hits]
        known = [
            place for place in range(len(hits)) if self._readable(texts[place], vectors[place])
        ]
        if not known:
            self._warn_of_missing_fields(hits)
            return opinions
        found = self._score(
            query,
            [texts[place] for place in known],
            [vectors[place] for place in known],
            wanted=wanted,
            logits=logits,
        )
        for place, opinion in zip(known, found, strict=True):
            opinions[place] = opinion
        return opinions

    def explain(
        self, query: str, hits: Sequence[Hit], *, wanted: Wanted
    ) -> list[dict[str, object] | None]:
        """Say why hits score as they do; arguments and errors are those of `judge`.

        Returns:
            In the order of ``hits``, what JSON can hold; ``None`` for those without text. It is
            a score, and of a cross-encoder what `qrmiddleware.students.reasons` says besides; of
            hits that only a cascade's first student looked at, that this is so.
        """
        opinions = self.judge(query, hits, wanted=wanted)
        explained = [None if opinion is None else _shown(opinion) for opinion in opinions]
        firm = [place for place, each in enumerate(opinions) if each is not None and each.firm]
        if firm and isinstance(self.model, CrossEncoder):
            texts = [text_of(hits[place].source, self.fields) for place in firm]
            reasons = reasons_of(self.model, query, texts, wanted=wanted)
            for place, each in zip(firm, reasons, strict=True):
                explained[place] = each.shown()
        return explained

    def status(self) -> dict[str, object]:
        """Tell how each student does; see `qrmiddleware.students.opened.StudentStatus`."""
        students = {"model": self.model, "first": self.first}
        return {name: asdict(each.status()) for name, each in students.items() if each is not None}

    def _score(
        self,
        query: str,
        texts: Sequence[str],
        vectors: Sequence[GivenVector],
        *,
        wanted: Wanted,
        logits: bool,
    ) -> list[Opinion]:
        decides = _scorer(self.model, vectors, logits=logits)
        if self.first is None:
            scores = decides.scores(query, texts, wanted=wanted)
            return [Opinion(score, firm=True) for score in scores.tolist()]
        cascade = Cascade(_scorer(self.first, vectors), decides, self.keep)
        judged = cascade.judge(query, texts, wanted=wanted)
        return list(map(Opinion, judged.scores.tolist(), judged.by_second.tolist()))

    def _vector_of(self, hit: Hit) -> GivenVector:
        vector: GivenVector = None
        if self.vector_field is not None:
            vector = value_at(hit.source, self.vector_field)
        return vector

    def _readable(self, text: str, vector: GivenVector) -> bool:
        return bool(text) or (vector is not None and isinstance(self.model, BiEncoder))

    def _warn_of_missing_fields(self, hits: Sequence[Hit]) -> None:
        if any(hit.source for hit in hits):
            names = ", ".join(self.fields)
            message = (
                f"{self.model.manifest.name}: no hit of a search has a text in {names}, so none "
                "was scored; do the documents have these fields, and does the pipeline's `fields` "
                "name them?"
            )
            warnings.warn(message, stacklevel=2)


def _shown(opinion: Opinion) -> dict[str, object]:
    shown: dict[str, object] = {"score": round(opinion.score, 4)}
    return shown if opinion.firm else {**shown, "seen_by": "first"}


def open_scoring(options: ScoringOptions, loans: ExitStack) -> Scoring:
    """Open one student or two.

    Args:
        options: Which, and how they are used.
        loans: Closing it lets go of them.

    Raises:
        ConfigError: If a student is missing, damaged, or of a kind that cannot do what is set.
    """
    first: Student | None = None
    if options.first is None:
        model = _borrow(options.model, options, loans, "cross_encoder", "bi_encoder")
    else:
        model = _borrow(options.model, options, loans, "cross_encoder")
        first = _borrow(options.first, options, loans, "cross_encoder", "bi_encoder")
        _check_fields(options, model.manifest, first.manifest)
    _check_vectors(options, [student.manifest for student in (model, first) if student])
    return Scoring(
        model,
        options.fields or model.manifest.inputs.fields,
        first,
        options.keep,
        options.vector_field,
    )


def _borrow(path: Path, options: ScoringOptions, loans: ExitStack, *kinds: Kind) -> Student:
    loan = borrow_student(path, options.runtime, expect=kinds)
    loans.callback(loan.close)
    return loan.thing


def _check_fields(options: ScoringOptions, model: Manifest, first: Manifest) -> None:
    if options.fields is None and first.inputs.fields != model.inputs.fields:
        problem = (
            f"the student in {options.model} was trained to read {', '.join(model.inputs.fields)}, "
            f"the one in {options.first} {', '.join(first.inputs.fields)}: say with `fields` what "
            "both shall read"
        )
        raise ConfigError(problem)


def _check_vectors(options: ScoringOptions, manifests: Sequence[Manifest]) -> None:
    if options.vector_field and all(each.kind != "bi_encoder" for each in manifests):
        problem = (
            f"vector_field is {options.vector_field!r}, and no student here is a bi_encoder: "
            "leave it out, or name a bi_encoder's folder as `model` or `first`"
        )
        raise ConfigError(problem)


@dataclass(frozen=True, slots=True)
class _WithVectors:
    """A bi-encoder that is given the texts' vectors."""

    student: BiEncoder
    vectors: Sequence[GivenVector]

    def scores(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        return self.student.scores(query, texts, vectors=self.vectors, wanted=wanted)


@dataclass(frozen=True, slots=True)
class _Logits:
    """A cross-encoder's single logit in place of its score."""

    student: CrossEncoder

    def scores(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        return self.student.logits(query, texts, wanted=wanted)[:, 0]


def _scorer(
    student: CrossEncoder | BiEncoder, vectors: Sequence[GivenVector], *, logits: bool = False
) -> Scorer:
    if isinstance(student, BiEncoder):
        return _WithVectors(student, vectors)
    return _Logits(student) if logits else student
