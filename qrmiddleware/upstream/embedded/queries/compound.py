"""Queries of queries: ``bool``, ``dis_max``, ``constant_score``, ``boosting``."""

from qrmiddleware.upstream.embedded.problems import illegal, unparsable
from qrmiddleware.upstream.embedded.queries.clauses import (
    Clause,
    Scores,
    best_of,
    combine,
    constant,
    everything,
    scores_of,
)
from qrmiddleware.upstream.embedded.queries.context import Compilation, read_number, take
from qrmiddleware.upstream.embedded.queries.matching import enough
from qrmiddleware.upstream.embedded.values import Json


def compile_bool(params: Json, context: Compilation) -> Clause:
    """``bool``."""
    allowed = "must should filter must_not minimum_should_match adjust_pure_negative"
    given = take(params, "bool", allowed)
    must = context.inner_each(given.get("must", []))
    should = context.inner_each(given.get("should", []))
    filters = context.inner_each(given.get("filter", []))
    must_not = context.inner_each(given.get("must_not", []))
    if not (must or should or filters or must_not):
        return everything()
    asked = given.get("minimum_should_match")
    default = 1 if should and not (must or filters) else 0
    at_least = default if asked is None else enough(asked, len(should))
    return combine(
        must, should, context.view, filters=filters, must_not=must_not, at_least=at_least
    )


def compile_dis_max(params: Json, context: Compilation) -> Clause:
    """``dis_max``."""
    given = take(params, "dis_max", "queries tie_breaker")
    if not given.get("queries"):
        raise unparsable(reason="[dis_max] requires 'queries' field with at least one clause")
    clauses = context.inner_each(given["queries"])
    tie_breaker = read_number(given.get("tie_breaker", 0.0), "tie_breaker")
    return best_of(clauses, context.view, tie_breaker=tie_breaker)


def compile_constant_score(params: Json, context: Compilation) -> Clause:
    """``constant_score``."""
    given = take(params, "constant_score", "filter")
    if "filter" not in given:
        raise unparsable(reason="[constant_score] requires a 'filter' element")
    return constant(context.inner(given["filter"]))


def compile_boosting(params: Json, context: Compilation) -> Clause:
    """``boosting``."""
    given = take(params, "boosting", "positive negative negative_boost")
    for name in ("positive", "negative", "negative_boost"):
        if name not in given:
            raise illegal(reason=f"[boosting] query requires '{name}' to be set")
    factor = read_number(given["negative_boost"], "negative_boost")
    if factor < 0:
        raise illegal(
            reason="[boosting] query requires 'negative_boost' to be set to be a positive value"
        )
    positive = context.inner(given["positive"])
    negative = constant(context.inner(given["negative"]))
    view = context.view

    def rescore() -> Scores:
        demoted = view.scores(negative.query)
        found = scores_of(positive, view)
        return {seq: score * factor if seq in demoted else score for seq, score in found.items()}

    return Clause(positive.query, rescore)


def compile_match_all(params: Json, _context: Compilation) -> Clause:
    """``match_all``."""
    take(params, "match_all", "")
    return everything()


def compile_match_none(params: Json, _context: Compilation) -> Clause:
    """``match_none``."""
    take(params, "match_none", "")
    return constant(combine((), (), _context.view, must_not=[everything()]))
