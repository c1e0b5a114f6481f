"""How far two judges agree: Cohen's kappa, and what may be read from it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[np.float64]]

SAMPLES: Final = 2000
_SEED: Final = 1
_BANDS: Final = (
    (0.0, "no better than chance"),
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (1.0, "almost perfect"),
)


@dataclass(frozen=True, slots=True)
class JudgedTwice:
    """One pair of query and document that both judges graded."""

    query_id: str
    human: int
    other: int


@dataclass(frozen=True, slots=True)
class Kappa:
    """Cohen's kappa with the ends of its 95 % interval; nan where it is not defined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two judges on the same pairs.

    Attributes:
        grades: The scale, lowest first.
        table: How often human grade (row) met other grade (column), in the order of ``grades``.
        pairs: How many were graded by both.
        queries: Of how many queries.
        same: Share of pairs with the very same grade.
        kappa: Every difference counts the same.
        weighted: A difference of two grades counts four times that of one.
        binary: Of relevant against not.
        bias: Mean of other minus human, in grades: above 0 is a lenient judge.
    """

    grades: tuple[int, ...]
    table: tuple[tuple[int, ...], ...]
    pairs: int
    queries: int
    same: float
    kappa: Kappa
    weighted: Kappa
    binary: Kappa
    bias: float


def cohen_kappa(table: Sequence[Sequence[float]], *, quadratic: bool = False) -> float:
    """Agreement beyond what two judges would reach who only kept their own shares of grades.

    Args:
        table: Square; counts of the first judge's grades (rows) and the second's (columns).
        quadratic: Weigh a disagreement by the square of its distance, else all the same.

    Returns:
        1 for full agreement, 0 for chance; nan if chance alone would agree fully, as where
        both judges only ever gave one grade.

    Source: Cohen 1960, A coefficient of agreement for nominal scales; Cohen 1968 (weighted).
    """
    import numpy as np  # noqa: PLC0415 heavy

    counts = np.asarray(table, dtype=np.float64)
    return float(_kappas(counts[np.newaxis], _weights(len(table), quadratic=quadratic))[0])


def measure_agreement(
    pairs: Iterable[JudgedTwice], grades: Sequence[int], *, relevant_from: int = 1
) -> Agreement:
    """Compare two judges.

    Intervals come from a bootstrap over queries, not over pairs: the pairs of one query share
    its difficulty, and to draw them one by one would make intervals too narrow.

    Args:
        pairs: What both graded.
        grades: The scale, lowest first.
        relevant_from: The least grade that counts as relevant.

    Raises:
        ValueError: If there is no pair, or a grade is not on the scale.
    """
    import numpy as np  # noqa: PLC0415 heavy

    twice = list(pairs)
    if not twice:
        message = "no pair of query and document was graded by both judges"
        raise ValueError(message)
    tables = _tables(twice, grades)
    stack = np.asarray(list(tables.values()), dtype=np.float64)
    total = stack.sum(axis=0)
    drawn = _drawn(stack)
    plain = _weights(len(grades), quadratic=False)
    squared = _weights(len(grades), quadratic=True)
    cut = _weights_across([grade >= relevant_from for grade in grades])
    return Agreement(
        grades=tuple(grades),
        table=tuple(tuple(int(count) for count in row) for row in total),
        pairs=len(twice),
        queries=len(tables),
        same=float(np.trace(total) / len(twice)),
        kappa=_interval(total, drawn, plain),
        weighted=_interval(total, drawn, squared),
        binary=_interval(total, drawn, cut),
        bias=sum(pair.other - pair.human for pair in twice) / len(twice),
    )


def describe(agreement: Agreement) -> str:
    """Say in a sentence or two what the agreement means for labels of the second judge."""
    value, low = agreement.weighted.value, agreement.weighted.low
    if math.isnan(value):
        return (
            "Kappa is not defined: on this sample both judges only ever gave one grade. "
            "Compare on more pairs, of more grades."
        )
    band = next((name for top, name in _BANDS if value <= top), _BANDS[-1][1])
    sentence = (
        f"Weighted kappa {value:.2f} is {band} agreement (Landis and Koch's words); {_advice(low)}."
    )
    if abs(agreement.bias) >= 0.25:  # noqa: PLR2004 a quarter of a grade shows in means
        kind = "lenient" if agreement.bias > 0 else "strict"
        sentence += f" The judge is {kind}: on average {agreement.bias:+.2f} grades against people."
    return sentence


def _advice(low: float) -> str:
    if math.isnan(low):
        return "its interval is unknown, so compare on more pairs before you trust such labels"
    if low >= 0.6:  # noqa: PLR2004 Landis and Koch's "substantial"
        return "labels may stand in for people's in comparisons of means, beside the human ones"
    if low >= 0.4:  # noqa: PLR2004 Landis and Koch's "moderate"
        return "labels may point out what to look at; let a person confirm what you decide by"
    return (
        "the interval reaches so low that such labels should decide nothing: "
        "improve the judge, or judge by hand"
    )


def _tables(pairs: Iterable[JudgedTwice], grades: Sequence[int]) -> dict[str, list[list[int]]]:
    """Count grades by query_id."""
    place = {grade: number for number, grade in enumerate(grades)}
    tables: dict[str, list[list[int]]] = {}
    for pair in pairs:
        for grade in (pair.human, pair.other):
            if grade not in place:
                scale = ", ".join(map(str, grades))
                message = f"query {pair.query_id}: grade {grade} is not on the scale {scale}"
                raise ValueError(message)
        table = tables.setdefault(pair.query_id, [[0] * len(grades) for _ in grades])
        table[place[pair.human]][place[pair.other]] += 1
    return tables


def _weights(size: int, *, quadratic: bool) -> "Array":
    """Weigh disagreements by their cells."""
    import numpy as np  # noqa: PLC0415 heavy

    distance = np.abs(np.subtract.outer(np.arange(size), np.arange(size))).astype(np.float64)
    return distance**2 if quadratic else np.minimum(distance, 1.0)


def _weights_across(relevant: Sequence[bool]) -> "Array":
    """Weigh only the disagreements across the border between relevant and not."""
    import numpy as np  # noqa: PLC0415 heavy

    sides = np.asarray(relevant)
    across: Array = np.not_equal.outer(sides, sides).astype(np.float64)
    return across


def _kappas(tables: "Array", weights: "Array") -> "Array":
    """Return kappa of each table; shape (tables, grades, grades) to (tables,)."""
    import numpy as np  # noqa: PLC0415 heavy

    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    total = tables.sum(axis=(1, 2))
    observed = (tables * weights).sum(axis=(1, 2))
    expected = np.einsum("tr,rc,tc->t", rows, weights, columns) / np.maximum(total, 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1.0 - observed / expected, np.nan)


def _drawn(tables: "Array") -> "Array":
    """Draw the queries with replacement, many times; returns their summed tables."""
    import numpy as np  # noqa: PLC0415 heavy

    count = len(tables)
    times = np.random.default_rng(_SEED).multinomial(count, np.full(count, 1 / count), SAMPLES)
    summed: Array = np.einsum("sq,qrc->src", times.astype(np.float64), tables)
    return summed


def _interval(total: "Array", drawn: "Array", weights: "Array") -> Kappa:
    import numpy as np  # noqa: PLC0415 heavy

    value = float(_kappas(total[np.newaxis], weights)[0])
    values = _kappas(drawn, weights)
    known = values[~np.isnan(values)]
    if not len(known) or math.isnan(value):
        return Kappa(value, math.nan, math.nan)
    low, high = np.percentile(known, [2.5, 97.5])
    return Kappa(value, float(low), float(high))
