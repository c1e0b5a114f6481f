"""Judgment lists of OpenSearch's Search Relevance Workbench, as JSON.

Source: https://docs.opensearch.org/latest/search-plugins/search-relevance/judgments/
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options
from qrmiddleware.evaluation.formats.rows import FormatError, Row, open_text

_RATINGS: Final = "judgmentRatings"
_PEEK_CHARACTERS: Final = 1_000_000


def fits(source: Source) -> bool:
    """Tell by the content."""
    return bool(_files(source))


def _files(source: Source) -> list[Path]:
    found = [source.file(name) for name in source.names if name.endswith(".json")]
    return [file for file in found if _mentions(file)]


def _mentions(file: Path) -> bool:
    try:
        with open_text(file) as text:
            return f'"{_RATINGS}"' in text.read(_PEEK_CHARACTERS)
    except FormatError:
        return False


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read one list, as it is imported or as the API answers; a query's text is its id."""
    file = _choose(source, chosen["judgments"])
    judgments = Judgments()
    for at, listed in enumerate(_lists(file)):
        query = Row(f"{file}: {_RATINGS}[{at}]", listed)
        query_id = judgments.name(query.text("query"))
        for place, pair in _pairs(query):
            row = Row(place, pair)
            judgments.add(query_id, row.text("docId"), row.number("rating"), row)
    return judgments.judged(chosen)


def _choose(source: Source, name: str) -> Path:
    if name:
        return source.need(name)
    files = _files(source)
    if len(files) != 1:
        found = ", ".join(file.name for file in files) or source.listed()
        message = (
            f"{source.path}: expected one .json file with {_RATINGS}, found {found}; choose one "
            "with the option judgments"
        )
        raise FormatError(message)
    return files[0]


def _lists(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what is said of each query, in either shape that OpenSearch has used."""
    with open_text(file) as text:
        try:
            tree = json.load(text)
        except json.JSONDecodeError as error:
            message = f"{file}: not JSON ({error})"
            raise FormatError(message) from error
    found = _inside(tree).get(_RATINGS)
    if isinstance(found, dict):
        found = [{"query": query, "ratings": ratings} for query, ratings in found.items()]
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        message = f"{file}: expected {_RATINGS} to be a list of {{query, ratings}}"
        raise FormatError(message)
    yield from found


def _inside(tree: Any) -> Mapping[str, Any]:  # noqa: ANN401 JSON
    """Return the list itself, out of a reply to ``GET _plugins/_search_relevance/judgments``."""
    if isinstance(tree, dict) and _RATINGS not in tree:
        hits = tree.get("hits")
        found = hits.get("hits") if isinstance(hits, dict) else None
        first = found[0] if isinstance(found, list) and found else {}
        tree = first.get("_source", {}) if isinstance(first, dict) else {}
    return tree if isinstance(tree, dict) else {}


def _pairs(query: Row) -> Iterator[tuple[str, Mapping[str, Any]]]:
    ratings = query.values.get("ratings")
    if isinstance(ratings, dict):
        ratings = [{"docId": doc_id, "rating": rating} for doc_id, rating in ratings.items()]
    if not isinstance(ratings, list) or not all(isinstance(each, dict) for each in ratings):
        expected = "ratings to be a list of {docId, rating}"
        raise query.wrong(expected)
    for at, each in enumerate(ratings):
        yield f"{query.place}.ratings[{at}]", each


FORMAT: Final = Format(
    name="search_relevance",
    title="OpenSearch Search Relevance judgment lists",
    needs="one .json file with judgmentRatings: [{query, ratings: [{docId, rating}]}]",
    fits=fits,
    options={
        "judgments": Option("The file, if there are several."),
        **gain_options("linear"),
    },
    judged=judged,
)
