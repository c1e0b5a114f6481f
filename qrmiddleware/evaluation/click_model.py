"""Judgments out of clicks: how often a document was clicked, over how often its places are."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import quantiles
from types import MappingProxyType
from typing import Final

Pair = tuple[str, str]

_THIRDS: Final = 3


@dataclass(frozen=True, slots=True)
class Impression:
    """One document that was shown for one query.

    Attributes:
        query: What was searched for; impressions of one query are added up.
        doc_id: What was shown.
        rank: Where, whatever the first rank's number is.
        clicked: Whether it was clicked at least once while it was shown.
    """

    query: str
    doc_id: str
    rank: int
    clicked: bool


@dataclass(frozen=True, slots=True)
class ClickRate:
    """What is known of one query and document.

    Attributes:
        impressions: How often it was shown.
        clicks: How often it was clicked.
        expected_clicks: How often anything would have been clicked at the ranks it was shown at.
    """

    impressions: int
    clicks: int
    expected_clicks: float

    @property
    def coec(self) -> float:
        """Clicks over expected clicks: 1 is what its ranks alone explain."""
        return self.clicks / self.expected_clicks


def click_through_by_rank(impressions: Iterable[Impression]) -> Mapping[int, float]:
    """Return, for every rank, the share of impressions of whatever document that were clicked."""
    shown: Counter[int] = Counter()
    clicked: Counter[int] = Counter()
    for each in impressions:
        shown[each.rank] += 1
        clicked[each.rank] += each.clicked
    return {rank: clicked[rank] / count for rank, count in shown.items()}


def clicks_over_expected(
    impressions: Iterable[Impression], *, min_impressions: int
) -> dict[Pair, ClickRate]:
    """Compare the clicks of every query and document with what their ranks make one expect.

    With c(q, d, r) the clicks on document d at rank r for query q, i(q, d, r) its impressions
    there, and ctr(r) the click-through rate of rank r over all queries and documents::

        COEC(q, d) = sum over r of c(q, d, r) / sum over r of i(q, d, r) * ctr(r)

    Args:
        impressions: All that were logged: they make the ranks' click-through rates, too.
        min_impressions: Pairs that were shown less often are left out, for want of evidence.

    Returns:
        By query and doc_id. Pairs that were shown only at ranks at which nobody ever clicks are
        left out: nothing was expected of them, so that they say nothing.

    Source: Zhang and Jones 2007, Comparing Click Logs and Editorial Labels for Training Query
        Rewriting, WWW 2007 workshop on query log analysis. OpenSearch's Search Relevance
        Workbench takes the lowest rank for all of a pair's impressions; this is the sum over
        the ranks it was really shown at.
    """
    known = tuple(impressions)
    rates = click_through_by_rank(known)
    shown: Counter[Pair] = Counter()
    clicks: Counter[Pair] = Counter()
    expected: defaultdict[Pair, float] = defaultdict(float)
    for each in known:
        pair = (each.query, each.doc_id)
        shown[pair] += 1
        clicks[pair] += each.clicked
        expected[pair] += rates[each.rank]
    return {
        pair: ClickRate(count, clicks[pair], expected[pair])
        for pair, count in shown.items()
        if count >= min_impressions and expected[pair] > 0
    }


def grade_by_thirds(rates: Mapping[Pair, ClickRate]) -> Mapping[Pair, int]:
    """Grade 0 what was never clicked, and the rest 1, 2 or 3 by thirds of their COEC.

    The thirds are of all pairs of all queries that were clicked: a COEC of at least the upper
    tercile makes 3, of at least the lower one 2 (inclusive quantiles, as ``statistics`` and numpy
    by default compute them).
    """
    clicked = [rate.coec for rate in rates.values() if rate.clicks]
    several = len(clicked) > 1
    cuts = quantiles(clicked, n=_THIRDS, method="inclusive") if several else clicked * 2
    return MappingProxyType(
        {
            pair: 1 + sum(rate.coec >= cut for cut in cuts) if rate.clicks else 0
            for pair, rate in rates.items()
        }
    )
