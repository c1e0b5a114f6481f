"""What UP, DOWN and FILTER are about: words, ``field:value`` pairs, raw engine clauses."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qrmiddleware_rules.problems import InvalidTextError
from qrmiddleware_rules.words import Word, split_words, unescape

_REST = re.compile(r"\$1(?!\d)")
_QUALIFIED = re.compile(r"(?P<fields>[^\W\d][\w.@-]*|\{[^{}:]+\}):(?P<text>.+)", re.DOTALL)
_QUOTED = re.compile(r'\s*"[^"]*"\s*(?:~\s*\d+\s*)?')


@dataclass(frozen=True, slots=True)
class Term:
    """One word of a right-hand side.

    Attributes:
        written: As in the file, for messages.
        column: Where it begins, from 1.
        text: The word; empty if it names a field.
        clause: What ``field:value`` means to the engine.
        excluded: Whether a minus stood before it.
    """

    written: str
    column: int
    text: str = ""
    clause: Mapping[str, Any] | None = None
    excluded: bool = False


def find_rest(text: str) -> int:
    """Find the first ``$1``; -1 if there is none."""
    found = _REST.search(text)
    return -1 if found is None else found.start()


def fill(text: str, rest: str) -> str:
    """Put what the wildcard matched where ``$1`` stands."""
    return _REST.sub(lambda _: rest, text)


def fill_clause(clause: Mapping[str, Any], rest: str) -> Mapping[str, Any]:
    """Put what the wildcard matched where ``$1`` stands in the strings of a clause."""
    written = json.dumps(clause)
    if find_rest(written) < 0:
        return clause
    filled: Mapping[str, Any] = json.loads(fill(written, json.dumps(rest)[1:-1]))
    return filled


def names_field(word: Word) -> bool:
    """Whether a word is written ``field:value``."""
    return _QUALIFIED.fullmatch(word.text) is not None


def read_terms(value: Word) -> list[Term]:
    """Read words, each with an optional minus or plus and an optional field.

    Raises:
        InvalidTextError: If a phrase in quotation marks or a wrong escape is found.
    """
    if _QUOTED.fullmatch(value.text):
        message = 'phrases are not supported here: write * {"match_phrase": {"field": "words"}}'
        raise InvalidTextError(message, value.column)
    return [_read_term(word) for word in split_words(*value)]


def read_clause(value: Word) -> Mapping[str, Any] | None:
    """Read ``* {"term": …}``; ``None`` if the value does not begin with an asterisk.

    Raises:
        InvalidTextError: If what follows is not one clause in the engine's query language.
    """
    body = value.text.lstrip()
    if not body.startswith("*"):
        return None
    start = value.column + len(value.text) - len(body) + 1
    if "%%" in body:
        message = "parameters (%%…%%) in raw queries are not supported"
        raise InvalidTextError(message, start + body.index("%%") - 1)
    try:
        clause = json.loads(body[1:].replace("\\#", "#"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        message = f"after * a query clause in JSON is expected: {error.msg}"
        raise InvalidTextError(message, start + error.pos) from error
    except (ValueError, RecursionError) as error:
        message = f"after * a query clause in JSON is expected: {error}"
        raise InvalidTextError(message, start) from error
    if not isinstance(clause, dict) or len(clause) != 1:
        message = 'after * one query clause is expected, such as {"term": {"category": "phone"}}'
        raise InvalidTextError(message, start)
    return clause


def all_of(terms: Sequence[Term]) -> Mapping[str, Any]:
    """Join ``field:value`` terms into one clause that demands them all."""
    clauses = [term.clause for term in terms if not term.excluded]
    excluded = [term.clause for term in terms if term.excluded]
    if not excluded and len(clauses) == 1 and clauses[0] is not None:
        return clauses[0]
    return {"bool": {"must": clauses or [{"match_all": {}}], "must_not": excluded}}


def _read_term(word: Word) -> Term:
    excluded = word.text.startswith("-") and len(word.text) > 1
    signed = excluded or (word.text.startswith("+") and len(word.text) > 1)
    bare = Word(word.text[1:], word.column + 1) if signed else word
    found = _QUALIFIED.fullmatch(bare.text)
    if found is None:
        return Term(bare.text, bare.column, text=unescape(bare), excluded=excluded)
    text = unescape(Word(found["text"], bare.column + found.start("text")))
    fields = [name.strip() for name in found["fields"].strip("{}").split(",") if name.strip()]
    if not fields:
        message = "field names are expected between { and }"
        raise InvalidTextError(message, bare.column)
    return Term(bare.text, bare.column, clause=_match(fields, text), excluded=excluded)


def _match(fields: list[str], text: str) -> Mapping[str, Any]:
    if len(fields) == 1:
        return {"match": {fields[0]: {"query": text, "operator": "and"}}}
    return {"multi_match": {"query": text, "fields": fields, "operator": "and"}}


def _refuse_constant(name: str) -> float:
    message = f"{name} is not JSON"
    raise ValueError(message)
