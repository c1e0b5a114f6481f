"""Guards against rewards that are won by other means than better searches.

What must never be used as a rewrite earns nothing; nor does what a policy would find out beside
it: copies in another order, longer and longer texts, numbers that are changed. A judge that is a
model can be talked to; these rules cannot. They look at texts and at what was found, before and
beside any judge.
"""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from qrmiddleware.distill.rewriting.guards import DEFAULT_GUARDS, GuardOptions, objection
from qrmiddleware.distill.splits import stemmed_query

COPY = "copy"
LONG = "too long"
NUMBERS = "changes numbers"
NOTHING_NEW = "finds nothing new"
DRIFT = "drifts"


@dataclass(frozen=True, slots=True)
class Limits:
    """What rewrites may be.

    Attributes:
        guards: What all rewrites have to be.
        longer: How many words more than the query one may have.
        least_relevance: Share of what a rewrite finds that must be relevant to the query as typed.
    """

    guards: GuardOptions = DEFAULT_GUARDS
    longer: int = 6
    least_relevance: float = 0.1


def text_objection(query: str, rewrite: str, limits: Limits) -> str:
    """Say why a rewrite is not even searched for; empty if nothing speaks against it.

    A copy is what has the query's words, in whatever order and number.
    """
    if reason := objection(query, rewrite, limits.guards):
        return reason
    words, typed = stemmed_query(rewrite).split(), stemmed_query(query).split()
    if set(words) == set(typed):
        return COPY
    if len(words) > len(typed) + limits.longer:
        return LONG
    if not _numbers(typed) <= _numbers(words):
        return NUMBERS
    return ""


def result_objection(
    before: AbstractSet[str], found: AbstractSet[str], relevance: float | None, limits: Limits
) -> str:
    """Say why what a rewrite found earns nothing; empty if nothing speaks against it.

    Args:
        before: What the query as typed finds.
        found: What the rewrite finds.
        relevance: Share of that which is relevant to the query as typed; ``None`` if nobody knows.
        limits: What it may be.
    """
    if found <= before:
        return NOTHING_NEW
    if relevance is not None and relevance < limits.least_relevance:
        return DRIFT
    return ""


def _numbers(words: list[str]) -> set[str]:
    """Return words with digits: sizes, models, years."""
    return {word for word in words if any(character.isdigit() for character in word)}
