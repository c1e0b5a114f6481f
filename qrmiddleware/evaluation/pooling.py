"""Finds what nobody has judged among the first hits, and takes judgments of it in."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

from qrmiddleware.errors import QrmError
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery, Qrels
from qrmiddleware.evaluation.rankings import ArmRun

HUMAN: Final = "human"
"""Source of judgments that do not say where they are from."""

Sources: TypeAlias = Mapping[tuple[str, str], str]
"""Who judged, by query_id and doc_id; what is missing is a person's."""

OnConflict: TypeAlias = Literal["refuse", "keep", "replace"]


class ConflictError(QrmError):
    """Two judgments of the same pair differ."""


@dataclass(frozen=True, slots=True)
class PooledPair:
    """A query and a document that is to be judged for it.

    Attributes:
        query_id: As in the judgments.
        query: As the user typed it.
        doc_id: As in the judgments.
        fields: What the judge sees of the document, in this order.
        ranks: Where it stands, from 1, by the arms that returned it.
        relevance: ``None`` until somebody has judged.
        source: Who judged; empty if it is not said.
    """

    query_id: str
    query: str
    doc_id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    ranks: Mapping[str, int] = field(default_factory=dict)
    relevance: int | None = None
    source: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What a judgment of it is filed under."""
        return (self.query_id, self.doc_id)


@dataclass(frozen=True, slots=True)
class Merged:
    """Judgments with others taken in.

    Attributes:
        judged: The collection, with all judgments.
        sources: Who made each of them.
        added: How many pairs had no judgment before.
        same: How many were judged the same before.
        kept: How many differ, where the old judgment stays.
        replaced: How many differ, where the new one holds.
        blank: How many were not judged.
    """

    judged: JudgedQueries
    sources: Sources
    added: int = 0
    same: int = 0
    kept: int = 0
    replaced: int = 0
    blank: int = 0


def pool_unjudged(
    judged: JudgedQueries, runs: Sequence[ArmRun], *, depth: int, seed: int = 1
) -> tuple[PooledPair, ...]:
    """List the unjudged hits above ``depth`` of every arm, once each.

    Queries come in their own order, the documents of a query in one that only the ids and
    ``seed`` decide: it tells nothing of arms and ranks, and stays when arms are added.
    """
    return tuple(
        pair for query in judged.queries for pair in _pool_one(judged, query, runs, depth, seed)
    )


def _pool_one(
    judged: JudgedQueries, query: JudgedQuery, runs: Sequence[ArmRun], depth: int, seed: int
) -> list[PooledPair]:
    known = judged.qrels.get(query.query_id, {})
    ranks: dict[str, dict[str, int]] = {}
    titles: dict[str, str] = {}
    for run in runs:
        ranking = run.rankings.get(query.query_id)
        for rank, hit in enumerate(ranking.hits[:depth] if ranking else (), start=1):
            if hit.doc_id not in known:
                ranks.setdefault(hit.doc_id, {})[run.name] = rank
                titles[hit.doc_id] = titles.get(hit.doc_id) or hit.title
    return [
        PooledPair(
            query.query_id,
            query.text,
            doc_id,
            {"title": titles[doc_id]} if titles[doc_id] else {},
            ranks[doc_id],
        )
        for doc_id in shuffled(query.query_id, ranks, seed=seed)
    ]


def shuffled(query_id: str, doc_ids: Iterable[str], *, seed: int) -> list[str]:
    """Order documents by what only query_id, doc_id and ``seed`` decide."""
    return sorted(doc_ids, key=lambda doc_id: (_lot(f"{seed}\0{query_id}\0{doc_id}"), doc_id))


def _lot(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def with_fields(
    pairs: Iterable[PooledPair],
    documents: Mapping[str, Mapping[str, Any]],
    names: Sequence[str] = (),
) -> Iterator[PooledPair]:
    """Show the judge fields of a catalogue.

    Args:
        pairs: What is to be judged.
        documents: Fields by doc_id; a pair whose document is missing keeps what it shows.
        names: Which fields, in this order; those with text if empty.
    """
    for pair in pairs:
        source = documents.get(pair.doc_id)
        yield pair if source is None else replace(pair, fields=shown_fields(source, names))


def shown_fields(source: Mapping[str, Any], names: Sequence[str] = ()) -> Mapping[str, str]:
    """Return fields as text, without those that are empty."""
    wanted = names or [name for name, value in source.items() if isinstance(value, str | list)]
    return {name: text for name in wanted if (text := _text(source.get(name)))}


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case list():
            return ", ".join(filter(None, map(_text, value)))
        case dict():
            return "; ".join(f"{name}: {text}" for name, v in value.items() if (text := _text(v)))
        case _:
            return " ".join(str(value).split())


def merge_judgments(
    judged: JudgedQueries,
    sources: Sources,
    pairs: Iterable[PooledPair],
    *,
    source: str = HUMAN,
    on_conflict: OnConflict = "refuse",
) -> Merged:
    """Take judged pairs into a collection.

    Args:
        judged: The collection.
        sources: Who judged it so far.
        pairs: What was judged; those without a relevance are counted only.
        source: Who judged the pairs that do not say so themselves.
        on_conflict: What happens to a pair that was judged differently before.

    Raises:
        ConflictError: If judgments differ and that is to be refused.
        ValueError: If a query is not in the collection.
    """
    merging = _Merging(judged, sources, source)
    for pair in pairs:
        merging.take(pair, on_conflict)
    return merging.merged()


class _Merging:
    """Judgments that grow."""

    def __init__(self, judged: JudgedQueries, sources: Sources, source: str) -> None:
        self._judged = judged
        self._known = {query.query_id for query in judged.queries}
        self._qrels = {query_id: dict(grades) for query_id, grades in judged.qrels.items()}
        self._sources = dict(sources)
        self._source = source
        self._counts = {"added": 0, "same": 0, "kept": 0, "replaced": 0, "blank": 0}
        self._conflicts: list[str] = []

    def take(self, pair: PooledPair, on_conflict: OnConflict) -> None:
        """Take one pair in."""
        if pair.query_id not in self._known:
            message = f"query {pair.query_id!r} ({pair.query!r}) is not in this collection"
            raise ValueError(message)
        if pair.relevance is None:
            self._counts["blank"] += 1
            return
        before = self._qrels.setdefault(pair.query_id, {}).get(pair.doc_id)
        outcome = self._outcome(before, pair, on_conflict)
        self._counts[outcome] += 1
        if outcome in {"added", "replaced"}:
            self._qrels[pair.query_id][pair.doc_id] = pair.relevance
            self._sources[pair.key] = pair.source or self._source

    def _outcome(self, before: int | None, pair: PooledPair, on_conflict: OnConflict) -> str:
        if before is None:
            return "added"
        if before == pair.relevance:
            return "same"
        if on_conflict == "refuse":
            old, new = self._sources.get(pair.key, HUMAN), pair.source or self._source
            self._conflicts.append(
                f"{pair.query_id} {pair.doc_id}: {before} ({old}) against {pair.relevance} ({new})"
            )
        return "replaced" if on_conflict == "replace" else "kept"

    def merged(self, shown: int = 5) -> Merged:
        """Return what came out."""
        if self._conflicts:
            more = len(self._conflicts) - shown
            message = (
                f"{len(self._conflicts)} pairs were judged differently before: "
                f"{'; '.join(self._conflicts[:shown])}{f'; and {more} more' if more > 0 else ''}. "
                "Say --on-conflict keep or --on-conflict replace, or mend the file"
            )
            raise ConflictError(message)
        judged = replace(self._judged, qrels=_frozen(self._qrels))
        return Merged(judged, self._sources, **self._counts)


def _frozen(qrels: Mapping[str, Mapping[str, int]]) -> Qrels:
    return MappingProxyType(dict(qrels))
