"""The table of queries, and the way into it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from qrmiddleware.upstream.embedded.problems import ApiError, unparsable, unsupported
from qrmiddleware.upstream.embedded.queries import compound, fulltext, functions, terms
from qrmiddleware.upstream.embedded.queries.clauses import Clause, boosted
from qrmiddleware.upstream.embedded.queries.context import (
    MAX_DEPTH,
    Compilation,
    read_boost,
)
from qrmiddleware.upstream.embedded.values import Json
from qrmiddleware.upstream.embedded.view import View


@dataclass(frozen=True, slots=True)
class QueryType:
    """One kind of query.

    Attributes:
        compile: Makes a clause of its parameters.
        in_field: Whether ``boost`` and ``_name`` may stand inside ``{field: {…}}``.
    """

    compile: Callable[[Any, Compilation], Clause]
    in_field: bool = False


QUERIES: Mapping[str, QueryType] = {
    "bool": QueryType(compound.compile_bool),
    "boosting": QueryType(compound.compile_boosting),
    "combined_fields": QueryType(fulltext.compile_combined_fields),
    "constant_score": QueryType(compound.compile_constant_score),
    "dis_max": QueryType(compound.compile_dis_max),
    "exists": QueryType(terms.compile_exists),
    "function_score": QueryType(functions.compile_function_score),
    "fuzzy": QueryType(fulltext.compile_fuzzy, in_field=True),
    "ids": QueryType(terms.compile_ids),
    "match": QueryType(fulltext.compile_match, in_field=True),
    "match_all": QueryType(compound.compile_match_all),
    "match_bool_prefix": QueryType(fulltext.compile_match_bool_prefix, in_field=True),
    "match_none": QueryType(compound.compile_match_none),
    "match_phrase": QueryType(fulltext.compile_match_phrase, in_field=True),
    "match_phrase_prefix": QueryType(fulltext.compile_match_phrase_prefix, in_field=True),
    "multi_match": QueryType(fulltext.compile_multi_match),
    "prefix": QueryType(terms.compile_prefix, in_field=True),
    "query_string": QueryType(fulltext.compile_query_string),
    "range": QueryType(terms.compile_range, in_field=True),
    "regexp": QueryType(terms.compile_regexp, in_field=True),
    "simple_query_string": QueryType(fulltext.compile_simple_query_string),
    "term": QueryType(terms.compile_term, in_field=True),
    "terms": QueryType(terms.compile_terms),
    "wildcard": QueryType(terms.compile_wildcard, in_field=True),
}
"""Every query that can be asked."""


def compile_query(body: Json, view: View) -> tuple[Clause, Compilation]:
    """Compile a query for an index.

    Returns:
        The clause, and what was noted on the way.

    Raises:
        ApiError: If it is malformed, or a kind of query that is not supported.
    """
    context = Compilation(view, _compile)
    return _compile(body, context), context


def _compile(body: Json, context: Compilation) -> Clause:
    if not isinstance(body, dict):
        raise unparsable(reason="[_na] query malformed, must start with start_object")
    if not body:
        raise illegal_empty()
    if len(body) > 1:
        first, second, *_ = body
        raise unparsable(
            reason=f"[{first}] malformed query, expected [END_OBJECT] but found [{second}]"
        )
    [(name, params)] = body.items()
    if name not in QUERIES:
        raise unsupported(what="query", name=name)
    context.depth += 1
    if context.depth > MAX_DEPTH:
        raise ApiError(
            kind="illegal_argument_exception",
            reason="The nested depth of the query exceeds the maximum nested depth for queries "
            f"set in [indices.query.bool.max_nested_depth]: {MAX_DEPTH}",
        )
    kind = QUERIES[name]
    clause = kind.compile(params, context)
    context.depth -= 1
    common = _common(params, in_field=kind.in_field)
    clause = boosted(clause, read_boost(common))
    if common.get("_name") is not None:
        context.named.append((str(common["_name"]), clause.query))
    return clause


def illegal_empty() -> ApiError:
    """The refusal of ``{}`` where a query must be."""
    return ApiError(kind="illegal_argument_exception", reason="query malformed, empty clause found")


def _common(params: Json, *, in_field: bool) -> dict[str, Any]:
    found = {name: params[name] for name in ("boost", "_name") if name in params}
    if in_field:
        for value in params.values():
            if isinstance(value, dict):
                found.update({key: value[key] for key in ("boost", "_name") if key in value})
    return found
