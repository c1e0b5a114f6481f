"""What rewrites are worth: by the result sets that they bring, and hit by hit.

Source of the three measures: Peng et al. 2023, Large language model based long-tail query rewriting
in Taobao search, arXiv:2311.03758 (BEQUE).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import chain
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.rankings import Ranking

IncrementMode: TypeAlias = Literal["new", "union_ratio"]


class Judge(Protocol):
    """Decides what is relevant: judgments, or a model."""

    def relevant(self, query: JudgedQuery, doc_ids: Collection[str]) -> AbstractSet[str]:
        """Return those of the documents that are relevant to the query as it was typed."""


@dataclass(frozen=True, slots=True)
class JudgmentsJudge:
    """Knows what the judgments say; what nobody judged is not relevant.

    Attributes:
        judged: Where they are.
    """

    judged: JudgedQueries

    def relevant(self, query: JudgedQuery, doc_ids: Collection[str]) -> AbstractSet[str]:
        """Return the documents that are judged relevant."""
        return self.judged.relevant[query.query_id] & set(doc_ids)


@dataclass(frozen=True, slots=True)
class RewriteValue:
    """What one rewrite is worth, or the mean over several.

    Attributes:
        relevance: Share of what it finds that is relevant to the query as typed.
        increment: What it finds that is relevant and new, by what the query found of relevant.
        increment_union: The same of both together, as the paper's formula has it.
        hit_rate: Share of what users got elsewhere that both together find; ``None`` if that
            is not known, or nothing of it is relevant.
    """

    relevance: float
    increment: float
    increment_union: float
    hit_rate: float | None = None


@dataclass(frozen=True, slots=True)
class RewriteYield:
    """What one rewrite brought to one query's ranking, as far as the arm says who found what.

    Attributes:
        query_id: Which query.
        rewrite: The wording.
        found: How many of the ranking's hits it found, alone or with others.
        alone: The doc_ids that only it found, best first.
        relevant: How many of those are judged relevant, …
        irrelevant: … judged and not relevant, …
        unjudged: … or not judged.
        value: What it finds when it is searched for alone; ``None`` if that was not asked.
    """

    query_id: str
    rewrite: str
    found: int
    alone: tuple[str, ...]
    relevant: int
    irrelevant: int
    unjudged: int
    value: RewriteValue | None = None


def relevance_share(found: AbstractSet[str], relevant: AbstractSet[str]) -> float:
    """Return the paper's ``rele``: the share of what a rewrite finds that is relevant.

    A rewrite that finds nothing has 0: it helps nobody.

    Args:
        found: What the rewrite finds.
        relevant: What is relevant to the query as typed; may hold more than was found.
    """
    return len(found & relevant) / len(found) if found else 0.0


def increment(
    before: AbstractSet[str],
    found: AbstractSet[str],
    relevant: AbstractSet[str],
    *,
    mode: IncrementMode = "new",
) -> float:
    """Return the paper's ``incr``: how much of relevant a rewrite adds.

    The formula as printed compares the union with the query's own (``union_ratio``), so it cannot
    be below 1 where the query finds anything relevant, yet the paper's table has such values.
    ``new`` counts only what the query did not find. Both divide by 1 where the query finds
    nothing relevant: those queries are what rewriting is for, and each new hit counts there.

    Args:
        before: What the query finds as typed.
        found: What the rewrite finds.
        relevant: What is relevant to the query as typed; may hold more than was found.
        mode: What to count.
    """
    gained = (found | before) if mode == "union_ratio" else (found - before)
    return len(gained & relevant) / max(1, len(before & relevant))


def hit_rate(
    before: AbstractSet[str],
    found: AbstractSet[str],
    elsewhere: AbstractSet[str],
    relevant: AbstractSet[str],
) -> float | None:
    """Return the paper's ``hitrate``: what users got elsewhere, and search would have found.

    Args:
        before: What the query finds as typed.
        found: What the rewrite finds.
        elsewhere: What users got without searching.
        relevant: What is relevant to the query as typed; only such counts of ``elsewhere``.

    Returns:
        The share; ``None`` if nothing of ``elsewhere`` is relevant, so that it says nothing.
    """
    wanted = elsewhere & relevant
    return len(wanted & (before | found)) / len(wanted) if wanted else None


def value_rewrite(
    judge: Judge,
    query: JudgedQuery,
    before: AbstractSet[str],
    found: AbstractSet[str],
    *,
    elsewhere: AbstractSet[str] = frozenset(),
) -> RewriteValue:
    """Value one rewrite of a query; the judge is asked once.

    Args:
        judge: Says what is relevant.
        query: As typed.
        before: What it finds as typed.
        found: What the rewrite finds.
        elsewhere: What users of this query got without searching.
    """
    relevant = judge.relevant(query, before | found | elsewhere)
    return RewriteValue(
        relevance_share(found, relevant),
        increment(before, found, relevant),
        increment(before, found, relevant, mode="union_ratio"),
        hit_rate(before, found, elsewhere, relevant),
    )


def mean_value(values: Collection[RewriteValue]) -> RewriteValue | None:
    """Return the mean over rewrites; ``None`` of none.

    Rewrites without a hit rate do not count in it.
    """
    if not values:
        return None
    rates = [value.hit_rate for value in values if value.hit_rate is not None]
    return RewriteValue(
        sum(value.relevance for value in values) / len(values),
        sum(value.increment for value in values) / len(values),
        sum(value.increment_union for value in values) / len(values),
        sum(rates) / len(rates) if rates else None,
    )


def attribute(judged: JudgedQueries, rankings: Iterable[Ranking]) -> tuple[RewriteYield, ...]:
    """Tell what each rewrite brought, by what the arm says of who found which hit.

    A rewrite that found nothing is there with zeros. Of rankings that do not say who found their
    hits, nothing is told.

    Args:
        judged: Says what is relevant; rankings of other queries are passed over.
        rankings: One a query.
    """
    known = {query.query_id for query in judged.queries}
    told = (ranking for ranking in rankings if ranking.query_id in known)
    return tuple(chain.from_iterable(_yields(judged, ranking) for ranking in told))


def value_yields(
    judge: Judge,
    judged: JudgedQueries,
    yields: Iterable[RewriteYield],
    before: Mapping[str, Ranking],
    found: Mapping[str, Ranking],
    *,
    depth: int,
    elsewhere: Mapping[str, AbstractSet[str]] = MappingProxyType({}),
) -> tuple[RewriteYield, ...]:
    """Value rewrites by what they find alone.

    Those whose query or own search has no ranking keep no value.

    Args:
        judge: Says what is relevant.
        judged: The queries.
        yields: The rewrites.
        before: What the queries find as typed, by query_id.
        found: What the rewrites find alone, by wording.
        depth: How many hits of each count: the sizes of the paper's sets.
        elsewhere: What users of a query got without searching, by query_id.
    """
    queries = {query.query_id: query for query in judged.queries}
    return tuple(
        replace(
            each,
            value=value_rewrite(
                judge,
                queries[each.query_id],
                _top(before[each.query_id], depth),
                _top(found[each.rewrite], depth),
                elsewhere=elsewhere.get(each.query_id, frozenset()),
            ),
        )
        if _known(before.get(each.query_id)) and _known(found.get(each.rewrite))
        else each
        for each in yields
    )


def _known(ranking: Ranking | None) -> bool:
    return ranking is not None and not ranking.problem


def _top(ranking: Ranking, depth: int) -> frozenset[str]:
    return frozenset(ranking.doc_ids[:depth])


def _yields(judged: JudgedQueries, ranking: Ranking) -> Iterator[RewriteYield]:
    qrels = judged.qrels.get(ranking.query_id, {})
    relevant = judged.relevant[ranking.query_id]
    for rewrite in ranking.rewrites:
        alone = tuple(hit.doc_id for hit in ranking.hits if hit.found_by == (rewrite,))
        yield RewriteYield(
            ranking.query_id,
            rewrite,
            found=sum(rewrite in hit.found_by for hit in ranking.hits),
            alone=alone,
            relevant=sum(doc_id in relevant for doc_id in alone),
            irrelevant=sum(doc_id in qrels and doc_id not in relevant for doc_id in alone),
            unjudged=sum(doc_id not in qrels for doc_id in alone),
        )
