"""Who says what is relevant to a query: judgments, or a student."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.evaluation.collection import JudgedQueries

if TYPE_CHECKING:
    from qrmiddleware.students.opening import Student

_MOST_WAITING = 10**9
"""Nobody searches meanwhile: no backlog is too long."""


class RelevanceJudge(Protocol):
    """Decides what is relevant to a query as it was typed; asked from several threads."""

    @property
    def name(self) -> str:
        """What feedback says of it: changes with everything that its answers depend on."""

    @property
    def text_fields(self) -> tuple[str, ...]:
        """Fields of a document that it reads; none if it knows documents by their ids."""

    def knows(self, query: str) -> bool:
        """Whether it can say anything about this query."""

    def relevant(self, query: str, texts: Mapping[str, str]) -> AbstractSet[str]:
        """Return those of some documents that are relevant; their texts come by doc_id."""

    def close(self) -> None:
        """Let go of what it holds."""


class JudgmentsOf:
    """Knows what judgments say of queries by their text; what nobody judged is not relevant.

    Args:
        judged: Queries that differ in case, blanks and width only are one.
        source: What the judgments are called.
    """

    text_fields: tuple[str, ...] = ()

    def __init__(self, judged: JudgedQueries, source: str) -> None:
        self._relevant: dict[str, set[str]] = {}
        for query in judged.queries:
            if query.query_id in judged.qrels:
                found = self._relevant.setdefault(same_query(query.text), set())
                found |= judged.relevant[query.query_id]
        told = sha256(repr(sorted((q, sorted(d)) for q, d in self._relevant.items())).encode())
        self.name = f"judgments:{source}:{told.hexdigest()[:8]}"

    def knows(self, query: str) -> bool:
        """Whether the query was judged."""
        return same_query(query) in self._relevant

    def relevant(self, query: str, texts: Mapping[str, str]) -> AbstractSet[str]:
        """Return the documents that are judged relevant."""
        return self._relevant.get(same_query(query), set()) & texts.keys()

    def close(self) -> None:
        """Let go of nothing."""


class Nobody:
    """Knows of no query what is relevant to it."""

    name = "nobody judges"
    text_fields: tuple[str, ...] = ()

    def knows(self, query: str) -> bool:  # noqa: ARG002 as of all judges
        """Know nothing."""
        return False

    def relevant(self, query: str, texts: Mapping[str, str]) -> AbstractSet[str]:  # noqa: ARG002
        """Call nothing relevant."""
        return frozenset()

    def close(self) -> None:
        """Let go of nothing."""


class JudgingStudent:
    """Calls relevant what a cross-encoder or bi-encoder scores high enough.

    Args:
        student: Open; closed with this.
        fingerprint: Of its folder (``students.folder.student_hash``).
        min_score: The least score of what is relevant: of a cross-encoder 0 to 1, of a
            bi-encoder a cosine.
        text_fields: Of a document, in order; else those that the student was trained on.
    """

    def __init__(
        self,
        student: "Student",
        fingerprint: str,
        *,
        min_score: float,
        text_fields: tuple[str, ...] = (),
    ) -> None:
        self._student, self._min_score = student, min_score
        self.text_fields = text_fields or student.manifest.inputs.fields
        read = ",".join(self.text_fields)
        self.name = f"student:{student.manifest.name}:{fingerprint[:8]}:{read}>={min_score:g}"

    @classmethod
    def open(cls, folder: Path, *, min_score: float, text_fields: tuple[str, ...] = ()) -> Self:
        """Open the student of a folder.

        Raises:
            ConfigError: If there is none that scores texts.
        """
        # The students' extra is not everybody's.
        from qrmiddleware.students.folder import read_student, student_hash  # noqa: PLC0415
        from qrmiddleware.students.opening import SCORERS, open_folder  # noqa: PLC0415
        from qrmiddleware.students.settings import RuntimeSettings  # noqa: PLC0415

        read = read_student(folder, expect=SCORERS)
        opened = open_folder(read, RuntimeSettings(max_waiting=_MOST_WAITING))
        return cls(opened, student_hash(read), min_score=min_score, text_fields=text_fields)

    def knows(self, query: str) -> bool:
        """Whether there is anything to read."""
        return bool(query.strip())

    def relevant(self, query: str, texts: Mapping[str, str]) -> AbstractSet[str]:
        """Return what scores high enough; without a text nothing does.

        Raises:
            ValueError: If the student gives what is no number.
        """
        known = {doc_id: text for doc_id, text in texts.items() if text}
        if not known:
            return frozenset()
        scores = self._student.scores(query, tuple(known.values())).tolist()
        return {
            doc_id for doc_id, score in zip(known, scores, strict=True) if score >= self._min_score
        }

    def close(self) -> None:
        """Close the student."""
        self._student.close()
