"""Judgments as they are read one by one, and what their grades are worth."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats.format import Chosen, Option
from qrmiddleware.evaluation.formats.rows import FormatError, Row

SCALE: Final = 1_000
"""What ratings with decimals are multiplied by, to become whole numbers."""


class Judgments:
    """Ratings of pairs so far, and the texts of their queries where those have no ids.

    Attributes:
        ratings: By query_id and doc_id.
        queries: In the order in which they came.
    """

    def __init__(self) -> None:
        self.ratings: dict[str, dict[str, float]] = {}
        self.queries: dict[str, JudgedQuery] = {}

    def name(self, text: str) -> str:
        """Note a query that has no id, and return the one it gets.

        The id is the text, with ``+`` for blanks as in a URL: the same in every file, and one
        word, as run files need it.
        """
        known = " ".join(text.split())
        query_id = known.replace("%", "%25").replace("+", "%2B").replace(" ", "+")
        self.queries.setdefault(query_id, JudgedQuery(query_id, known))
        return query_id

    def add(self, query_id: str, doc_id: str, rating: float, row: Row) -> None:
        """Note a rating that ``row`` tells.

        Raises:
            FormatError: If the same pair was rated otherwise before.
        """
        known = self.ratings.setdefault(query_id, {}).setdefault(doc_id, rating)
        if known != rating:
            expected = f"one judgment of {query_id} and {doc_id}, which was {known:g} before"
            raise row.wrong(expected)

    def judged(self, chosen: Chosen, queries: Sequence[JudgedQuery] | None = None) -> JudgedQueries:
        """Return what has been noted.

        Ratings with decimals become whole numbers, ``SCALE`` times as large; what they are
        worth stays.

        Args:
            chosen: Has the options of ``gain_options``.
            queries: If they come from elsewhere.

        Raises:
            FormatError: If an option cannot be that.
        """
        ratings = {rating for rated in self.ratings.values() for rating in rated.values()}
        scale = 1 if all(rating == int(rating) for rating in ratings) else SCALE
        worth = _GAINS[chosen["gain"]]
        return JudgedQueries(
            tuple(self.queries.values()) if queries is None else tuple(queries),
            {
                query_id: {doc_id: round(rating * scale) for doc_id, rating in rated.items()}
                for query_id, rated in self.ratings.items()
            },
            gains={round(each * scale): worth(max(each, 0)) for each in sorted({0, *ratings})},
            relevant_from=round(_least(chosen) * scale),
        )


def gain_options(gain: str = "exponential", relevant_from: str = "1") -> Mapping[str, Option]:
    """Return the options that all formats with numbers for grades have, with these defaults."""
    return {
        "gain": Option(
            "What a grade is worth in nDCG: 2^grade - 1, or the grade; below 0 as little as 0.",
            gain,
            ("exponential", "linear"),
        ),
        "relevant_from": Option(
            "Least grade that counts as relevant where a measure knows only relevant and not.",
            relevant_from,
        ),
    }


def grade_of(label: str, grades: Mapping[str, int], unknown: Counter[str]) -> int:
    """Return a label's grade; count it if it has none."""
    grade = grades.get(label)
    if grade is None:
        unknown[label] += 1
        return 0
    return grade


def refuse_unknown(place: str, unknown: Counter[str], grades: Iterable[str]) -> None:
    """Make sure that every label was known.

    Raises:
        FormatError: Lists those that were not.
    """
    if unknown:
        found = ", ".join(f"{label!r} ({count} times)" for label, count in unknown.most_common())
        message = f"{place}: expected the labels {', '.join(grades)}; also found {found}"
        raise FormatError(message)


def _exponential(grade: float) -> float:
    try:
        return float(2.0**grade) - 1
    except OverflowError as error:
        message = f"a grade of {grade:g} is too much for 2^grade - 1; choose gain=linear"
        raise FormatError(message) from error


def _least(chosen: Chosen) -> float:
    try:
        return float(chosen["relevant_from"])
    except ValueError as error:
        message = f"relevant_from is a number, not {chosen['relevant_from']!r}"
        raise FormatError(message) from error


_GAINS: Final[Mapping[str, Callable[[float], float]]] = MappingProxyType(
    {"exponential": _exponential, "linear": float}
)
"""What a grade is worth.

Source: exponential Burges et al. 2005, Learning to rank using gradient descent; linear Järvelin
and Kekäläinen 2002, Cumulated gain-based evaluation of IR techniques.
"""
