"""Grades of judgments as classes, such as exact, substitute, complement and irrelevant."""

from collections.abc import Mapping
from typing import Final, TypeAlias

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.collection import JudgedQueries

ESCI_GRADES: Final[Mapping[int, str]] = {3: "E", 2: "S", 1: "C", 0: "I"}
"""Of a scale from 0 to 3, as ESCI is read here."""

Classed: TypeAlias = Mapping[str, Mapping[str, str]]
"""Class by query_id and doc_id."""


def read_grades(told: str) -> dict[int, str]:
    """Read classes of grades, written ``3=E,2=S,1=C,0=I``, best first.

    Raises:
        ConfigError: If they are written otherwise, or are fewer than two classes.
    """
    grades: dict[int, str] = {}
    for each in filter(None, (part.strip() for part in told.split(","))):
        number, _, code = each.partition("=")
        try:
            grade = int(number)
        except ValueError as error:
            message = f"--grades {each!r}: write GRADE=CLASS, such as 3=E"
            raise ConfigError(message) from error
        if not code.strip() or grade in grades:
            message = f"--grades {each!r}: every grade has one class, such as 3=E"
            raise ConfigError(message)
        grades[grade] = code.strip()
    if len(set(grades.values())) < 2:  # noqa: PLR2004 one class says nothing
        message = f"--grades {told!r}: two classes or more, such as 3=E,2=S,1=C,0=I"
        raise ConfigError(message)
    return grades


def classes_of(judged: JudgedQueries, grades: Mapping[int, str] | None = None) -> Classed:
    """Return the class of every judged pair of the queries that are measured.

    Args:
        judged: Queries and judgments.
        grades: Class by grade, those of ``ESCI_GRADES`` where the scale is from 0 to 3.

    Raises:
        ConfigError: If a grade that occurs has no class, or the scale is another.
    """
    if grades is None and max(judged.gains, default=0) != max(ESCI_GRADES):
        scale = ", ".join(str(grade) for grade in sorted(judged.gains))
        message = f"the grades are {scale}: say with --grades which class each is, such as 1=E,0=I"
        raise ConfigError(message)
    named = ESCI_GRADES if grades is None else grades
    found: dict[str, dict[str, str]] = {}
    for query in judged.queries:
        of_query = judged.qrels.get(query.query_id, {})
        if unknown := [grade for grade in of_query.values() if grade not in named]:
            message = (
                f"query {query.query_id}: grade {unknown[0]} has no class; --grades names those of "
                f"{', '.join(map(str, named))}"
            )
            raise ConfigError(message)
        if of_query:
            found[query.query_id] = {doc_id: named[grade] for doc_id, grade in of_query.items()}
    return found
