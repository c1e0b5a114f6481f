"""Finds the queries of a log that an engine serves badly: too few results, or irrelevant ones.

Source: Peng et al. 2023, arXiv:2311.03758 (BEQUE), which rewrites queries with fewer than 10,000
results, or with more than 70 % irrelevant ones; and parts queries by the share of relevant ones.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.errors import UpstreamError
from qrmiddleware.recipes.feedback.giving import NOT_SEARCHED, System
from qrmiddleware.recipes.feedback.offline import OfflineSearch, SearchRefusedError
from qrmiddleware.recipes.feedback.store import RowStore
from qrmiddleware.recipes.feedback.working import work_through
from qrmiddleware.recipes.query_log import Logged

Stratum: TypeAlias = Literal["top", "torso", "tail", ""]
Weakness: TypeAlias = Literal["few results", "irrelevant results", ""]

TOP: Final = 0.7
TAIL: Final = 0.1
"""Shares of relevant results above which a query is of the top, and below which of the tail."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a query is weak.

    Attributes:
        few_results: It has fewer results than this, …
        few_share: … or than this share of the catalogue, whichever is more. The paper's 10,000
            are this share of a hundred million products.
        irrelevant: More than this share of its first results is irrelevant.
    """

    few_results: int = 10
    few_share: float = 1e-4
    irrelevant: float = 0.7

    @property
    def told(self) -> str:
        """What the file says of them."""
        return f"few < {self.few_results} or {self.few_share:g}; irrelevant > {self.irrelevant:g}"

    def few(self, documents: int) -> int:
        """Return how many results are enough in a catalogue."""
        return max(self.few_results, ceil(self.few_share * documents))


class SearchedQuery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A query of a log, and how well it is served; one line of a file.

    Attributes:
        query: As it was first typed.
        count: How often it was searched for.
        total: Results that the engine counts.
        found: Of these, how many were looked at.
        relevant: Of the latter, how many are relevant; ``None`` if nobody knows.
        stratum: By the share of relevant ones: top, torso or tail; empty if nobody knows.
        weak: Why it needs a rewrite; empty if it does not.
        by: Engine, search, depth, judge and bounds.
        problem: Why the engine refused to search; empty else.
    """

    query: str
    count: int = 1
    total: int = 0
    found: int = 0
    relevant: int | None = None
    stratum: Stratum = ""
    weak: Weakness = ""
    by: str = ""
    problem: str = ""


@dataclass(slots=True)
class WeakTally:
    """What a run has done so far.

    Attributes:
        known: Queries that the file had.
        searched: Queries that were searched for now.
        problems: Of these, how many the engine refused.
        failed: Queries whose search failed in passing; the next run asks again.
        failure: What was said of the last of them.
        weak: Queries of this run that are weak, by reason.
        strata: Queries of this run by stratum.
    """

    known: int = 0
    searched: int = 0
    problems: int = 0
    failed: int = 0
    failure: str = ""
    weak: Counter[str] = field(default_factory=Counter[str])
    strata: Counter[str] = field(default_factory=Counter[str])

    def count(self, row: SearchedQuery) -> None:
        """Take account of a query."""
        self.searched += 1
        self.problems += bool(row.problem)
        self.weak.update(filter(None, (row.weak,)))
        self.strata.update(filter(None, (row.stratum,)))


class WeakStore(RowStore[SearchedQuery]):
    """The queries so far, by their bounds and what their spellings share."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, SearchedQuery, "queries", lambda row: (row.by, same_query(row.query))
        )

    def has(self, by: str, query: str) -> bool:
        """Whether a query was searched for."""
        return self.knows((by, same_query(query)))


def stratum_of(relevant: int | None, found: int) -> Stratum:
    """Return where a query belongs; to the tail if it finds nothing."""
    if relevant is None:
        return ""
    share = relevant / found if found else 0.0
    if share > TOP:
        return "top"
    return "tail" if share < TAIL else "torso"


def weakness_of(
    total: int, found: int, relevant: int | None, *, few: int, irrelevant: float
) -> Weakness:
    """Say why a query is weak; empty if it is not.

    Args:
        total: Results that the engine counts.
        found: Results that were looked at.
        relevant: Of these; ``None`` if nobody knows.
        few: Fewer results are too few.
        irrelevant: A larger share of irrelevant ones is too many.
    """
    if total < few:
        return "few results"
    if relevant is not None and found and 1 - relevant / found > irrelevant + 1e-9:
        return "irrelevant results"
    return ""


def find_weak(
    system: System,
    queries: Iterable[Logged],
    store: WeakStore,
    bounds: Bounds = Bounds(),
    watch: Callable[[WeakTally], object] = lambda _: None,
) -> WeakTally:
    """Search for the queries of a log, and put to a file how well each is served.

    For example::

        with QueryCounts() as counts, WeakStore(Path("weak.jsonl")) as store:
            count_log([Path("queries.log")], counts, Noise())
            find_weak(System(arm, judge), counts.most_common(min_count=3), store)
        weak = list(read_weak(Path("weak.jsonl")))

    Raises:
        ConfigError: If the engine refuses everything.
        GivenUpError: If too many queries in a row failed; the same call goes on from there.
    """
    return asyncio.run(_find(system, queries, store, bounds, watch))


async def _find(
    system: System,
    queries: Iterable[Logged],
    store: WeakStore,
    bounds: Bounds,
    watch: Callable[[WeakTally], object],
) -> WeakTally:
    tally = WeakTally()
    options = replace(system.options, text_fields=system.judge.text_fields)

    def take(row: SearchedQuery) -> None:
        store.add(row)
        tally.count(row)
        watch(tally)

    def fail(error: UpstreamError) -> None:
        tally.failed, tally.failure = tally.failed + 1, str(error)
        watch(tally)

    async with OfflineSearch(system.arm, options) as search:
        few = bounds.few(await search.count() if bounds.few_share else 0)
        by = f"{system.by(search.engine)}; {bounds.told}"

        async def look(logged: Logged) -> SearchedQuery:
            row = SearchedQuery(query=logged.text, count=logged.times, by=by)
            try:
                hits = await search.find(logged.text)
            except SearchRefusedError as error:
                return msgspec.structs.replace(row, problem=f"{NOT_SEARCHED}: {error}")
            relevant = None
            if system.judge.knows(logged.text):
                judged = await asyncio.to_thread(system.judge.relevant, logged.text, hits.texts)
                relevant = len(judged & hits.doc_ids)
            found = len(hits.texts)
            return msgspec.structs.replace(
                row,
                total=hits.total,
                found=found,
                relevant=relevant,
                stratum=stratum_of(relevant, found),
                weak=weakness_of(
                    hits.total, found, relevant, few=few, irrelevant=bounds.irrelevant
                ),
            )

        await work_through(
            _unknown(queries, by, store, tally),
            look,
            take,
            concurrency=system.options.concurrency,
            give_up_after=system.give_up_after,
            failed=fail,
        )
    return tally


def _unknown(
    queries: Iterable[Logged], by: str, store: WeakStore, tally: WeakTally
) -> Iterator[Logged]:
    for each in queries:
        if store.has(by, each.text):
            tally.known += 1
        else:
            yield each


def read_weak(path: Path) -> Iterator[SearchedQuery]:
    """Yield the weak queries of a file, each once: of several lines of a query the last counts.

    Raises:
        ConfigError: If the file cannot be read, or a line is no searched query.
    """
    last: dict[str, SearchedQuery] = {}
    for row in read_rows(path, SearchedQuery):
        key = same_query(row.query)
        last.pop(key, None)
        if row.weak:
            last[key] = row
    yield from last.values()
