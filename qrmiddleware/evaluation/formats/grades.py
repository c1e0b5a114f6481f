"""Judgments as they are read one by one, and what their grades are worth."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from qrmiddleware.evaluation.collection import Gains
from qrmiddleware.evaluation.formats.format import Chosen, Option
from qrmiddleware.evaluation.formats.rows import FormatError, Row


class Judgments:
    """Judgments so far.

    Attributes:
        qrels: Relevance by query_id and doc_id.
    """

    def __init__(self) -> None:
        self.qrels: dict[str, dict[str, int]] = {}

    def add(self, query_id: str, doc_id: str, relevance: int, row: Row) -> None:
        """Note one that ``row`` tells.

        Raises:
            FormatError: If the same pair was judged otherwise before.
        """
        known = self.qrels.setdefault(query_id, {}).setdefault(doc_id, relevance)
        if known != relevance:
            expected = f"one judgment of {query_id} and {doc_id}, which was {known} before"
            raise row.wrong(expected)

    def grades(self) -> set[int]:
        """Every relevance that occurs."""
        return {relevance for judged in self.qrels.values() for relevance in judged.values()}


def gain_options(gain: str = "exponential", relevant_from: int = 1) -> Mapping[str, Option]:
    """Return the options that all formats with numbers for grades have, with these defaults."""
    return {
        "gain": Option(
            "What a grade is worth in nDCG: 2^grade - 1, or the grade.",
            gain,
            ("exponential", "linear"),
        ),
        "relevant_from": Option(
            "Least grade that counts as relevant where a measure knows only relevant and not.",
            str(relevant_from),
        ),
    }


def _exponential(grade: int) -> float:
    return 2.0**grade - 1


_GAINS: Final[Mapping[str, Callable[[int], float]]] = MappingProxyType(
    {"exponential": _exponential, "linear": float}
)


def gains_of(grades: Iterable[int], chosen: Chosen) -> Gains:
    """Return what the grades are worth; those below 0 are worth as little as 0.

    Source: exponential Burges et al. 2005, Learning to rank using gradient descent; linear
        Järvelin and Kekäläinen 2002, Cumulated gain-based evaluation of IR techniques.
    """
    worth = _GAINS[chosen["gain"]]
    return {grade: worth(max(grade, 0)) for grade in sorted({0, *grades})}


def relevant_from(chosen: Chosen) -> int:
    """Return the least relevant grade.

    Raises:
        FormatError: If it is no whole number.
    """
    try:
        return int(chosen["relevant_from"])
    except ValueError as error:
        message = f"relevant_from is a whole number, not {chosen['relevant_from']!r}"
        raise FormatError(message) from error
