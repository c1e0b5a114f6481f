"""Clauses: tantivy queries, and what to do where tantivy cannot score as Elasticsearch does."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import tantivy

from qrmiddleware.upstream.embedded.view import View

Scores: TypeAlias = Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Clause:
    """One query, ready to run.

    Attributes:
        query: Matches exactly the right documents; scores them right unless ``rescore`` is set.
        rescore: Gives the right scores of all matches, where tantivy's are not.
        is_constant: Whether all matches have the same score.
    """

    query: tantivy.Query
    rescore: Callable[[], Scores] | None = None
    is_constant: bool = False


def scores_of(clause: Clause, view: View) -> Scores:
    """The score of every document that matches."""
    return clause.rescore() if clause.rescore else view.scores(clause.query)


def nothing() -> Clause:
    """Matches no document."""
    return Clause(tantivy.Query.empty_query(), is_constant=True)


def everything(score: float = 1.0) -> Clause:
    """Matches every document."""
    return constant(Clause(tantivy.Query.all_query()), score)


def constant(clause: Clause, score: float = 1.0) -> Clause:
    """The same matches, all with one score."""
    return Clause(tantivy.Query.const_score_query(clause.query, score), is_constant=True)


def boosted(clause: Clause, boost: float) -> Clause:
    """The same matches, with scores times ``boost``."""
    if boost == 1.0:
        return clause
    rescore = clause.rescore
    return replace(
        clause,
        query=tantivy.Query.boost_query(clause.query, boost),
        rescore=rescore and (lambda: {seq: score * boost for seq, score in rescore().items()}),
    )


def any_of(clauses: Sequence[Clause], view: View, *, at_least: int = 1) -> Clause:
    """Matches what enough of the clauses match; scores add up."""
    return combine((), clauses, view, at_least=at_least)


def all_of(clauses: Sequence[Clause], view: View) -> Clause:
    """Matches what all of the clauses match; scores add up."""
    return combine(clauses, (), view)


def combine(
    must: Sequence[Clause],
    should: Sequence[Clause],
    view: View,
    *,
    filters: Sequence[Clause] = (),
    must_not: Sequence[Clause] = (),
    at_least: int = 0,
) -> Clause:
    """A ``bool`` query: scores of ``must`` and ``should`` add up, the others only restrict."""
    scoring = [*must, *should]
    if len(scoring) == 1 and not filters and not must_not and at_least <= len(should):
        return scoring[0]
    occurs = [(tantivy.Occur.Must, clause.query) for clause in must]
    occurs += [(tantivy.Occur.Must, constant(clause, 0.0).query) for clause in filters]
    occurs += [(tantivy.Occur.Should, clause.query) for clause in should]
    occurs += [(tantivy.Occur.MustNot, clause.query) for clause in must_not]
    if not must and not filters and not should:
        occurs.append((tantivy.Occur.Must, everything(0.0).query))
    query = tantivy.Query.boolean_query(occurs, minimum_number_should_match=at_least)
    is_constant = all(clause.is_constant for clause in must) and not should
    if all(clause.rescore is None for clause in scoring):
        return Clause(query, is_constant=is_constant)
    return Clause(query, lambda: _sum_scores(query, scoring, view))


def _sum_scores(query: tantivy.Query, scoring: Sequence[Clause], view: View) -> Scores:
    total = dict.fromkeys(view.scores(constant(Clause(query)).query), 0.0)
    for clause in scoring:
        for seq, score in scores_of(clause, view).items():
            if seq in total:
                total[seq] += score
    return total


def best_of(clauses: Sequence[Clause], view: View, *, tie_breaker: float = 0.0) -> Clause:
    """A ``dis_max`` query: the best score, plus ``tie_breaker`` times the others."""
    if not clauses:
        return nothing()
    if len(clauses) == 1:
        return clauses[0]
    queries = [clause.query for clause in clauses]
    query = tantivy.Query.disjunction_max_query(queries, tie_breaker=tie_breaker)
    if all(clause.rescore is None for clause in clauses):
        return Clause(query)
    return Clause(query, lambda: _best_scores(clauses, tie_breaker, view))


def _best_scores(clauses: Sequence[Clause], tie_breaker: float, view: View) -> Scores:
    best: dict[int, float] = {}
    total: dict[int, float] = {}
    for clause in clauses:
        for seq, score in scores_of(clause, view).items():
            best[seq] = max(best.get(seq, 0.0), score)
            total[seq] = total.get(seq, 0.0) + score
    return {seq: top + tie_breaker * (total[seq] - top) for seq, top in best.items()}
