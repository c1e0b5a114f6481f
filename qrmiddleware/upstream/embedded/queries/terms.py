"""Queries for exact values: ``term``, ``terms``, ``range``, ``exists``, ``ids``, ``prefix`` …."""

import re
from typing import Any

import tantivy

from qrmiddleware.upstream.embedded.inverted import DOC_ID, FIELD_NAMES
from qrmiddleware.upstream.embedded.mapping import Field
from qrmiddleware.upstream.embedded.problems import illegal, unparsable, unsupported
from qrmiddleware.upstream.embedded.queries.clauses import (
    Clause,
    any_of,
    best_of,
    boosted,
    constant,
    everything,
    nothing,
)
from qrmiddleware.upstream.embedded.queries.context import (
    Compilation,
    read_text,
    take,
    take_field,
)
from qrmiddleware.upstream.embedded.values import LONG_MAX, LONG_MIN, Json, read_bound
from qrmiddleware.upstream.embedded.view import View

_TEXTUAL = frozenset(("text", "keyword"))


def indexed_value(field: Field, value: Json, view: View) -> Json:
    """A value in a query, as the index holds it."""
    read = read_bound(field.family, value)
    if field.family == "boolean":
        return "true" if read else "false"
    if field.family == "keyword":
        return view.mapping.analysis.normalize(field.normalizer, read)
    return read


def term_clause(field: Field, term: str, view: View) -> Clause:
    """Documents with a term, scored by BM25 with the statistics of the field.

    tantivy reckons the rarity of a term among all documents; Elasticsearch among those that
    have the field.
    """
    query = tantivy.Query.term_query(view.schema, view.slot(field), term)
    frequency = view.document_frequency(field, term)
    if not frequency:
        return nothing()
    clause = Clause(query)
    plain = view.plain_rarity(frequency)
    return boosted(clause, view.rarity(field, frequency) / plain)


def value_clause(field: Field, value: Json, view: View) -> Clause:
    """Documents with a value; text and keywords are scored, numbers and dates are not."""
    found = indexed_value(field, value, view)
    if isinstance(found, str):
        return term_clause(field, found, view)
    return _range_clause(field, found, found, view)


def compile_term(params: Json, context: Compilation) -> Clause:
    """``term``."""
    path, given = take_field(params, "term", "value")
    given = take(given, "term", "value case_insensitive")
    if path == "_id":
        return compile_ids({"values": [given.get("value")]}, context)
    field = context.view.field(path)
    read_text(given, "value", "term")
    if field is None:
        return nothing()
    if given.get("case_insensitive"):
        pattern = _any_case(re.escape(str(given["value"])))
        return constant(_pattern_clause(field, pattern, context.view))
    if field.family in _TEXTUAL:
        context.terms[path].add(str(given["value"]))
    return value_clause(field, given["value"], context.view)


def compile_terms(params: Json, context: Compilation) -> Clause:
    """``terms``."""
    path, given = take_field(params, "terms", "values")
    values = given.get("values")
    if not isinstance(values, list):
        raise unsupported(what="terms lookup in query", name="terms")
    if any(value is None for value in values):
        raise illegal(reason="No value specified for terms query")
    view = context.view
    if path == "_id":
        return compile_ids({"values": values}, context)
    field = view.field(path)
    if field is None:
        return nothing()
    if field.family in _TEXTUAL:
        context.terms[path].update(str(value) for value in values)
    found = [indexed_value(field, value, view) for value in values]
    return constant(Clause(tantivy.Query.term_set_query(view.schema, view.slot(field), found)))


def compile_ids(params: Json, context: Compilation) -> Clause:
    """``ids``."""
    given = take(params, "ids", "values")
    values = given.get("values", [])
    if isinstance(values, dict):
        raise unparsable(reason="[ids] values doesn't support values of type: START_OBJECT")
    ids = [str(value) for value in (values if isinstance(values, list) else [values])]
    return constant(Clause(tantivy.Query.term_set_query(context.view.schema, DOC_ID, ids)))


def compile_exists(params: Json, context: Compilation) -> Clause:
    """``exists``."""
    path = take(params, "exists", "field").get("field")
    if not isinstance(path, str):
        raise illegal(reason="must be provided with a [field]")
    if path in {"_id", "_index", "_source"}:
        return everything()
    query = tantivy.Query.term_query(context.view.schema, FIELD_NAMES, path, "basic")
    return constant(Clause(query))


def compile_range(params: Json, context: Compilation) -> Clause:
    """``range``."""
    path, given = take_field(params, "range", "gte")
    given = take(given, "range", "gt gte lt lte format time_zone relation from to")
    if "time_zone" in given or "from" in given or "to" in given:
        raise unsupported(what="range parameter", name="time_zone, from, to")
    view = context.view
    field = view.field(path)
    if field is None:
        return nothing()
    bounds = {
        name: indexed_value(field, given[name], view)
        for name in ("gt", "gte", "lt", "lte")
        if given.get(name) is not None
    }
    if field.family in {"integer", "date", "float"}:
        return _number_range(field, bounds, view)
    return _word_range(field, bounds, view)


def _number_range(field: Field, bounds: dict[str, Any], view: View) -> Clause:
    lowest = LONG_MIN if field.family != "float" else float("-inf")
    highest = LONG_MAX if field.family != "float" else float("inf")
    lower = bounds.get("gt", bounds.get("gte", lowest))
    upper = bounds.get("lt", bounds.get("lte", highest))
    return _range_clause(
        field, lower, upper, view, with_lower="gt" not in bounds, with_upper="lt" not in bounds
    )


def _range_clause(
    field: Field,
    lower: Json,
    upper: Json,
    view: View,
    *,
    with_lower: bool = True,
    with_upper: bool = True,
) -> Clause:
    kind = tantivy.FieldType.Float if field.family == "float" else tantivy.FieldType.Integer
    query = tantivy.Query.range_query(
        view.schema,
        view.slot(field),
        kind,
        lower_bound=lower,
        upper_bound=upper,
        include_lower=with_lower,
        include_upper=with_upper,
    )
    return constant(Clause(query))


def _word_range(field: Field, bounds: dict[str, str], view: View) -> Clause:
    tests = {
        "gt": lambda term, bound: term > bound,
        "gte": lambda term, bound: term >= bound,
        "lt": lambda term, bound: term < bound,
        "lte": lambda term, bound: term <= bound,
    }
    inside = [
        term
        for term in view.vocabulary(field)
        if all(tests[name](term, bound) for name, bound in bounds.items())
    ]
    return constant(Clause(tantivy.Query.term_set_query(view.schema, view.slot(field), inside)))


def compile_prefix(params: Json, context: Compilation) -> Clause:
    """``prefix``."""
    path, given = take_field(params, "prefix", "value")
    given = take(given, "prefix", "value case_insensitive rewrite")
    return _compile_pattern(path, given, context, _escape(str(given.get("value", ""))) + ".*")


def compile_wildcard(params: Json, context: Compilation) -> Clause:
    """``wildcard``."""
    path, given = take_field(params, "wildcard", "value")
    given = take(given, "wildcard", "value wildcard case_insensitive rewrite")
    text = str(given.get("value", given.get("wildcard", "")))
    parts = {"*": ".*", "?": "."}
    return _compile_pattern(
        path, given, context, "".join(parts.get(char) or _escape(char) for char in text)
    )


def compile_regexp(params: Json, context: Compilation) -> Clause:
    """``regexp``."""
    path, given = take_field(params, "regexp", "value")
    given = take(given, "regexp", "value case_insensitive rewrite flags max_determinized_states")
    return _compile_pattern(path, given, context, str(given.get("value", "")))


def _compile_pattern(
    path: str, given: dict[str, Any], context: Compilation, pattern: str
) -> Clause:
    field = context.view.field(path)
    if field is None:
        return nothing()
    if field.family not in _TEXTUAL:
        raise unparsable(
            reason="Can only use prefix, wildcard and regexp queries on keyword and text fields - "
            f"not on [{path}] which is of type [{field.type}]"
        )
    if given.get("case_insensitive"):
        pattern = _any_case(pattern)
    return constant(_pattern_clause(field, pattern, context.view))


def prefix_clause(field: Field, prefix: str, view: View) -> Clause:
    """Documents with a term that begins so, all scored 1."""
    return constant(_pattern_clause(field, _escape(prefix) + ".*", view))


def _pattern_clause(field: Field, pattern: str, view: View) -> Clause:
    try:
        return Clause(tantivy.Query.regex_query(view.schema, view.slot(field), pattern))
    except ValueError as error:
        raise illegal(reason=f"cannot read pattern [{pattern}]: {error}") from error


def _escape(text: str) -> str:
    return re.sub(r"([.+*?()|\[\]{}^$\\&~#-])", r"\\\1", text)


def _any_case(pattern: str) -> str:
    return re.sub(
        r"\\.|[^\W\d_]",
        lambda found: (
            found[0]
            if found[0].startswith("\\") or found[0].lower() == found[0].upper()
            else f"[{found[0].lower()}{found[0].upper()}]"
        ),
        pattern,
    )


def weighted_terms(field: Field, terms: dict[str, float], view: View) -> Clause:
    """Documents with any of some terms, each scored as if it were as common as the commonest."""
    frequencies = {term: view.document_frequency(field, term) for term in terms}
    commonest = max(frequencies.values(), default=0)
    clauses = []
    for term, weight in terms.items():
        if frequencies[term]:
            query = Clause(tantivy.Query.term_query(view.schema, view.slot(field), term))
            scale = view.rarity(field, commonest) / view.plain_rarity(frequencies[term])
            clauses.append(boosted(query, weight * scale))
    return any_of(clauses, view) if clauses else nothing()


def weighted_fields(
    fields: list[tuple[Field, float]], term: str, tie_breaker: float, view: View
) -> Clause:
    """A term in any of some fields, scored as if it were as common in all as where it is commonest.

    So a word does not win by being rare in a field that it does not belong in. Among the
    fields the commoner one has a slight advantage.
    """
    frequencies = {field.path: view.document_frequency(field, term) for field, _ in fields}
    levels = sorted({count for count in frequencies.values() if count}, reverse=True)
    clauses = []
    for field, boost in fields:
        count = frequencies[field.path]
        if count:
            query = Clause(tantivy.Query.term_query(view.schema, view.slot(field), term))
            blended = levels[0] + levels.index(count)
            scale = view.rarity(field, blended) / view.plain_rarity(count)
            clauses.append(boosted(query, boost * scale))
    return best_of(clauses, view, tie_breaker=tie_breaker)
