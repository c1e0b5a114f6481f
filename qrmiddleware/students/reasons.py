"""Why a cross-encoder scores a text as it does: its classes, and its verdict on every aspect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qrmiddleware.students.cross_encoder import CrossEncoder
from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.heads import Floats
from qrmiddleware.students.opened import always

_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Reasons:
    """Of one text's score.

    Attributes:
        score: As `CrossEncoder.scores` gives it.
        classes: Probability of each class; empty for a student with a single logit.
        aspects: Of each aspect, the probability of each verdict; empty for a student without.
    """

    score: float
    classes: Mapping[str, float]
    aspects: Mapping[str, Mapping[str, float]]

    def shown(self) -> dict[str, object]:
        """Return what JSON can hold: score, likeliest class and verdicts, and all classes."""
        shown: dict[str, object] = {"score": round(self.score, _DIGITS)}
        if self.classes:
            shown |= {
                "class": likeliest(self.classes),
                "classes": {name: round(share, _DIGITS) for name, share in self.classes.items()},
            }
        if self.aspects:
            shown["aspects"] = {name: likeliest(shares) for name, shares in self.aspects.items()}
        return shown


def reasons_of(
    student: CrossEncoder, query: str, texts: Sequence[str], *, wanted: Wanted = always
) -> list[Reasons]:
    """Say why texts score as they do; arguments and errors are those of `CrossEncoder.scores`.

    Classes come from the student's cache where it has them. A student with aspects reads every
    text once more.
    """
    manifest = student.manifest
    shares = student.probabilities(query, texts, wanted=wanted)
    verdicts = student.verdicts(query, texts, wanted=wanted)
    return [
        Reasons(
            score,
            _named(manifest.labels, classes),
            {
                aspect: _named(manifest.verdicts, row)
                for aspect, row in zip(manifest.aspects, rows, strict=True)
            },
        )
        for score, classes, rows in zip(
            student.worth(shares).tolist(), shares, verdicts, strict=True
        )
    ]


def likeliest(shares: Mapping[str, float]) -> str:
    """Return the name of the highest share; of equal ones, the first."""
    return max(shares, key=shares.__getitem__)


def _named(names: Sequence[str], shares: Floats) -> dict[str, float]:
    return dict(zip(names, shares.tolist(), strict=True)) if names else {}
