"""Which rewrites an engine bears out, and how good each is said to be."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import fsum, inf
from typing import Final, Literal, NamedTuple, TypeAlias

from qrmiddleware.distill.rewriting.rows import Feedback, Valued

Objective: TypeAlias = Literal["rele", "incr", "hitrate", "weighted"]

_EVEN: Final[Mapping[str, float]] = {"rele": 1.0, "incr": 1.0, "hitrate": 1.0}
_MEASURES: Final[Mapping[str, Callable[[Valued], float | None]]] = {
    "rele": lambda each: each.relevance,
    "incr": lambda each: each.increment / (1 + each.increment),
    "hitrate": lambda each: each.hit_rate,
}


@dataclass(frozen=True, slots=True)
class Choosing:
    """What a rewrite must bring to stand in a table.

    Attributes:
        min_relevance: Share of its hits that is relevant.
        min_increment: What it finds that is relevant and new, by what the query found of relevant.
        at_most: Rewrites of a query.
        objective: Which measure is the score in the table: 0 to 1, where an increment x counts as
            x / (1 + x), so that scores of different builds compare.
        weights: Of the measures, where the objective is ``weighted``; one that nobody knows of a
            rewrite does not count.

    Raises:
        ValueError: If a bound is below 0, or no measure weighs anything.
    """

    min_relevance: float = 0.5
    min_increment: float = 0.1
    at_most: int = 3
    objective: Objective = "incr"
    weights: Mapping[str, float] = field(default_factory=lambda: dict(_EVEN))

    def __post_init__(self) -> None:
        if min(self.min_relevance, self.min_increment) < 0 or self.at_most < 1:
            message = "min_relevance and min_increment are 0 at least, and at_most is 1"
            raise ValueError(message)
        weighs = [self.weights.get(name, 0.0) for name in _MEASURES]
        if self.weights.keys() - _MEASURES.keys() or min(weighs) < 0 or not any(weighs):
            message = f"weights are of {', '.join(_MEASURES)}, and one at least is above 0"
            raise ValueError(message)

    def score(self, each: Valued) -> float:
        """Return how good a rewrite is, 0 to 1; 0 if the objective is known of nobody."""
        names = _MEASURES if self.objective == "weighted" else (self.objective,)
        told = [
            (self.weights.get(name, 0.0) if self.objective == "weighted" else 1.0, value)
            for name in names
            if (value := _MEASURES[name](each)) is not None
        ]
        total = fsum(weight for weight, _ in told)
        return round(fsum(weight * value for weight, value in told) / total, 6) if total else 0.0


class Scored(NamedTuple):
    """A rewrite for a table."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """What came of one query's candidates.

    Attributes:
        rewrites: Best first.
        valued: The feedback of each.
        refused: Why the others are none, by reason.
    """

    rewrites: tuple[Scored, ...]
    valued: tuple[Valued, ...]
    refused: Counter[str]


def choose(feedback: Feedback, choosing: Choosing) -> Chosen:
    """Choose the rewrites of a query; equal scores are parted by relevance, then likelihood."""
    refused: Counter[str] = Counter()
    good: list[Valued] = []
    for each in feedback.candidates:
        if reason := each.refused or _lack(each, choosing):
            refused[reason] += 1
        else:
            good.append(each)
    good.sort(key=lambda each: _place(each, choosing))
    if len(good) > choosing.at_most:
        refused["not among the best"] += len(good) - choosing.at_most
    best = tuple(good[: choosing.at_most])
    return Chosen(tuple(Scored(each.text, choosing.score(each)) for each in best), best, refused)


def _lack(each: Valued, choosing: Choosing) -> str:
    if not each.found:
        return "finds nothing"
    if each.relevance < choosing.min_relevance:
        return "below min relevance"
    return "below min increment" if each.increment < choosing.min_increment else ""


def _place(each: Valued, choosing: Choosing) -> tuple[float, float, float, str]:
    likely = -inf if each.log_probability is None else each.log_probability
    return -choosing.score(each), -each.relevance, -likely, each.text
