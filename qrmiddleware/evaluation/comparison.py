"""Compares arms query by query, and says how far a difference can be trusted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.rankings import ArmRun
from qrmiddleware.evaluation.rewriting import RewriteYield


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
