"""Judgments that are there already, as labels."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TypeAlias

from qrmiddleware.distill.labels import Outcome, Pair, Unlabelled, label_for
from qrmiddleware.errors import ConfigError

Judgments: TypeAlias = Mapping[tuple[str, str], str]
"""Grade by query (its text) and doc_id."""


class JudgmentTeacher:
    """Says what people (or anybody else) said before.

    Args:
        judgments: Grades, as text, such as ``3`` or ``E``.
        targets: What each grade is worth, 0..1.
        source: Whose judgments these are, for the labels' teacher.

    Raises:
        ConfigError: If a judgment has a grade without a target.
    """

    def __init__(
        self, judgments: Judgments, targets: Mapping[str, float], *, source: str = "people"
    ) -> None:
        for (query, doc_id), grade in judgments.items():
            if grade not in targets:
                message = (
                    f"query {query!r}, document {doc_id}: grade {grade!r} has no target; there are "
                    f"targets of {', '.join(targets)}"
                )
                raise ConfigError(message)
        if wrong := [grade for grade, target in targets.items() if not 0 <= target <= 1]:
            message = f"grade {wrong[0]!r}: a target is between 0 and 1, not {targets[wrong[0]]}"
            raise ConfigError(message)
        self._judgments = judgments
        self._targets = targets
        self._name = f"judgments:{source}:{_hash(judgments, targets)}"

    @property
    def name(self) -> str:
        """Source, and a hash of all judgments and targets: if one changes, all is labelled anew."""
        return self._name

    def label(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Label the pairs that are judged; the others stay without a label."""
        for pair in pairs:
            grade = self._judgments.get((pair.query, pair.doc_id))
            if grade is None:
                yield Unlabelled(pair, "not judged", "nobody has judged this pair")
            else:
                label = label_for(pair, self._name, self._targets[grade])
                yield replace(label, grade=grade)


def _hash(judgments: Judgments, targets: Mapping[str, float]) -> str:
    told = sha256(repr(sorted(targets.items())).encode())
    for judgment in sorted(judgments.items()):
        told.update(repr(judgment).encode(errors="surrogatepass"))
    return told.hexdigest()[:8]
