"""Quepid's CSV exports, and Chorus's: query, docid, rating.

Three files are this: a case's ratings, the same of a snapshot, and a book, which has a column a
rater. In the first two a query that nobody rated stands alone; in a snapshot a document that
nobody rated has no rating.

Source: https://github.com/o19s/quepid (app/views/api/v1/export/ratings, books_controller.rb);
https://github.com/querqy/chorus (katas/Broad_Query_Set_rated.csv).
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options
from qrmiddleware.evaluation.formats.rows import FormatError, Row, first_line, table_rows

_PAIR: Final = ("query", "docid")
_DECIDED: Final = ("rating", "final_rating")


def fits(source: Source) -> bool:
    """Tell by the columns."""
    return bool(_files(source))


def _files(source: Source) -> list[Path]:
    found = [source.file(name) for name in source.names if name.endswith(".csv")]
    return [file for file in found if set(_PAIR) <= set(_columns(file))]


def _columns(file: Path) -> list[str]:
    return [name.strip().strip('"') for name in first_line(file).split(",")]


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read one file; the text of a query is its id."""
    file = _choose(source, chosen["judgments"])
    columns = _ratings(file, chosen["rating"])
    judgments = Judgments()
    for row in table_rows(file, needs=(*_PAIR, *columns), delimiter=",", ragged=True):
        query_id = judgments.name(row.text("query"))
        rated = [name for name in columns if row.values[name].strip()]
        if rated:
            rating = fmean(row.number(name) for name in rated)
            judgments.add(query_id, row.text("docid"), _settled(rating, rated, row), row)
    return judgments.judged(chosen)


def _settled(rating: float, rated: Sequence[str], row: Row) -> float:
    """Round the mean of several raters half up; what one says stays."""
    if len(rated) == 1:
        return row.number(rated[0])
    return float(int(rating + 0.5))


def _choose(source: Source, name: str) -> Path:
    if name:
        return source.need(name)
    files = _files(source)
    if not files:
        message = (
            f"{source.path}: expected a CSV file with the columns query,docid,rating; "
            f"found {source.listed()}"
        )
        raise FormatError(message)
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        message = f"{source.path}: several files have ratings: choose judgments= one of {names}"
        raise FormatError(message)
    return files[0]


def _ratings(file: Path, wish: str) -> Sequence[str]:
    """Return the columns that hold ratings."""
    columns = _columns(file)
    if wish:
        return [name.strip() for name in wish.split(",")]
    decided = [name for name in _DECIDED if name in columns]
    raters = [name for name in columns if name not in _PAIR]
    found = decided[:1] or raters
    if not found:
        message = f"{file}:1: expected a column of ratings beside query and docid, found none"
        raise FormatError(message)
    return found


FORMAT: Final = Format(
    name="quepid",
    title="Quepid's and Chorus's CSV",
    needs="one .csv file with the columns query,docid,rating",
    fits=fits,
    options={
        "judgments": Option("The file, if there are several."),
        "rating": Option(
            "Columns of ratings, with commas between: of several the mean, rounded half up. "
            "Without it: rating, or final_rating, or all columns of a book's raters."
        ),
        **gain_options(),
    },
    judged=judged,
)
