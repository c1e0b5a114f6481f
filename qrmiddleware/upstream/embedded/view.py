"""One index as a search sees it: its fields, its values, and what tantivy finds in it."""

from collections.abc import Collection, Iterable, Mapping
from functools import cached_property
from math import log
from typing import Any, TypeAlias

import tantivy

from qrmiddleware.upstream.embedded.inverted import (
    EVERY_DOCUMENT,
    FIELD_NAMES,
    SEQ,
    InvertedIndex,
)
from qrmiddleware.upstream.embedded.mapping import Field, IndexMapping

_K1 = 1.2
_B = 0.75

Columns: TypeAlias = Mapping[str, Mapping[int, tuple[Any, ...]]]
"""The values of each field but text, by document, smallest value first."""


class View:
    """A snapshot of one index.

    Attributes:
        name: The index.
        mapping: Its fields.
        columns: Their values.
        schema: tantivy's schema.
    """

    def __init__(
        self, name: str, mapping: IndexMapping, inverted: InvertedIndex, columns: Columns
    ) -> None:
        self.name = name
        self.mapping = mapping
        self.columns = columns
        self.schema = inverted.schema
        self._slots = inverted.slots
        self._searcher = inverted.searcher()
        self._vocabularies: dict[str, dict[str, int]] = {}

    @property
    def size(self) -> int:
        """Documents in the index."""
        return self._searcher.num_docs

    def field(self, path: str) -> Field | None:
        """The field of this path."""
        return self.mapping.fields.get(path)

    def slot(self, field: Field) -> str:
        """Tantivy's name for a field."""
        return self._slots[field.path]

    def scores(self, query: tantivy.Query) -> dict[int, float]:
        """The score of every document that matches, by sequence number."""
        found = self._searcher.search(query, limit=max(1, self.size), count=False).hits
        seqs = self._seqs([address for _, address in found])
        return {seq: score for seq, (score, _) in zip(seqs, found, strict=True)}

    def top(self, query: tantivy.Query, limit: int) -> list[tuple[int, float]]:
        """The best matches with their scores, the oldest first among equals."""
        if limit <= 0 or not self.size:
            return []
        found = self._with_ties(query, limit)
        seqs = self._seqs([address for _, address in found])
        ranked = [(seq, score) for seq, (score, _) in zip(seqs, found, strict=True)]
        ranked.sort(key=lambda row: (-row[1], row[0]))
        return ranked[:limit]

    def _with_ties(
        self, query: tantivy.Query, limit: int
    ) -> list[tuple[float, tantivy.DocAddress]]:
        """The best matches, and all that are as good as the last of them."""
        found: list[tuple[float, tantivy.DocAddress]] = []
        for looked_at in (limit + 1, 10 * limit + 1000, self.size):
            found = self._searcher.search(query, limit=min(looked_at, self.size), count=False).hits
            if len(found) <= limit or found[-1][0] < found[limit - 1][0]:
                break
        least = found[limit - 1][0] if len(found) > limit else 0.0
        return [hit for hit in found if hit[0] >= least]

    def first(self, query: tantivy.Query, limit: int) -> list[tuple[int, float]]:
        """The oldest matches of a query that gives all of them the same score."""
        if limit <= 0 or not self.size:
            return []
        best = self._searcher.search(query, limit=1, count=False).hits
        found = self._searcher.search(
            query, limit=limit, count=False, order_by_field=SEQ, order=tantivy.Order.Asc
        ).hits
        return [(int(seq), float(best[0][0])) for seq, _ in found]

    def count(self, query: tantivy.Query) -> int:
        """How many documents match."""
        return int(self._searcher.search(query, limit=1, count=True).count or 0)  # type: ignore[attr-defined]  # missing in tantivy's stubs

    def matching(self, query: tantivy.Query, among: Collection[int]) -> set[int]:
        """Which of some documents match."""
        if not among:
            return set()
        only = tantivy.Query.term_set_query(self.schema, SEQ, list(among))
        both = [(tantivy.Occur.Must, query), (tantivy.Occur.Must, only)]
        return set(self.scores(tantivy.Query.boolean_query(both)))

    def document_frequency(self, field: Field, term: str) -> int:
        """How many documents have a term in a field."""
        return self._searcher.doc_freq(self.slot(field), term)

    def documents_with(self, field: Field) -> int:
        """How many documents have the field."""
        return self._searcher.doc_freq(FIELD_NAMES, field.path)

    def rarity(self, field: Field, frequency: int) -> float:
        """What BM25 multiplies a term's weight by, as Elasticsearch reckons it.

        That is the inverse document frequency among the documents that have the field, where
        tantivy counts all documents; and, since for tantivy the average length of the field
        is lower by those that lack it, what makes up for that in a text of average length.
        """
        having = max(frequency, self.documents_with(field))
        coverage = having / max(having, self._every_document)
        length_norm = 1 - _B + _B / coverage if coverage else 1.0
        return _idf(frequency, having) * (1 + _K1 * length_norm) / (1 + _K1)

    def plain_rarity(self, frequency: int) -> float:
        """The same, as tantivy reckons it."""
        return _idf(frequency, max(frequency, self._every_document))

    @cached_property
    def _every_document(self) -> int:
        return self._searcher.doc_freq(FIELD_NAMES, EVERY_DOCUMENT)

    def vocabulary(self, field: Field) -> dict[str, int]:
        """Every term of a field, in order, with the number of documents that have it."""
        slot = self.slot(field)
        if slot not in self._vocabularies:
            terms = self._searcher.terms_with_prefix(slot, "")
            self._vocabularies[slot] = dict(sorted(terms))
        return self._vocabularies[slot]

    def terms_with_prefix(self, field: Field, prefix: str, limit: int) -> list[str]:
        """The first terms of a field that begin so, in order."""
        terms = self._searcher.terms_with_prefix(self.slot(field), prefix)
        return sorted(term for term, _ in terms)[:limit]

    def _seqs(self, addresses: list[tantivy.DocAddress]) -> Iterable[int]:
        return self._searcher.fast_field_values(SEQ, addresses)  # type: ignore[return-value]  # every document has one


def _idf(frequency: int, documents: int) -> float:
    return log(1 + (documents - frequency + 0.5) / (frequency + 0.5))
