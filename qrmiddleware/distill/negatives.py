"""Products to compare for a query that has no judgments: the engine's own hits, and traps.

Nothing here is labelled: a hard negative may turn out relevant. The teacher decides.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from qrmiddleware.distill.catalogue import Record, words_of
from qrmiddleware.distill.chance import dice, sampled
from qrmiddleware.distill.manufacture import device_phrases
from qrmiddleware.distill.phrases import Types
from qrmiddleware.distill.splits import stemmed_query

Search = Callable[[str, int], Sequence[str]]
"""Takes a query and a depth; returns the ``doc_id`` of the hits, best first."""
Source = Literal["hit", "accessory", "random"]


@dataclass(frozen=True, slots=True)
class Unlabelled:
    """A pair for the teacher to label.

    Attributes:
        rank: Of a hit, from 1; 0 for what the engine did not find.
    """

    query: str
    doc_id: str
    source: Source
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Band:
    """How many hits are taken between the band before and this rank.

    Attributes:
        last: Rank of the last hit of the band, from 1.
    """

    last: int
    count: int


BANDS: Final = (Band(10, 6), Band(30, 5), Band(100, 5))


@dataclass(frozen=True, slots=True)
class Plan:
    """What a query's list is made of.

    Attributes:
        bands: By rising rank: the top, where errors are seen, and less of what lies deeper.
        accessories: Products that are made for what the query names.
        random: Products of the whole catalogue.
    """

    bands: tuple[Band, ...] = BANDS
    accessories: int = 4
    random: int = 2

    def __post_init__(self) -> None:
        lasts = [band.last for band in self.bands]
        if lasts != sorted(set(lasts)) or min(lasts, default=1) < 1:
            message = f"bands end at ranks {lasts}: give rising ranks, from 1"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Accessories:
    """Which products are made for something, by each word of what they are made for.

    Attributes:
        by_word: ``doc_id`` by stem, in the order of the catalogue.
    """

    by_word: Mapping[str, frozenset[str]]
    order: Mapping[str, int]

    def of(self, query: str) -> list[str]:
        """Return the accessories of what a query names, in the order of the catalogue.

        They are made for all of its words; where none is, for its last one.
        """
        words = stemmed_query(query).split()
        if not words:
            return []
        found = frozenset.intersection(*(self.by_word.get(w, frozenset()) for w in words))
        return sorted(found or self.by_word.get(words[-1], frozenset()), key=self.order.__getitem__)


def find_accessories(records: Sequence[Record], types: Types) -> Accessories:
    """Find the products that are made for others, in the catalogue itself.

    A product is an accessory of what its type names before its last word ("notebook case"), and
    of what its texts and attributes say it is for. Some words before the last name no other
    product ("patch cable"); but a query of such a word alone is as rare as it is vague.
    """
    by_word: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        phrases = types.of_product[record.doc_id]
        own = {stemmed_query(phrase.split()[-1]) for phrase in phrases}
        served = {stemmed_query(word) for phrase in phrases for word in phrase.split()[:-1]}
        for device in device_phrases(record):
            served.update(map(stemmed_query, words_of(device)))
        for word in served - own:
            by_word[word].add(record.doc_id)
    order = {record.doc_id: place for place, record in enumerate(records)}
    return Accessories({word: frozenset(ids) for word, ids in by_word.items()}, order)


def unlabelled_pairs(
    queries: Iterable[str],
    search: Search,
    accessories: Accessories,
    *,
    catalogue: Sequence[str],
    seed: int,
    plan: Plan | None = None,
) -> Iterator[Unlabelled]:
    """Yield every query's products, each once: hits by rank, then accessories, then random ones.

    A query's pairs depend on the seed and the query alone, so that a job which was stopped may
    go on with the queries that are left.

    Args:
        queries: In the order in which they are to be labelled.
        search: Called once a query, for hits down to the last band; may return fewer. What it
            raises passes through.
        accessories: Of the same catalogue.
        catalogue: ``doc_id`` of all products.
        seed: Of the choice.
        plan: How many of which.
    """
    plan = plan or Plan()
    depth = plan.bands[-1].last if plan.bands else 0
    for query in queries:
        rng = dice(seed, query)
        hits = list(dict.fromkeys(search(query, depth)))[:depth] if depth else []
        yield from _pairs(query, hits, accessories.of(query), catalogue, plan=plan, rng=rng)


def _pairs(
    query: str,
    hits: Sequence[str],
    accessories: Sequence[str],
    catalogue: Sequence[str],
    *,
    plan: Plan,
    rng: Random,
) -> Iterator[Unlabelled]:
    chosen: set[str] = set()
    first = 0
    ranked = list(enumerate(hits, start=1))
    for band in plan.bands:
        for rank, doc_id in sampled(ranked[first : band.last], band.count, rng):
            chosen.add(doc_id)
            yield Unlabelled(query, doc_id, "hit", rank)
        first = band.last
    ranks = {doc_id: rank for rank, doc_id in ranked}
    traps = [doc_id for doc_id in accessories if doc_id not in chosen]
    for doc_id in sampled(traps, plan.accessories, rng):
        chosen.add(doc_id)
        yield Unlabelled(query, doc_id, "accessory", ranks.get(doc_id, 0))
    others = sampled(catalogue, plan.random + len(chosen), rng)
    for doc_id in sampled([d for d in others if d not in chosen], plan.random, rng):
        yield Unlabelled(query, doc_id, "random", ranks.get(doc_id, 0))
