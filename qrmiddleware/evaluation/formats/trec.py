"""TREC qrels and topics.

Source: https://trec.nist.gov/data/qrels_eng/ (topic, iteration, document, judgment);
https://trec.nist.gov/data/topics_eng/ (SGML whose tags are not closed).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.formats.format import Chosen, Format, Option, Source
from qrmiddleware.evaluation.formats.grades import Judgments, gain_options
from qrmiddleware.evaluation.formats.rows import FormatError, first_line, open_text, word_rows

COLUMNS: Final = ("topic", "iteration", "document", "judgment")
_QRELS: Final = ("*qrels*", "*.qrel", "*.qrel.gz", "qrels/*")
_TOPICS: Final = ("*topics*", "*queries*")

_TOP: Final = re.compile(r"<top>(.*?)(?:</top>|(?=<top>)|\Z)", re.IGNORECASE | re.DOTALL)
_PART: Final = re.compile(r"<(num|title|desc|narr)>(.*?)(?=<|\Z)", re.IGNORECASE | re.DOTALL)
_LEAD: Final = re.compile(r"^(?:number|topic|description|narrative)\s*:\s*", re.IGNORECASE)


def fits(source: Source) -> bool:
    """Tell by four words a line, the second and the fourth a number."""
    found = source.find(*_QRELS)
    return found is not None and bool(re.fullmatch(r"\S+\s+\S+\s+\S+\s+-?\d+", first_line(found)))


def judged(source: Source, chosen: Chosen) -> JudgedQueries:
    """Read topics and qrels; topics that were not judged are kept."""
    judgments = Judgments()
    for row in word_rows(source.need(*_wanted(chosen["qrels"], _QRELS)), COLUMNS):
        judgments.add(row.text("topic"), row.text("document"), row.integer("judgment"), row)
    file = source.need(*_wanted(chosen["topics"], _TOPICS))
    return judgments.judged(chosen, list(topics(file, chosen["field"])))


def _wanted(name: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    return (name,) if name else patterns


def topics(file: Path, field: str = "title") -> Iterator[JudgedQuery]:
    """Yield the queries of a file of topics: SGML, or an id, a tab and a text on every line.

    Args:
        file: Of topics.
        field: Of SGML: ``title``, ``desc``, or ``title+desc``.

    Raises:
        FormatError: If a topic has no number, or not the field.
    """
    with open_text(file) as opened:
        text = opened.read()
    yield from _sgml(file, text, field) if "<top>" in text.lower() else _lines(file, text)


def _sgml(file: Path, text: str, field: str) -> Iterator[JudgedQuery]:
    for top in _TOP.finditer(text):
        parts = {tag.lower(): _clean(value) for tag, value in _PART.findall(top[1])}
        words = [parts.get(name, "") for name in ("num", *field.split("+"))]
        if not all(words):
            line = text.count("\n", 0, top.start()) + 1
            missing = ", ".join(f"<{tag}>" for tag in ("num", *field.split("+")))
            message = f"{file}:{line}: expected a topic with {missing}, found {sorted(parts)}"
            raise FormatError(message)
        yield JudgedQuery(words[0], " ".join(words[1:]))


def _clean(value: str) -> str:
    return _LEAD.sub("", " ".join(value.split()))


def _lines(file: Path, text: str) -> Iterator[JudgedQuery]:
    for number, line in enumerate(text.splitlines(), start=1):
        query_id, tab, query = line.partition("\t")
        if not line.strip():
            continue
        if not (tab and query_id.strip() and query.strip()):
            message = f"{file}:{number}: expected an id, a tab and a text, found {line[:120]!r}"
            raise FormatError(message)
        yield JudgedQuery(query_id.strip(), query.strip())


FORMAT: Final = Format(
    name="trec",
    title="TREC qrels and topics",
    needs="a file with qrels in its name and one with topics or queries in it",
    fits=fits,
    options={
        "qrels": Option("File of the judgments, if its name does not say."),
        "topics": Option("File of the topics, if its name does not say."),
        "field": Option(
            "What of an SGML topic is the query.", "title", ("title", "desc", "title+desc")
        ),
        **gain_options("linear"),
    },
    judged=judged,
)
