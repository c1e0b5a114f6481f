"""A cascade: a cheap student looks at all hits, an expensive one at the best of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.heads import Floats
from qrmiddleware.students.opened import always


class Scorer(Protocol):
    """What a cascade is made of, and is: cross-encoders, bi-encoders, cascades."""

    def scores(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        """Return one score per text, higher is better."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """What a cascade found.

    Attributes:
        scores: One per text; see `Cascade.scores`.
        by_second: Which of them the second student gave. A floor on scores means something
            for these only: the others were never looked at closely.
    """

    scores: Floats
    by_second: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cascade:
    """Ranks by ``first``, and the best ``keep`` of them by ``second``, above all others.

    Attributes:
        first: Cheap, such as a bi-encoder.
        second: Such as a cross-encoder.
        keep: How many texts ``second`` sees at most; at least 1.
    """

    first: Scorer
    second: Scorer
    keep: int

    def __post_init__(self) -> None:
        if self.keep < 1:
            message = f"a cascade keeps at least 1 text for its second student, not {self.keep}"
            raise ValueError(message)

    def scores(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Floats:
        """Score texts for a query; the errors are those of the two students.

        Returns:
            In the order of ``texts``. Those that the second student saw have its score; the
            others lie below the lowest of these, by up to 1, in the order of the first.
        """
        return self.judge(query, texts, wanted=wanted).scores

    def judge(self, query: str, texts: Sequence[str], *, wanted: Wanted = always) -> Judged:
        """Score texts, and say whose scores they are; ``first`` is not asked about few texts."""
        if len(texts) <= self.keep:
            late = self.second.scores(query, texts, wanted=wanted)
            return Judged(late, np.ones(len(texts), bool))
        early = self.first.scores(query, texts, wanted=wanted)
        by_second = np.zeros(len(texts), bool)
        best = np.argsort(-early, kind="stable")[: self.keep]
        by_second[best] = True
        scores = np.array(early, np.float32)
        late = self.second.scores(query, [texts[number] for number in best], wanted=wanted)
        scores[best] = late
        scores[~by_second] = late.min() - _distances(early[~by_second])
        return Judged(scores, by_second)


def _distances(scores: Floats) -> Floats:
    """Return how far below others scores shall lie: from more than 0, for the best, to 1."""
    best, worst = scores.max(), scores.min()
    if best == worst:
        return np.ones_like(scores)
    return np.asarray(0.01 + 0.99 * (best - scores) / (best - worst), np.float32)
