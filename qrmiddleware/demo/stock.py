"""The shop as a whole: what it sells, and which searches are judged."""

from collections.abc import Mapping
from dataclasses import dataclass

from qrmiddleware.demo.catalogue import Product, build_catalogue
from qrmiddleware.demo.folds import into_folds
from qrmiddleware.demo.judgments import JudgedQuery, judge, judged_queries
from qrmiddleware.demo.vocabulary import Vocabulary, load_vocabulary


@dataclass(frozen=True, slots=True)
class Stock:
    """The shop and what is known about it.

    Attributes:
        qrels: By query_id and product_id, the grades above 0.
    """

    vocabulary: Vocabulary
    products: tuple[Product, ...]
    queries: tuple[JudgedQuery, ...]
    qrels: Mapping[str, Mapping[str, int]]

    def grades(self, text: str) -> Mapping[str, int]:
        """Return the judgments of a search; raises ``KeyError`` if it is not judged."""
        for query in self.queries:
            if query.text == text:
                return self.qrels[query.query_id]
        raise KeyError(text)


def make_stock() -> Stock:
    """Make all of it; the same every time."""
    vocabulary = load_vocabulary()
    products = build_catalogue(vocabulary)
    queries = into_folds(judged_queries(vocabulary, products), products, vocabulary.types)
    return Stock(vocabulary, products, queries, judge(queries, products, vocabulary))
