"""Guards against rewards that are won by other means than better searches.

A judge that is a model can be talked to; these rules cannot. They look at texts and at what was
found, before and beside any judge.
"""

from collections import Counter
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from qrmiddleware.distill.splits import stemmed_query

COPY = "copy"
EMPTY = "empty"
LONG = "too long"
REPEATS = "repeats words"
NUMBERS = "changes numbers"
NOTHING_NEW = "finds nothing new"
DRIFT = "drifts"


@dataclass(frozen=True, slots=True)
class Limits:
    """What rewrites may be.

    Attributes:
        most_words: Of a rewrite.
        longer: How many words more than the query it may have.
        same_word: How often a word may come.
        least_relevance: Share of what a rewrite finds that must be relevant to the query as typed.
    """

    most_words: int = 12
    longer: int = 6
    same_word: int = 2
    least_relevance: float = 0.1


def text_objection(query: str, rewrite: str, limits: Limits) -> str:
    """Say why a rewrite is not even searched for; empty if nothing speaks against it.

    A copy is what has the query's words, in whatever order and number.
    """
    words, typed = stemmed_query(rewrite).split(), stemmed_query(query).split()
    if not words:
        return EMPTY
    if set(words) == set(typed):
        return COPY
    if len(words) > min(limits.most_words, len(typed) + limits.longer):
        return LONG
    if max(Counter(words).values()) > limits.same_word:
        return REPEATS
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
