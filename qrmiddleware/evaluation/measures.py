"""What rankings are worth against judgments, query by query.

The measures are ir-measures' (pytrec_eval and its share of judged hits); here stands only what they
have to be told: gains as whole numbers, rankings as they were answered, and every query that is to
count.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm
from typing import Any, Final

from qrmiddleware.evaluation.collection import Gains, JudgedQueries, Qrels
from qrmiddleware.evaluation.rankings import Ranking

NDCG: Final = "nDCG@10"
CONDENSED: Final = "nDCG@10 condensed"
JUDGED: Final = "Judged@10"
NOTHING_FOUND: Final = "nothing found"

CUTOFFS: Final[Mapping[str, int]] = {
    NDCG: 10,
    CONDENSED: 10,
    JUDGED: 10,
    "P@10": 10,
    "RR": 1,
    "R@100": 100,
    "R@1000": 1000,
    "bpref": 1,
    NOTHING_FOUND: 1,
}
"""Every measure, and the least depth that it needs."""

LOWER_IS_BETTER: Final = frozenset({NOTHING_FOUND})

MOST_WHOLE: Final = 2**20
"""Whole-number gains go up to here: pytrec_eval counts in a table of that length."""


_BATCH: Final = 1_000
"""Queries that are handed over at a time, so that deep rankings of many take little memory."""


def measures_at(depth: int) -> tuple[str, ...]:
    """Name the measures that rankings of this depth allow."""
    return tuple(name for name, least in CUTOFFS.items() if least <= depth)


def whole_gains(gains: Gains) -> dict[int, int]:
    """Return gains as whole numbers in the same proportions, as pytrec_eval wants them.

    nDCG does not change when all gains are multiplied. Decimal fractions such as ESCI's 0.1 and
    0.01 come out exactly. Where that takes numbers above ``MOST_WHOLE``, the largest gain becomes
    ``MOST_WHOLE`` and the others are rounded, each by less than a millionth of the largest.

    Raises:
        ValueError: If a gain is negative or not finite.
    """
    for relevance, gain in gains.items():
        if not 0 <= gain < float("inf"):
            message = f"relevance {relevance} has gain {gain}: a gain is a number from 0 on"
            raise ValueError(message)
    exact = {relevance: Fraction(str(gain)) for relevance, gain in gains.items()}
    factor = Fraction(lcm(*(gain.denominator for gain in exact.values())))
    largest = max(exact.values(), default=Fraction(0))
    if largest * factor > MOST_WHOLE:
        factor = MOST_WHOLE / largest
    return {relevance: round(gain * factor) for relevance, gain in exact.items()}


def measure(
    judged: JudgedQueries, rankings: Mapping[str, Ranking], *, depth: int
) -> dict[str, dict[str, float]]:
    """Measure rankings.

    Args:
        judged: Every query of these counts; one without a hit or ranking has 0 in all measures
            but ``NOTHING_FOUND``. Queries without anything relevant should be left out before.
        rankings: By query_id; their order is that of their hits, whatever the scores say.
        depth: Measures that need more than this are left out.

    Returns:
        Value by measure, then by query_id, in the order of ``CUTOFFS`` and of the queries.

    Raises:
        ValueError: If a relevance has no gain.
    """
    values: dict[str, dict[str, float]] = {name: {} for name in measures_at(depth)}
    for start in range(0, len(judged.queries), _BATCH):
        some = judged.only(judged.queries[start : start + _BATCH])
        measured = _measure_some(some, rankings)
        for name, by_query in values.items():
            by_query.update(
                (query.query_id, measured[name].get(query.query_id, 0.0)) for query in some.queries
            )
    return values


def _measure_some(
    judged: JudgedQueries, rankings: Mapping[str, Ranking]
) -> Mapping[str, Mapping[str, float]]:
    queries = [query.query_id for query in judged.queries]
    qrels = {query_id: dict(judged.qrels.get(query_id, {})) for query_id in queries}
    hits = {query_id: rankings[query_id].doc_ids for query_id in queries if query_id in rankings}
    judged_hits = {
        query_id: [doc_id for doc_id in doc_ids if doc_id in qrels[query_id]]
        for query_id, doc_ids in hits.items()
    }
    gains = _with_gains(qrels, judged.gains)
    return {
        NDCG: _ndcg(gains, hits),
        CONDENSED: _ndcg(gains, judged_hits),
        **_binary(qrels, hits, relevant_from=judged.relevant_from),
        NOTHING_FOUND: {query_id: float(not hits.get(query_id)) for query_id in queries},
    }


def mean(values: Iterable[float]) -> float:
    """Return the mean; 0 of nothing."""
    known = list(values)
    return sum(known) / len(known) if known else 0.0


def _with_gains(qrels: Qrels, gains: Gains) -> Qrels:
    whole = whole_gains(gains)
    try:
        return {
            query_id: {doc_id: whole[relevance] for doc_id, relevance in documents.items()}
            for query_id, documents in qrels.items()
        }
    except KeyError as error:
        known = ", ".join(map(str, sorted(whole)))
        message = (
            f"relevance {error} occurs in the judgments and has no gain; gains are for {known}"
        )
        raise ValueError(message) from error


def _ndcg(gains: Qrels, hits: Mapping[str, Sequence[str]]) -> Mapping[str, float]:
    import ir_measures  # noqa: PLC0415 heavy

    return _values(ir_measures.pytrec_eval, {NDCG: ir_measures.nDCG @ 10}, gains, hits)[NDCG]


def _binary(
    qrels: Qrels, hits: Mapping[str, Sequence[str]], *, relevant_from: int
) -> Mapping[str, Mapping[str, float]]:
    """Measure what knows only relevant and not."""
    import ir_measures  # noqa: PLC0415 heavy

    binary = {
        query_id: {doc_id: int(relevance >= relevant_from) for doc_id, relevance in found.items()}
        for query_id, found in qrels.items()
    }
    wanted = {
        "P@10": ir_measures.P @ 10,
        "RR": ir_measures.RR,
        "R@100": ir_measures.R @ 100,
        "R@1000": ir_measures.R @ 1000,
        "bpref": ir_measures.Bpref,
    }
    shares = {JUDGED: ir_measures.Judged @ 10}
    return {
        **_values(ir_measures.pytrec_eval, wanted, binary, hits),
        **_values(ir_measures.judged, shares, binary, hits),
    }


def _values(
    provider: Any,  # noqa: ANN401 ir-measures has no types
    wanted: Mapping[str, Any],
    qrels: Qrels,
    hits: Mapping[str, Sequence[str]],
) -> dict[str, dict[str, float]]:
    """Ask one of ir-measures' providers; queries without hits get the measure's 0."""
    names = {measured: name for name, measured in wanted.items()}
    values: dict[str, dict[str, float]] = {name: {} for name in wanted}
    evaluator = provider.evaluator(list(names), qrels)
    for metric in evaluator.iter_calc(_as_scores(hits)):
        values[names[metric.measure]][metric.query_id] = float(metric.value)
    return values


def _as_scores(hits: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Return falling scores: providers sort by them, and break ties by doc_id."""
    return {
        query_id: {doc_id: float(len(doc_ids) - rank) for rank, doc_id in enumerate(doc_ids)}
        for query_id, doc_ids in hits.items()
        if doc_ids
    }
