"""Compares arms query by query, and says how far a difference can be trusted."""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from math import isnan, nan
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.measures import LOWER_IS_BETTER, mean, measure
from qrmiddleware.evaluation.rankings import ArmRun, Ranking
from qrmiddleware.evaluation.rewriting import Judge, RewriteYield, attribute, value_yields

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

RESAMPLES: Final = 10_000
SEED: Final = 1729
TIE: Final = 1e-9
"""Values that differ by no more are the same: far below one hit's worth, far above rounding."""
_MOST_DRAWN: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class ArmScores:
    """One arm's rankings and what they measure.

    Attributes:
        run: The rankings.
        by_query: Value by measure, then by query_id; every measure has every query that is
            measured, and the same ones for all arms.
        means: Of ``by_query``, by measure, in the same order.
        latency_ms: ``p50``, ``p95``, ``p99`` and ``mean``; empty if nothing was timed.
        attribution: What each rewrite brought; empty if the arm does not say.
    """

    run: ArmRun
    by_query: Mapping[str, Mapping[str, float]]
    means: Mapping[str, float]
    latency_ms: Mapping[str, float] = field(default_factory=dict)
    attribution: tuple[RewriteYield, ...] = ()

    @property
    def name(self) -> str:
        """The arm's."""
        return self.run.name


@dataclass(frozen=True, slots=True)
class Difference:
    """How one arm differs from the first in one measure, paired by query.

    Attributes:
        arm: Which arm.
        measure: Which measure.
        baseline: The first arm's mean.
        value: This arm's mean.
        difference: ``value - baseline``.
        low: Lower end of the difference's 95 % bootstrap interval …
        high: … and its upper end.
        p_value: Of a paired t-test, two-sided; nan where it says nothing: fewer than two
            queries, or the same difference in all.
        p_holm: The same, corrected for the number of arms compared in this measure.
        wins: Queries where this arm is better.
        ties: Queries where it is the same.
        losses: Queries where it is worse.
    """

    arm: str
    measure: str
    baseline: float
    value: float
    difference: float
    low: float
    high: float
    p_value: float
    p_holm: float
    wins: int
    ties: int
    losses: int


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All arms on one collection.

    Attributes:
        title: What was measured, for people.
        judged: The queries that were measured: those with anything relevant.
        arms: The first is what the others are compared with.
        differences: Arm by arm, then measure by measure; none for the first arm.
        environment: Versions, settings and counts, for the report.
    """

    title: str
    judged: JudgedQueries
    arms: tuple[ArmScores, ...]
    differences: tuple[Difference, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueryDelta:
    """How one query differs.

    Attributes:
        query: Which.
        baseline: The first arm's value.
        value: The other arm's.
        difference: ``value - baseline``.
    """

    query: JudgedQuery
    baseline: float
    value: float
    difference: float


def evaluate(
    title: str,
    judged: JudgedQueries,
    runs: Sequence[ArmRun],
    environment: Mapping[str, str] | None = None,
) -> Evaluation:
    """Measure all arms on the same queries, and compare them.

    Left out, and counted in ``environment``: queries with nothing relevant, and those that any arm
    has failed to rank, from all arms alike. A query that a run does not have counts as one for
    which it found nothing.

    Args:
        title: What is measured, for people.
        judged: All queries that were asked.
        runs: The first is what the others are compared with.
        environment: What else people should know.
    """
    failed = {key for run in runs for key, each in run.rankings.items() if each.problem}
    with_relevant = judged.with_relevant()
    kept = with_relevant.only(q for q in with_relevant.queries if q.query_id not in failed)
    counts = {
        "queries": len(judged.queries),
        "queries measured": len(kept.queries),
        "left out, nothing is judged relevant": len(judged.queries) - len(with_relevant.queries),
        "left out, an arm failed": len(with_relevant.queries) - len(kept.queries),
    }
    arms = tuple(score_run(kept, run) for run in runs)
    told = {name: str(count) for name, count in counts.items()} | dict(environment or {})
    return Evaluation(title, kept, arms, compare(arms), told)


def wordings(evaluation: Evaluation) -> tuple[str, ...]:
    """Return every rewrite of every arm once."""
    return tuple(dict.fromkeys(each.rewrite for arm in evaluation.arms for each in arm.attribution))


def with_rewrite_values(
    evaluation: Evaluation,
    judge: Judge,
    found: Mapping[str, Ranking],
    *,
    depth: int,
    elsewhere: Mapping[str, AbstractSet[str]] = MappingProxyType({}),
) -> Evaluation:
    """Value all rewrites against what the first arm finds for the queries as typed.

    Args:
        evaluation: The first arm should not rewrite.
        judge: Says what is relevant.
        found: What the first arm finds for each wording.
        depth: How many hits count.
        elsewhere: What users of a query got without searching, by query_id.
    """
    before = evaluation.arms[0].run.rankings
    judged = evaluation.judged
    arms = (
        replace(
            arm,
            attribution=value_yields(
                judge,
                judged,
                arm.attribution,
                before,
                found,
                depth=depth,
                elsewhere=elsewhere,
            ),
        )
        for arm in evaluation.arms
    )
    return replace(evaluation, arms=tuple(arms))


def score_run(judged: JudgedQueries, run: ArmRun) -> ArmScores:
    """Measure one arm.

    Args:
        judged: The queries to measure.
        run: Its rankings.
    """
    by_query = measure(judged, run.rankings, depth=run.depth)
    asked = [run.rankings.get(query.query_id) for query in judged.queries]
    rankings = [ranking for ranking in asked if ranking is not None]
    return ArmScores(
        run,
        by_query,
        {name: mean(values.values()) for name, values in by_query.items()},
        percentiles([r.duration_ms for r in rankings if r.duration_ms is not None]),
        attribute(judged, rankings),
    )


def percentiles(durations_ms: Sequence[float]) -> dict[str, float]:
    """Return ``p50``, ``p95``, ``p99`` and ``mean``; nothing of nothing."""
    import numpy as np  # noqa: PLC0415 heavy

    if not durations_ms:
        return {}
    p50, p95, p99 = np.percentile(durations_ms, [50, 95, 99])
    return {
        "p50": float(p50),
        "p95": float(p95),
        "p99": float(p99),
        "mean": float(np.mean(durations_ms)),
    }


def compare(arms: Sequence[ArmScores]) -> tuple[Difference, ...]:
    """Compare every arm with the first.

    Intervals are percentiles of the mean difference over ``RESAMPLES`` resamplings of the queries,
    the same ones for all measures and arms. P-values are of a paired t-test over the queries; those
    of one measure are corrected by Holm's method for the number of arms. Nothing is corrected for
    the number of measures: choose yours before you look.

    Args:
        arms: All with the same queries.
    """
    if not arms:
        return ()
    first, *others = arms
    names = [name for name in first.by_query if all(name in arm.by_query for arm in others)]
    differences = [difference for arm in others for difference in _differences(first, arm, names)]
    corrected = {name: holm(_p_values(differences, name)) for name in names}
    return tuple(
        replace(difference, p_holm=corrected[difference.measure][difference.arm])
        for difference in differences
    )


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Correct p-values for their number; nan stays and does not count.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    known = sorted((p, name) for name, p in p_values.items() if not isnan(p))
    corrected = dict(p_values)
    least = 0.0
    for position, (p_value, name) in enumerate(known):
        least = max(least, min(1.0, p_value * (len(known) - position)))
        corrected[name] = least
    return corrected


def extremes(
    judged: JudgedQueries, first: ArmScores, arm: ArmScores, name: str, *, count: int = 10
) -> tuple[tuple[QueryDelta, ...], tuple[QueryDelta, ...]]:
    """Return the queries that gained most, and those that lost most; ties are in neither.

    Args:
        judged: The queries.
        first: What to compare with.
        arm: What to compare.
        name: The measure.
        count: How many of each, at most.
    """
    sign = -1 if name in LOWER_IS_BETTER else 1
    before, after = first.by_query[name], arm.by_query[name]
    deltas = [
        QueryDelta(query, before[key], after[key], after[key] - before[key])
        for query in judged.queries
        if (key := query.query_id) in before and key in after
    ]
    ordered = sorted(deltas, key=lambda delta: -sign * delta.difference)
    gained = [delta for delta in ordered if sign * delta.difference > TIE]
    lost = [delta for delta in reversed(ordered) if sign * delta.difference < -TIE]
    return tuple(gained[:count]), tuple(lost[:count])


def _p_values(differences: Sequence[Difference], name: str) -> dict[str, float]:
    return {each.arm: each.p_value for each in differences if each.measure == name}


def _differences(first: ArmScores, arm: ArmScores, names: Sequence[str]) -> Iterator[Difference]:
    import numpy as np  # noqa: PLC0415 heavy

    queries = list(first.by_query[names[0]]) if names else []
    before, after = (
        np.array([[each.by_query[name][query] for query in queries] for name in names])
        for each in (first, arm)
    )
    intervals = bootstrap(after - before)
    for row, name in enumerate(names):
        deltas = after[row] - before[row]
        gains = -deltas if name in LOWER_IS_BETTER else deltas
        p_value = paired_t_test(deltas)
        low, high = intervals[row]
        yield Difference(
            arm=arm.name,
            measure=name,
            baseline=first.means[name],
            value=arm.means[name],
            difference=arm.means[name] - first.means[name],
            low=low,
            high=high,
            p_value=p_value,
            p_holm=p_value,
            wins=int((gains > TIE).sum()),
            ties=int((abs(gains) <= TIE).sum()),
            losses=int((gains < -TIE).sum()),
        )


def bootstrap(deltas: "npt.NDArray[np.float64]") -> list[tuple[float, float]]:
    """Return the 95 % percentile interval of each row's mean; nan for fewer than two columns.

    Args:
        deltas: Shape (measures, queries); all rows are resampled alike.

    Source: Efron & Tibshirani 1993, An introduction to the bootstrap, chapter 13.
    """
    import numpy as np  # noqa: PLC0415 heavy

    measures, queries = deltas.shape
    if queries < 2:  # noqa: PLR2004 one query has no spread
        return [(nan, nan)] * measures
    generator = np.random.default_rng(SEED)
    means = np.empty((measures, RESAMPLES))
    step = max(1, _MOST_DRAWN // queries)
    for begin in range(0, RESAMPLES, step):
        drawn = generator.integers(0, queries, (min(step, RESAMPLES - begin), queries))
        for row in range(measures):
            means[row, begin : begin + step] = deltas[row][drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5], axis=1)
    return list(zip(low.tolist(), high.tolist(), strict=True))


def paired_t_test(deltas: "npt.NDArray[np.float64]") -> float:
    """Return the two-sided p-value; nan for fewer than two queries, or if all differ alike."""
    import numpy as np  # noqa: PLC0415 heavy
    from scipy import stats  # noqa: PLC0415 heavy

    if len(deltas) < 2 or np.ptp(deltas) <= TIE:  # noqa: PLR2004 one query has no spread
        return nan
    return float(stats.ttest_rel(deltas, np.zeros_like(deltas)).pvalue)
