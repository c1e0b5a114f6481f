"""Queries for words in one field or many: ``match``, ``multi_match``, ``query_string`` …."""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from qrmiddleware.upstream.embedded.mapping import Field
from qrmiddleware.upstream.embedded.problems import unsupported
from qrmiddleware.upstream.embedded.queries.clauses import (
    Clause,
    best_of,
    boosted,
    everything,
    nothing,
)
from qrmiddleware.upstream.embedded.queries.context import (
    Compilation,
    read_fields,
    read_number,
    read_text,
    take,
    take_field,
)
from qrmiddleware.upstream.embedded.queries.matching import (
    Wording,
    join_words,
    match_bool_prefix,
    match_phrase,
    match_phrase_prefix,
    match_words,
    read_terms,
    read_wording,
)
from qrmiddleware.upstream.embedded.queries.terms import weighted_fields
from qrmiddleware.upstream.embedded.values import Json

Match: TypeAlias = Callable[[Field, Any, Wording, Compilation], Clause]

_WORDS = (
    "query operator minimum_should_match fuzziness prefix_length max_expansions analyzer "
    "fuzzy_transpositions fuzzy_rewrite zero_terms_query lenient "
    "auto_generate_synonyms_phrase_query"
)
_STRINGS = (
    "query fields default_field default_operator minimum_should_match analyzer lenient type "
    "analyze_wildcard auto_generate_synonyms_phrase_query flags tie_breaker quote_field_suffix "
    "allow_leading_wildcard enable_position_increments"
)
_SEARCHED_BY_DEFAULT = frozenset(("text", "keyword", "integer", "float", "boolean", "date"))

_SIMPLE_OPERATORS = re.compile(r"[|\"()]|(?:^|\s)[+-]\S|\S[*](?=\s|$)|~\d*(?=\s|$)|\\")
_OPERATORS = re.compile(
    r"[\"()\[\]{}^~*?:/\\!]|&&|\|\||(?:^|\s)[+-]\S|(?:^|\s)(?:AND|OR|NOT)(?=\s|$)"
)


def _compile_in_field(
    params: Json, name: str, allowed: str, match: Match, context: Compilation
) -> Clause:
    path, given = take_field(params, name, "query")
    given = take(given, name, allowed)
    text = read_text(given, "query", name)
    field = context.view.field(path)
    if field is None:
        return nothing()
    return match(field, text, read_wording(given), context)


def compile_match(params: Json, context: Compilation) -> Clause:
    """``match``."""
    return _compile_in_field(params, "match", _WORDS, match_words, context)


def compile_match_phrase(params: Json, context: Compilation) -> Clause:
    """``match_phrase``."""
    allowed = "query slop analyzer zero_terms_query"
    return _compile_in_field(params, "match_phrase", allowed, match_phrase, context)


def compile_match_phrase_prefix(params: Json, context: Compilation) -> Clause:
    """``match_phrase_prefix``."""
    allowed = "query slop analyzer zero_terms_query max_expansions"
    return _compile_in_field(params, "match_phrase_prefix", allowed, match_phrase_prefix, context)


def compile_match_bool_prefix(params: Json, context: Compilation) -> Clause:
    """``match_bool_prefix``."""
    return _compile_in_field(params, "match_bool_prefix", _WORDS, match_bool_prefix, context)


def compile_fuzzy(params: Json, context: Compilation) -> Clause:
    """``fuzzy``."""
    path, given = take_field(params, "fuzzy", "value")
    allowed = "value fuzziness prefix_length max_expansions transpositions rewrite"
    given = take(given, "fuzzy", allowed)
    field = context.view.field(path)
    if field is None:
        return nothing()
    wording = read_wording({**given, "fuzziness": given.get("fuzziness", "AUTO")})
    wording = replace(wording, analyzer="keyword", swaps=bool(given.get("transpositions", True)))
    return match_words(field, read_text(given, "value", "fuzzy"), wording, context)


MULTI_MATCH_TYPES: Mapping[str, tuple[Match, float]] = {
    "best_fields": (match_words, 0.0),
    "most_fields": (match_words, 1.0),
    "phrase": (match_phrase, 0.0),
    "phrase_prefix": (match_phrase_prefix, 0.0),
    "bool_prefix": (match_bool_prefix, 1.0),
}
"""How each type of ``multi_match`` looks into one field, and how much the lesser fields count.

``cross_fields`` is the one type besides that does not look into one field at a time.
"""


def compile_multi_match(params: Json, context: Compilation) -> Clause:
    """``multi_match``."""
    given = take(params, "multi_match", f"{_WORDS} fields type tie_breaker slop")
    return _in_fields(given, str(given.get("type", "best_fields")), context)


def compile_combined_fields(params: Json, context: Compilation) -> Clause:
    """``combined_fields``, as ``cross_fields``: near to it in matches, not in scores."""
    allowed = "query fields operator minimum_should_match zero_terms_query"
    given = take(params, "combined_fields", allowed)
    return _in_fields(given, "cross_fields", context)


def _in_fields(given: Mapping[str, Any], kind: str, context: Compilation) -> Clause:
    named = given.get("fields") or ["*"]
    fields = read_fields(
        [named] if isinstance(named, str) else named, context.view, _SEARCHED_BY_DEFAULT
    )
    wording = read_wording(given, lenient=not given.get("fields") or "*" in "".join(named))
    text = read_text(given, "query", "multi_match")
    if kind == "cross_fields":
        tie_breaker = read_number(given.get("tie_breaker", 0.0), "tie_breaker")
        return _across(fields, text, wording, tie_breaker, context)
    if kind not in MULTI_MATCH_TYPES:
        raise unsupported(what="multi_match type", name=kind)
    match, tie = MULTI_MATCH_TYPES[kind]
    tie_breaker = read_number(given.get("tie_breaker", tie), "tie_breaker")
    clauses = [boosted(match(field, text, wording, context), boost) for field, boost in fields]
    return best_of(clauses, context.view, tie_breaker=tie_breaker)


def _across(
    fields: list[tuple[Field, float]],
    text: Json,
    wording: Wording,
    tie_breaker: float,
    context: Compilation,
) -> Clause:
    """Each word may be in another field: fields that are analysed alike count as one."""
    groups: dict[str, list[tuple[Field, float]]] = defaultdict(list)
    for field, boost in fields:
        alike = field.search_analyzer if field.family == "text" else field.path
        groups[wording.analyzer or alike].append((field, boost))
    clauses = []
    for group in groups.values():
        first, boost = group[0]
        if first.family not in {"text", "keyword"}:
            clauses.append(boosted(match_words(first, text, wording, context), boost))
            continue
        words = []
        for _, term in read_terms(first, text, wording, context.view):
            words.append(weighted_fields(group, term, tie_breaker, context.view))
            for field, _ in group:
                context.terms[field.path].add(term)
        clauses.append(join_words(words, wording, context.view))
    return best_of(clauses, context.view, tie_breaker=tie_breaker)


def compile_query_string(params: Json, context: Compilation) -> Clause:
    """``query_string``, plain words only."""
    given = take(params, "query_string", _STRINGS)
    text = str(given.get("query", "")).strip()
    if text in {"*", "*:*"}:
        return everything()
    operator = _OPERATORS.search(text)
    if operator:
        raise unsupported(what="query_string operator", name=operator[0].strip())
    return _in_fields(_with_fields(given), str(given.get("type", "best_fields")), context)


def compile_simple_query_string(params: Json, context: Compilation) -> Clause:
    """``simple_query_string``, plain words only."""
    given = take(params, "simple_query_string", _STRINGS)
    text = str(given.get("query", "")).strip()
    if text == "*":
        return everything()
    operator = _SIMPLE_OPERATORS.search(text)
    if operator:
        raise unsupported(what="simple_query_string operator", name=operator[0].strip())
    given = _with_fields(given)
    wording = read_wording(given)
    words = [
        _in_fields({**given, "query": word, "minimum_should_match": None}, "most_fields", context)
        for word in text.split()
    ]
    return join_words(words, wording, context.view)


def _with_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    default = given.get("default_field", "*")
    return {**given, "fields": given.get("fields") or ([default] if default != "*" else None)}
