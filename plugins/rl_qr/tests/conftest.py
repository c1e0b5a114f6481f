"""A shop whose catalogue has other words than its shoppers."""

import json
from dataclasses import dataclass, field
from itertools import product

import pytest

from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.testing.training import fresh_accelerator, one_thread  # noqa: F401 for all
from qrmiddleware_rl_qr.recipes.searching import Hit

COLOURS = ("red", "blue", "green", "black", "white", "pink")
KINDS = {
    "sofa": ("couch", "settee"),
    "lamp": ("light", "lantern"),
    "rug": ("carpet", "mat"),
    "stove": ("cooker", "oven"),
}
"""What the catalogue calls a kind, and what shoppers call it."""


@dataclass
class Shop:
    """Products, an index in memory that matches words, and the truth about every query.

    Attributes:
        names: What the catalogue calls each kind now.
        searches: Every text that was searched for.
    """

    colours: tuple[str, ...] = COLOURS
    names: dict[str, str] = field(default_factory=lambda: {kind: kind for kind in KINDS})
    searches: list[str] = field(default_factory=list)

    @property
    def products(self):
        """Three of every colour and kind: id and title."""
        return {
            f"{colour}-{kind}-{number}": f"{colour} {self.names[kind]} {size}"
            for colour, kind in product(self.colours, KINDS)
            for number, size in enumerate(("small", "large", "wide"))
        }

    def queries(self, kinds=tuple(KINDS)):
        """Return every colour with every word of these kinds, the catalogue's own first."""
        return [
            f"{colour} {word}"
            for colour, kind in product(self.colours, kinds)
            for word in (kind, *KINDS[kind])
        ]

    def relevant(self, query):
        """Return the products that a query is after."""
        words = query.split()
        return frozenset(
            f"{colour}-{kind}-{number}"
            for colour, (kind, others) in product(self.colours, KINDS.items())
            if colour in words and {kind, *others} & set(words)
            for number in range(3)
        )

    def search(self, texts):
        """Return the products that share the most words with a text."""
        self.searches.extend(texts)
        return [self._found(text.casefold().split()) for text in texts]

    def _found(self, words):
        told = {doc_id: set(title.split()) for doc_id, title in self.products.items()}
        most = max((len(title & set(words)) for title in told.values()), default=0)
        return [
            Hit(doc_id, self.products[doc_id])
            for doc_id, title in told.items()
            if most and len(title & set(words)) == most
        ][:12]

    def scores(self, query, hits):
        """Know what is relevant, as ``Relevance``."""
        wanted = self.relevant(normalised_query(query))
        return [float(hit.doc_id in wanted) for hit in hits]

    def write_queries(self, path, kinds=tuple(KINDS)):
        """Write queries with their products, as ESCI's are written."""
        path.write_text(
            "".join(
                json.dumps({"query": query, "product_ids": sorted(self.relevant(query))}) + "\n"
                for query in self.queries(kinds)
            )
        )
        return path


@pytest.fixture
def shop():
    return Shop()


@pytest.fixture
def make_shop():
    return Shop
