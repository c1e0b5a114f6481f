"""What candidates are worth, by an objective, on one scale over a whole set of feedback.

Source: BEQUE, arXiv:2311.03758: candidates are ordered by one of three measures of the offline
system, outliers removed. Scales, what an outlier is, and weighted objectives are our reading.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import ceil, fsum
from typing import Final, Literal, TypeAlias

from qrmiddleware.distill.rewriting.rows import Feedback, Valued
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.generator.texts import normalised

Objective: TypeAlias = Literal["rele", "incr", "hitrate", "weighted"]
Scale: TypeAlias = Literal["range", "rank", "none"]

MEASURES: Final[Mapping[str, Callable[[Valued], float | None]]] = {
    "rele": lambda each: each.relevance,
    "incr": lambda each: each.increment,
    "hitrate": lambda each: each.hit_rate,
}
_LEAST: Final = 2  # candidates of a query that can be ordered
_LOWEST: Final = float("-inf")


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the measures, where several count."""

    rele: float = 1.0
    incr: float = 1.0
    hitrate: float = 1.0


EQUAL: Final = Weights()


@dataclass(frozen=True, slots=True)
class Aim:
    """What alignment makes likelier.

    Attributes:
        objective: One measure, or several.
        weights: Of the measures, where there are several.
        scale: How a measure comes to 0..1 over the whole set: by its least and highest value, by
            the share of candidates that are worth less, or not at all.
        within: Quantile of each measure; candidates above are outliers.

    Raises:
        ConfigError: If no measure weighs anything, or one weighs less than nothing.
    """

    objective: Objective = "incr"
    weights: Weights = EQUAL
    scale: Scale = "range"
    within: float = 0.99

    def __post_init__(self) -> None:
        if not self.measures or min(self.measures.values()) < 0:
            message = (
                f"weights of measures are {asdict(self.weights)}: at least one above 0, none below"
            )
            raise ConfigError(message)

    @property
    def measures(self) -> Mapping[str, float]:
        """What each measure that counts weighs."""
        if self.objective == "weighted":
            return {name: weight for name, weight in asdict(self.weights).items() if weight}
        return {self.objective: 1.0}


@dataclass(frozen=True, slots=True)
class Ordered:
    """One query's candidates, best first.

    Attributes:
        query: As the user typed it.
        candidates: No two with one text but for case, blanks and width.
        rewards: Of each, falling.
    """

    query: str
    candidates: tuple[Valued, ...]
    rewards: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Ordering:
    """Lists to learn from, and what is not among them.

    Attributes:
        lists: In the order of the feedback.
        problems: Queries that could not be searched.
        refused: Candidates that a guard refused.
        unknown: Candidates of which a measure alone says nothing, as hit rates where nobody
            reached anything elsewhere.
        outliers: Candidates above the quantile of a measure.
        few: Queries with fewer than two candidates left.
        alike: Queries whose candidates are all worth the same.
    """

    lists: tuple[Ordered, ...]
    problems: int
    refused: int
    unknown: int
    outliers: int
    few: int
    alike: int


def order(feedback: Iterable[Feedback], aim: Aim) -> Ordering:
    """Order every query's candidates by what they are worth.

    Equal ones are ordered by relevance, then by how likely their maker held them.

    Args:
        feedback: Of one engine, depth and judge.
        aim: What counts.
    """
    rows = list(feedback)
    sound = [row for row in rows if not row.problem]
    every = [each for row in sound for each in row.candidates]
    allowed = [each for each in every if not each.refused]
    known = [each for each in allowed if _told(each, aim)]
    bounds = {name: _quantile(_values(known, name), aim.within) for name in aim.measures}
    kept = [each for each in known if _within(each, bounds)]
    scales = {name: _scaling(_values(kept, name), aim.scale) for name in aim.measures}
    lists: list[Ordered] = []
    few = alike = 0
    for row in sound:
        left = [
            each
            for each in row.candidates
            if not each.refused and _told(each, aim) and _within(each, bounds)
        ]
        found = _ordered(row.query, left, aim, scales)
        if len(found.candidates) < _LEAST:
            few += 1
        elif found.rewards[0] == found.rewards[-1]:
            alike += 1
        else:
            lists.append(found)
    return Ordering(
        tuple(lists),
        problems=len(rows) - len(sound),
        refused=len(every) - len(allowed),
        unknown=len(allowed) - len(known),
        outliers=len(known) - len(kept),
        few=few,
        alike=alike,
    )


def _ordered(
    query: str,
    candidates: Sequence[Valued],
    aim: Aim,
    scales: Mapping[str, Callable[[float], float]],
) -> Ordered:
    worth = {normalised(each.text): (_reward(each, aim, scales), each) for each in candidates}
    found = sorted(worth.values(), key=_place)
    return Ordered(query, tuple(each for _, each in found), tuple(reward for reward, _ in found))


def _place(told: tuple[float, Valued]) -> tuple[float, float, float, str]:
    reward, each = told
    likely = _LOWEST if each.log_probability is None else each.log_probability
    return -reward, -each.relevance, -likely, each.text


def _reward(each: Valued, aim: Aim, scales: Mapping[str, Callable[[float], float]]) -> float:
    """Return the mean by weights, of the measures that say something."""
    told = [
        (weight, scales[name](value))
        for name, weight in aim.measures.items()
        if (value := MEASURES[name](each)) is not None
    ]
    return fsum(weight * value for weight, value in told) / fsum(weight for weight, _ in told)


def _told(each: Valued, aim: Aim) -> bool:
    return any(MEASURES[name](each) is not None for name in aim.measures)


def _values(candidates: Iterable[Valued], name: str) -> list[float]:
    told = (MEASURES[name](each) for each in candidates)
    return sorted(value for value in told if value is not None)


def _quantile(values: Sequence[float], share: float) -> float:
    """Return the least value that so large a share does not exceed."""
    return values[max(0, ceil(share * len(values)) - 1)] if values else 0.0


def _within(each: Valued, bounds: Mapping[str, float]) -> bool:
    told = ((MEASURES[name](each), most) for name, most in bounds.items())
    return all(value is None or value <= most for value, most in told)


def _scaling(values: Sequence[float], scale: Scale) -> Callable[[float], float]:
    """Return what brings a measure to 0..1.

    Args:
        values: All there are, rising.
        scale: How.
    """
    if scale == "none" or not values:
        return lambda value: value
    if scale == "rank":
        return lambda value: bisect_left(values, value) / len(values)
    least, width = values[0], values[-1] - values[0]
    return lambda value: (value - least) / width if width else 0.0
