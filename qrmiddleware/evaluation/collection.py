"""Queries with their judgments, and catalogues: what all formats are read into."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

from qrmiddleware.errors import QrmError

Qrels: TypeAlias = Mapping[str, Mapping[str, int]]
"""Relevance by query_id and doc_id; what is missing was not judged."""

Gains: TypeAlias = Mapping[int, float]
"""What a relevance is worth in nDCG."""


class LeakError(QrmError):
    """A query that is to measure a model may have been seen by its training."""


def exponential_gains(highest: int) -> Gains:
    """Return 2^relevance - 1 for 0 to ``highest``.

    Source: Burges et al. 2005, Learning to rank using gradient descent.
    """
    return MappingProxyType({relevance: 2.0**relevance - 1 for relevance in range(highest + 1)})


def _grades_0_to_3() -> Gains:
    return exponential_gains(3)


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One query of a collection.

    Attributes:
        query_id: As in the judgments.
        text: As the user typed it.
        fold: Number of its fold; ``None`` if the collection has none.
    """

    query_id: str
    text: str
    fold: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a catalogue.

    Attributes:
        doc_id: As in the judgments.
        source: Its fields.
    """

    doc_id: str
    source: Mapping[str, Any]


@dataclass(frozen=True)
class JudgedQueries:
    """Queries and what is known about the relevance of documents for them.

    Attributes:
        queries: In the order of their file.
        qrels: May hold queries that are not in ``queries``, and lack some that are.
        gains: Of every relevance that occurs; exponential for grades 0 to 3 if none are given.
        relevant_from: The least relevance that counts as relevant where a measure knows only
            relevant and not.
    """

    queries: tuple[JudgedQuery, ...]
    qrels: Qrels
    gains: Gains = field(default_factory=_grades_0_to_3)
    relevant_from: int = 1

    @cached_property
    def relevant(self) -> Mapping[str, frozenset[str]]:
        """The relevant doc_ids by query_id, for every query; empty sets included."""
        return {
            query.query_id: frozenset(
                doc_id
                for doc_id, relevance in self.qrels.get(query.query_id, {}).items()
                if relevance >= self.relevant_from
            )
            for query in self.queries
        }

    def only(self, queries: Iterable[JudgedQuery]) -> "JudgedQueries":
        """Keep some of the queries."""
        return replace(self, queries=tuple(queries))

    def with_relevant(self) -> "JudgedQueries":
        """Keep the queries that have anything relevant; no measure can tell the others apart."""
        return self.only(query for query in self.queries if self.relevant[query.query_id])

    def in_folds(self, folds: Collection[int]) -> "JudgedQueries":
        """Keep the queries of some folds.

        Raises:
            ValueError: If the collection has no such fold.
        """
        known = {query.fold for query in self.queries}
        if missing := set(folds) - known:
            there = ", ".join(map(str, sorted(fold for fold in known if fold is not None)))
            message = f"no query is in fold {min(missing)}; there is {there or 'no fold at all'}"
            raise ValueError(message)
        return self.only(query for query in self.queries if query.fold in folds)

    def refuse_leaks(self, seen_folds: Collection[int], *, model: str) -> None:
        """Make sure that none of the queries may have been seen in training.

        Args:
            seen_folds: What the model was trained on.
            model: Whose training, for the message.

        Raises:
            LeakError: If a query is in one of these folds, or in none, so that nobody knows.
        """
        seen = [query for query in self.queries if query.fold in {*seen_folds, None}]
        if seen_folds and seen:
            first = seen[0]
            where = "in no fold" if first.fold is None else f"in fold {first.fold}"
            message = (
                f"{model} was trained on folds {', '.join(map(str, sorted(seen_folds)))}: "
                f"{len(seen)} of {len(self.queries)} queries cannot measure it, such as "
                f"{first.query_id} ({first.text!r}), which is {where}; choose other folds"
            )
            raise LeakError(message)
