"""The catalogue as a teacher: what a product is says which queries it answers.

Its labels are weak: they know kinds, brands and words of products, and nothing of what shoppers
mean. They cost nothing, and there is one for every query that is made of such words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from qrmiddleware.distill.catalogue import Record, words_of
from qrmiddleware.distill.labels import Outcome, Pair, Unlabelled, label_for
from qrmiddleware.distill.phrases import Floors, Types, find_types
from qrmiddleware.distill.splits import stemmed_query

VERSION: Final = 1
"""Counts up when the rules below change: labels of two versions do not mix."""

_FOR: Final = "for"


@dataclass(frozen=True, slots=True)
class Worth:
    """Targets of products that answer a query in part.

    Attributes:
        broader: Of the same head, but not of the kind asked for: a cable for "patch cable".
        bare: Of the kind asked for, with none of the other words.
        mentioned: Another brand's product that mentions the brand asked for.
    """

    broader: float = 0.3
    bare: float = 0.4
    mentioned: float = 0.2


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query, taken apart: stems of the kind of product, and of what else it says."""

    kind: tuple[str, ...]
    rest: frozenset[str]


class CatalogueTeacher:
    """Labels pairs by what the catalogue says of its products.

    A product of the kind that a query names is relevant, the more of the other words it has; one
    that only mentions the kind, as an accessory does, is not. English puts the kind's head last:
    a "notebook case" is a case and no notebook.

    Args:
        records: The whole catalogue.
        floors: What counts as a kind of product.
        worth: Of partial answers.
        types: The kinds, if they were found by these floors before.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        floors: Floors | None = None,
        worth: Worth | None = None,
        types: Types | None = None,
    ) -> None:
        self._worth = worth or Worth()
        self._kinds = _kinds(types or find_types(records, floors or Floors()))
        self._known = {kind for kinds in self._kinds.values() for kind in kinds}
        self._brands = {record.doc_id: stems(record.brand) for record in records}
        self._brand_names = set(self._brands.values()) - {()}
        self._words = {record.doc_id: stems_of(record) for record in records}
        told = sha256(repr((self._worth, floors)).encode())
        for record in records:
            told.update(f"{record.doc_id}\0{record.title}\0".encode(errors="surrogatepass"))
        self._name = f"catalogue:{VERSION}:{told.hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Version of the rules, and a hash of the catalogue."""
        return self._name

    def label(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Label the pairs whose query names a kind or a brand and whose product has a kind."""
        for pair in pairs:
            target = self.target(pair.query, pair.doc_id)
            if target is None:
                problem = "the catalogue does not tell what this product, or query, is"
                yield Unlabelled(pair, "kind not known", problem)
            else:
                yield label_for(pair, self._name, target)

    def target(self, query: str, doc_id: str) -> float | None:
        """Return how well a product answers a query, 0..1; ``None`` where nothing tells.

        Raises:
            KeyError: If the catalogue has no such product.
        """
        words = stems(query)
        if words in self._brand_names:
            return self._of_brand(words, doc_id)
        asked = self._read(words)
        kinds = self._kinds[doc_id]
        if asked is None or not kinds:
            return None
        nearness = max(self._nearness(asked.kind, kind) for kind in kinds)
        if not asked.rest:
            return nearness
        share = len(asked.rest & self._words[doc_id]) / len(asked.rest)
        return nearness * (self._worth.bare + (1 - self._worth.bare) * share)

    def _of_brand(self, brand: tuple[str, ...], doc_id: str) -> float:
        if self._brands[doc_id] == brand:
            return 1.0
        return self._worth.mentioned if self._words[doc_id].issuperset(brand) else 0.0

    def _nearness(self, asked: tuple[str, ...], kind: tuple[str, ...]) -> float:
        if kind[-len(asked) :] == asked:
            return 1.0
        return self._worth.broader if kind[-1] == asked[-1] else 0.0

    def _read(self, words: tuple[str, ...]) -> _Asked | None:
        """Find the kind: the longest one at the end, or before "for"."""
        place = words.index(_FOR) if _FOR in words[1:] else len(words)
        before, after = words[:place], words[place + 1 :]
        for first in range(len(before)):
            if before[first:] in self._known or self._is_head(before[first:]):
                return _Asked(before[first:], frozenset((*before[:first], *after)))
        return None

    def _is_head(self, words: tuple[str, ...]) -> bool:
        return len(words) == 1 and any(kind[-1] == words[0] for kind in self._known)


def _kinds(types: Types) -> Mapping[str, tuple[tuple[str, ...], ...]]:
    return {
        doc_id: tuple(stems(phrase) for phrase in phrases)
        for doc_id, phrases in types.of_product.items()
    }


def stems(text: str) -> tuple[str, ...]:
    """Return the stems of a text's words, in order."""
    return tuple(stemmed_query(text).split())


def stems_of(record: Record) -> frozenset[str]:
    """Return the stems of all words of a product: title, brand, description, attributes."""
    values = (value for values in record.attributes.values() for value in values)
    text = " ".join((record.title, record.brand, record.description, *values, *record.flags))
    return frozenset(stems(" ".join(words_of(text))))
