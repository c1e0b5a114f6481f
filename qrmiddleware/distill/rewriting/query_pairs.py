"""Pairs of queries that mean the same: by the products that they share, or as somebody says.

Source: the Q2Q data of MiniELM, Nguyen et al. 2025, arXiv:2501.18056, as others tell of it: two
queries are a pair if they share at least so many relevant products and a language model holds them
equivalent.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Final, Protocol

import msgspec

from qrmiddleware.distill.chance import dice, shuffled
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import ConfigError

PRODUCTS: Final = "products"
"""Source of pairs that share products."""
TRAIN: Final = "train"
VALID: Final = "valid"
TEST: Final = "test"


@dataclass(frozen=True, slots=True)
class QueryProducts:
    """A query and the products that are relevant to it."""

    query: str
    doc_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class SharedPair:
    """Two queries and what they share.

    Attributes:
        first: Comes before the other in the file.
        second: The other one.
        shared: How many products are relevant to both.
    """

    first: str
    second: str
    shared: int


class PairJudge(Protocol):
    """Says whether two queries mean the same."""

    def equivalent(self, pairs: Sequence[tuple[str, str]]) -> Sequence[bool | None]:
        """Answer for each pair; ``None`` where no answer could be had."""


@dataclass(frozen=True, slots=True)
class Splitting:
    """How pairs are divided.

    Attributes:
        valid: Share of the pairs, to choose by.
        test: Share of the pairs, to report.
        seed: Of the draw.
    """

    valid: float = 0.1
    test: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.valid, self.test) < 0 or self.valid + self.test >= 1:
            message = f"shares {self.valid} and {self.test} to keep aside leave nothing to train on"
            raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class Filtered:
    """What a judge left.

    Attributes:
        kept: Pairs that it holds equivalent.
        refused: How many it does not.
        unanswered: How many it said nothing of; they are left out too.
    """

    kept: tuple[SharedPair, ...]
    refused: int
    unanswered: int


def merged_queries(queries: Iterable[QueryProducts]) -> list[QueryProducts]:
    """Make one of queries that differ in case, accents' form, punctuation and blanks only.

    The first wording stays, with the products of all.
    """
    found: dict[str, QueryProducts] = {}
    for each in queries:
        key = normalised_query(each.query)
        known = found.get(key)
        found[key] = each if known is None else replace(known, doc_ids=known.doc_ids | each.doc_ids)
    return list(found.values())


def shared_pairs(queries: Sequence[QueryProducts], *, least: int = 1) -> list[SharedPair]:
    """Return the pairs of queries that share at least so many products.

    Takes time in the pairs that share any: a product that very many queries share costs the square
    of their number.

    Args:
        queries: Each once.
        least: Products that both have.

    Raises:
        ValueError: If ``least`` is below 1.
    """
    if least < 1:
        message = f"pairs share at least one product; found {least}"
        raise ValueError(message)
    places = _by_product(queries)
    shared = Counter(pair for group in places.values() for pair in combinations(group, 2))
    return [
        SharedPair(queries[first].query, queries[second].query, count)
        for (first, second), count in sorted(shared.items())
        if count >= least
    ]


def filter_pairs(pairs: Sequence[SharedPair], judge: PairJudge) -> Filtered:
    """Keep the pairs that a judge holds equivalent."""
    told = judge.equivalent([(pair.first, pair.second) for pair in pairs])
    kept = tuple(pair for pair, said in zip(pairs, told, strict=True) if said)
    return Filtered(kept, sum(said is False for said in told), sum(said is None for said in told))


def both_directions(pairs: Iterable[SharedPair]) -> Iterator[RewritePair]:
    """Yield each query as the other's rewrite."""
    for pair in pairs:
        reason = f"{pair.shared} relevant {'products' if pair.shared > 1 else 'product'} shared"
        for query, rewrite in ((pair.first, pair.second), (pair.second, pair.first)):
            yield RewritePair(query=query, rewrite=rewrite, source=PRODUCTS, reason=reason)


def split_pairs(
    pairs: Sequence[RewritePair],
    splitting: Splitting,
    *,
    queries: Sequence[QueryProducts] = (),
) -> list[RewritePair]:
    """Divide pairs so that nothing of one split is known from another.

    Queries hang together where they are a pair, where their wordings count as one, or where they
    share any product, be it fewer than a pair needs. All that hangs together is in one split; what
    is larger than the share that is left goes to training.

    Args:
        pairs: To divide.
        splitting: How.
        queries: Whose products tie them.

    Returns:
        The same pairs in the same order, each with its split.
    """
    components = Components()
    for pair in pairs:
        components.join(normalised_query(pair.query), normalised_query(pair.rewrite))
    for group in _by_product(queries).values():
        first, *others = (normalised_query(queries[place].query) for place in group)
        for other in others:
            components.join(first, other)
    roots = [components.root(normalised_query(pair.query)) for pair in pairs]
    assigned = _assigned(Counter(roots), splitting, total=len(pairs))
    return [
        msgspec.structs.replace(pair, split=assigned[root])
        for pair, root in zip(pairs, roots, strict=True)
    ]


class Components:
    """Things that hang together, by whom they were joined with."""

    def __init__(self) -> None:
        self._above: dict[str, str] = {}

    def root(self, name: str) -> str:
        """Return the one that stands for all that hang together with this one."""
        way = []
        while (above := self._above.get(name, name)) != name:
            way.append(name)
            name = above
        self._above.update(dict.fromkeys(way, name))
        return name

    def join(self, first: str, second: str) -> None:
        """Let two hang together."""
        one, other = self.root(first), self.root(second)
        if one != other:
            self._above[max(one, other)] = min(one, other)


def _assigned(sizes: Mapping[str, int], splitting: Splitting, *, total: int) -> dict[str, str]:
    room = {TEST: splitting.test * total, VALID: splitting.valid * total}
    found = {}
    for root in shuffled(sorted(sizes), dice(splitting.seed, "split")):
        split = next((name for name, left in room.items() if sizes[root] <= left), TRAIN)
        if split in room:
            room[split] -= sizes[root]
        found[root] = split
    return found


def _by_product(queries: Sequence[QueryProducts]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, each in enumerate(queries):
        for doc_id in each.doc_ids:
            found[doc_id].append(place)
    return found
