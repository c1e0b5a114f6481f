"""Preferences between two products of one query: what a margin is taken over."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import combinations

from qrmiddleware.distill.chance import dice, sampled
from qrmiddleware.distill.lists import Candidate, QueryList


@dataclass(frozen=True, slots=True)
class Preference:
    """Two products of a query, of which the first has the higher target.

    Attributes:
        margin: The better's target - the worse's, > 0.
    """

    query: str
    better: str
    worse: str
    margin: float


def sample_preferences(
    lists: Iterable[QueryList], *, per_query: int, seed: int, smallest_margin: float = 0.0
) -> Iterator[Preference]:
    """Yield up to ``per_query`` preferences of every list, in the order of the lists.

    For losses and measures that want two products each; ``losses.margin_mse`` takes whole lists.

    Args:
        lists: Each is sampled for itself: another list more changes no other list's pairs.
        per_query: Bounds what a list costs: one of 100 products has 4950 pairs.
        seed: The same seed gives the same pairs.
        smallest_margin: Pairs whose margin is not larger are left out; ties always are.
    """
    for item in lists:
        found = list(preferences_of(item, smallest_margin=smallest_margin))
        yield from sampled(found, per_query, dice(seed, item.query))


def preferences_of(item: QueryList, *, smallest_margin: float = 0.0) -> Iterator[Preference]:
    """Yield all pairs of a list whose targets differ by more than ``smallest_margin``."""
    for first, second in combinations(item.candidates, 2):
        better, worse = _ordered(first, second)
        margin = better.target - worse.target
        if margin > max(smallest_margin, 0.0):
            yield Preference(item.query, better.doc_id, worse.doc_id, margin)


def _ordered(first: Candidate, second: Candidate) -> tuple[Candidate, Candidate]:
    return (second, first) if second.target > first.target else (first, second)
