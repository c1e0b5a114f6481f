"""Whether a canary is worse than what serves, at any time that one cares to look."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

RATIOS: Final = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
"""How many times what is tolerated; the alternatives that are tried, all with equal weight."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What happened to the queries of one version, each counted once.

    Attributes:
        queries: How many.
        found_nothing: Searches whose total was 0.
        failed: The generator was late, refused or raised.
        rewritten: A rewrite of it was admitted.
        helped: And the page has hits that only rewrites found.
        mean_ms: From request to answer, on average.
    """

    queries: int = 0
    found_nothing: int = 0
    failed: int = 0
    rewritten: int = 0
    helped: int = 0
    mean_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Limits:
    """When a canary is worse.

    Attributes:
        tolerated: As many times what serves may it find nothing or fail, and as many times
            less often help; at least 1.
        alpha: Chance that a canary that keeps within this is ever called worse.
        min_queries: Of the canary, before anything is said.
    """

    tolerated: float = 1.1
    alpha: float = 0.01
    min_queries: int = 100


MEASURES: Final[Mapping[str, bool]] = MappingProxyType(
    {"found_nothing": True, "failed": True, "helped": False}
)
"""What is compared, and whether more of it is worse."""


def verdict(canary: Counts, serving: Counts, *, share: float, limits: Limits) -> str:
    """Say in which respect the canary is worse; empty as long as this may be chance.

    Queries are dealt by hash, so of those to which something happens the canary's are a share
    that is known exactly if both versions cause it equally often: ``share``. More than that (of
    what is bad; less of what is good) multiplies an e-value, a mixture of likelihood ratios whose
    chance to ever exceed 1 / alpha is at most alpha, however often one looks. The measures share
    alpha equally.

    Source: Robbins 1970, Statistical methods related to the law of the iterated logarithm;
    Ramdas et al. 2023, arXiv:2210.01948 (e-processes, Ville's inequality).
    """
    if canary.queries < limits.min_queries:
        return ""
    needed = len(MEASURES) / limits.alpha
    for name, bad in MEASURES.items():
        ours, theirs = int(getattr(canary, name)), int(getattr(serving, name))
        happened = (ours, theirs) if bad else (theirs, ours)
        part = share if bad else 1 - share
        value = e_value(*happened, part=part, tolerated=limits.tolerated)
        if value >= needed:
            return (
                f"{name.replace('_', ' ')}: {ours} of {canary.queries} queries, "
                f"{theirs} of {serving.queries} with what serves (e-value {value:.3g}, "
                f"needed {needed:.3g})"
            )
    return ""


def e_value(worse: int, other: int, *, part: float, tolerated: float) -> float:
    """Return the evidence that a part has more of something than ``tolerated`` times as much.

    Args:
        worse: How often it happened to that part.
        other: How often to the others.
        part: Share of the queries in it.
        tolerated: Ratio of both rates up to which nothing is said.

    Returns:
        1 for no evidence, infinity at most; its expectation is 1 at most at any time at which
        the ratio is ``tolerated`` or less.
    """
    null = _share_of(part, tolerated)
    logs = [
        worse * math.log(each / null) + other * math.log((1 - each) / (1 - null))
        for each in (_share_of(part, tolerated * ratio) for ratio in RATIOS)
    ]
    highest = max(logs)
    log_mean = highest + math.log(sum(math.exp(each - highest) for each in logs) / len(logs))
    return math.exp(log_mean) if log_mean < math.log(1e300) else math.inf


def _share_of(part: float, ratio: float) -> float:
    """Return the part's share of what happens, if it happens ``ratio`` times as often to it."""
    return part * ratio / (part * ratio + 1 - part)
