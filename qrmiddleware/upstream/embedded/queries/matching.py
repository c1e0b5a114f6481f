"""How words are looked for in one field: ``match`` and its relatives."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tantivy

from qrmiddleware.upstream.embedded.mapping import Field
from qrmiddleware.upstream.embedded.problems import ApiError, illegal
from qrmiddleware.upstream.embedded.queries.clauses import (
    Clause,
    any_of,
    best_of,
    boosted,
    everything,
    nothing,
)
from qrmiddleware.upstream.embedded.queries.context import Compilation, read_number
from qrmiddleware.upstream.embedded.queries.fuzzy import (
    MAX_EXPANSIONS,
    max_edits,
    similar_terms,
)
from qrmiddleware.upstream.embedded.queries.terms import (
    prefix_clause,
    term_clause,
    value_clause,
    weighted_terms,
)
from qrmiddleware.upstream.embedded.values import Json
from qrmiddleware.upstream.embedded.view import View

_K1 = 1.2
_GRADED_SLOP = 8
"""Up to here phrases are scored by how many moves they need; beyond, all alike."""

_TEXTUAL = frozenset(("text", "keyword"))


@dataclass(frozen=True, slots=True)
class Wording:
    """How the words of a query are to be matched.

    Attributes:
        every: Whether all words must match.
        at_least: ``minimum_should_match``, or ``None``.
        fuzziness: As given, or ``None``.
        prefix_length: First characters that fuzziness leaves alone.
        max_expansions: Most terms that a fuzzy word or a prefix stands for.
        swaps: Whether fuzziness counts two swapped neighbours as one edit.
        slop: How far the words of a phrase may be moved.
        analyzer: Reads the words instead of the field's own; empty for that one.
        match_all: What words that leave no term match: everything or nothing.
        lenient: Whether values that a field cannot hold match nothing.
    """

    every: bool = False
    at_least: str | int | None = None
    fuzziness: object = None
    prefix_length: int = 0
    max_expansions: int = MAX_EXPANSIONS
    swaps: bool = True
    slop: int = 0
    analyzer: str = ""
    match_all: bool = False
    lenient: bool = False


def read_wording(params: Mapping[str, Any], *, lenient: bool = False) -> Wording:
    """The options of a query on words.

    Raises:
        ApiError: If one of them has no meaning.
    """
    operator = str(params.get("operator", params.get("default_operator", "or"))).lower()
    if operator not in {"or", "and"}:
        raise illegal(reason=f"No enum constant for operator [{operator}]: use or, and")
    if int(read_number(params.get("max_expansions", 50), "max_expansions")) <= 0:
        raise illegal(reason="[match] requires maxExpansions to be positive.")
    return Wording(
        every=operator == "and",
        at_least=params.get("minimum_should_match"),
        fuzziness=params.get("fuzziness"),
        prefix_length=int(read_number(params.get("prefix_length", 0), "prefix_length")),
        max_expansions=int(read_number(params.get("max_expansions", 50), "max_expansions")),
        swaps=bool(params.get("fuzzy_transpositions", True)),
        slop=int(read_number(params.get("slop", 0), "slop")),
        analyzer=str(params.get("analyzer") or ""),
        match_all=str(params.get("zero_terms_query", "none")).lower() == "all",
        lenient=bool(params.get("lenient", lenient)),
    )


def enough(at_least: str | int | None, optional: int) -> int:
    """How many of so many optional clauses ``minimum_should_match`` asks for.

    Raises:
        ApiError: If it cannot be read.
    """
    if at_least is None:
        return 0
    asked = str(at_least).strip()
    if "<" in asked:
        for condition in reversed(re.sub(r"\s*<\s*", "<", asked).split()):
            above, _, then = condition.partition("<")
            if optional > _read_count(above):
                return enough(then, optional)
        return optional
    if asked.endswith("%"):
        part = int(optional * _read_count(asked[:-1]) / 100)
        return max(0, part if part >= 0 and not asked.startswith("-") else optional + part)
    count = _read_count(asked)
    return max(0, count if count >= 0 else optional + count)


def _read_count(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise illegal(
            reason=f"cannot read [minimum_should_match]: [{text}] is not a number"
        ) from error


def read_terms(field: Field, text: Json, wording: Wording, view: View) -> list[tuple[int, str]]:
    """The terms of a text with their positions, as a query on the field looks for them."""
    name = wording.analyzer or field.search_analyzer
    if field.family == "keyword" and not wording.analyzer:
        return [(0, view.mapping.analysis.normalize(field.normalizer, _as_text(text)))]
    tokens = view.mapping.analysis.analyzer(name).pre_tokenize(_as_text(text)).tokens
    return [(token.position, token.text) for token in tokens]


def _as_text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(field: Field, text: Json, wording: Wording, view: View) -> Clause:
    try:
        return value_clause(field, text, view)
    except ApiError:
        if wording.lenient:
            return nothing()
        raise


def _word(field: Field, term: str, wording: Wording, context: Compilation) -> Clause:
    view = context.view
    edits = max_edits(wording.fuzziness, term) if wording.fuzziness is not None else 0
    if not edits:
        context.terms[field.path].add(term)
        return term_clause(field, term, view)
    similar = similar_terms(
        term,
        view.vocabulary(field),
        edits=edits,
        prefix_length=wording.prefix_length,
        limit=wording.max_expansions,
        swaps=wording.swaps,
    )
    context.terms[field.path].update(similar)
    return weighted_terms(field, similar, view)


def match_words(field: Field, text: Json, wording: Wording, context: Compilation) -> Clause:
    """``match``: any, enough or all of the words."""
    if field.family not in _TEXTUAL:
        return _value(field, text, wording, context.view)
    terms = read_terms(field, text, wording, context.view)
    return join_words(
        [_word(field, term, wording, context) for _, term in terms], wording, context.view
    )


def join_words(clauses: Sequence[Clause], wording: Wording, view: View) -> Clause:
    """Any, enough or all of the words, each already a clause."""
    if not clauses:
        return everything() if wording.match_all else nothing()
    count = len(clauses)
    needed = count if wording.every else max(1, enough(wording.at_least, count))
    return any_of(clauses, view, at_least=needed)


def match_bool_prefix(field: Field, text: Json, wording: Wording, context: Compilation) -> Clause:
    """``match_bool_prefix``: the words, the last one as a prefix."""
    if field.family not in _TEXTUAL:
        return _value(field, text, wording, context.view)
    terms = [term for _, term in read_terms(field, text, wording, context.view)]
    clauses = [_word(field, term, wording, context) for term in terms[:-1]]
    for term in terms[-1:]:
        clauses.append(prefix_clause(field, term, context.view))
        _note_prefix(field, term, wording, context)
    return join_words(clauses, wording, context.view)


def match_phrase(field: Field, text: Json, wording: Wording, context: Compilation) -> Clause:
    """``match_phrase``: the words in their order, up to ``slop``."""
    if field.family != "text":
        return _value(field, text, wording, context.view)
    terms = read_terms(field, text, wording, context.view)
    context.terms[field.path].update(term for _, term in terms)
    if not terms:
        return everything() if wording.match_all else nothing()
    return _phrase(field, terms, wording.slop, context.view)


def match_phrase_prefix(field: Field, text: Json, wording: Wording, context: Compilation) -> Clause:
    """``match_phrase_prefix``: the words in their order, the last one as a prefix."""
    view = context.view
    if field.family != "text":
        return _value(field, text, wording, view)
    terms = read_terms(field, text, wording, view)
    if not terms:
        return everything() if wording.match_all else nothing()
    *head, (position, prefix) = terms
    endings = view.terms_with_prefix(field, prefix, wording.max_expansions)
    context.terms[field.path].update([*(term for _, term in head), *endings])
    if not head:
        return any_of([term_clause(field, end, view) for end in endings], view)
    rarities = {end: view.rarity(field, view.document_frequency(field, end)) for end in endings}
    shared = _rarity(field, head, view)
    phrases = [
        boosted(
            _phrase(field, [*head, (position, end)], wording.slop, view),
            (shared + sum(rarities.values())) / (shared + rarities[end]),
        )
        for end in endings
    ]
    return best_of(phrases, view)


def _phrase(field: Field, terms: list[tuple[int, str]], slop: int, view: View) -> Clause:
    if len(terms) == 1:
        return term_clause(field, terms[0][1], view)
    plain = sum(view.plain_rarity(view.document_frequency(field, term)) for _, term in terms)
    scale = _rarity(field, terms, view) / plain
    moves = sorted({*range(min(slop, _GRADED_SLOP) + 1), slop})
    phrases = [
        boosted(
            Clause(tantivy.Query.phrase_query(view.schema, view.slot(field), list(terms), moved)),
            scale * _weight_of_moved(moved),
        )
        for moved in moves
    ]
    return best_of(phrases, view)


def _weight_of_moved(moves: int) -> float:
    """What a phrase with words out of place is worth, as Lucene reckons it.

    Lucene counts it as 1 / (1 + moves) of an occurrence; tantivy as a whole one. This is
    what that makes in BM25 for a text of average length.
    """
    part = 1 / (1 + moves)
    return part * (1 + _K1) / (part + _K1)


def _rarity(field: Field, terms: list[tuple[int, str]], view: View) -> float:
    return sum(view.rarity(field, view.document_frequency(field, term)) for _, term in terms)


def _note_prefix(field: Field, prefix: str, wording: Wording, context: Compilation) -> None:
    endings = context.view.terms_with_prefix(field, prefix, wording.max_expansions)
    context.terms[field.path].update(endings)
