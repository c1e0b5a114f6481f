"""Builds a rewrite table: proposes, searches, chooses, imports; only what is new is worked on."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback
from qrmiddleware.recipes.feedback.giving import System, give_all
from qrmiddleware.recipes.feedback.store import FeedbackStore, RowStore
from qrmiddleware.recipes.rewrite_tables.choosing import Choosing, Chosen, choose
from qrmiddleware.recipes.rewrite_tables.importing import Target, import_rewrites
from qrmiddleware.recipes.rewrite_tables.proposers import Proposer
from qrmiddleware.recipes.weak_queries import SearchedQuery

CANDIDATES: Final = "candidates.jsonl"
FEEDBACK: Final = "feedback.jsonl"
REPORT: Final = "report.json"
BATCH: Final = 256
"""Queries that a proposer is handed at a time."""


class CandidateStore(RowStore[CandidateSet]):
    """The candidates so far, by who proposes them and what their query's spellings share."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path, CandidateSet, "candidates", lambda row: (row.by, same_query(row.query))
        )

    def has(self, by: str, query: str) -> bool:
        """Whether this proposer was asked about a query."""
        return self.knows((by, same_query(query)))


class Names(NamedTuple):
    """Who proposes, and who gives feedback: rows of others are former builds'."""

    proposer: str
    system: str


class BuildReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a build did; kept as ``report.json``.

    Attributes:
        weak: Queries that need a rewrite.
        proposed: Of these, how many have a candidate.
        valued: How many have feedback.
        repaired: How many have a rewrite in the table.
        problems: Why others have no feedback.
        failed: Whose search failed in passing; the next build asks again.
        candidates: Of the weak queries.
        refused: Why candidates are no rewrites, by reason.
        rewrites: Of the weak queries, in the table.
        strata: Weak and repaired queries by stratum, where it is known.
        relevance: Mean over these rewrites; ``None`` of none.
        increment: Likewise.
        kept: Queries of former builds that are weak no more, or not in this log, and stay.
        table_queries: That the table knows, those of others included.
        proposer: Who proposed.
        system: Who gave feedback.
    """

    weak: int
    proposed: int
    valued: int
    repaired: int
    problems: dict[str, int]
    failed: int
    candidates: int
    refused: dict[str, int]
    rewrites: int
    strata: dict[str, dict[str, int]]
    relevance: float | None
    increment: float | None
    kept: int
    table_queries: int
    proposer: str
    system: str


Watch = Callable[[str, int, int], object]
"""Told what is done, how many queries are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Work:
    """A folder that builds of one table share.

    Attributes:
        folder: Made.
    """

    folder: Path

    def candidates(self) -> CandidateStore:
        """Where candidates are kept."""
        return CandidateStore(self.folder / CANDIDATES)

    def feedback(self) -> FeedbackStore:
        """Where feedback is kept."""
        return FeedbackStore(self.folder / FEEDBACK)

    def sets(self, by: str) -> dict[str, CandidateSet]:
        """Return a proposer's candidates by ``same_query``; the last ones of each query."""
        rows = read_rows(self.folder / CANDIDATES, CandidateSet)
        return {same_query(row.query): row for row in rows if row.by == by}


def build_table(
    work: Work,
    weak: Sequence[SearchedQuery],
    proposer: Proposer,
    system: System,
    *,
    choosing: Choosing,
    target: Target,
    refresh: bool = False,
    watch: Watch = lambda _what, _done, _total: None,
) -> BuildReport:
    """Build a table for weak queries, on this machine.

    For example, with what ``find_weak`` wrote::

        report = build_table(
            Work(Path("work")),
            list(read_weak(Path("weak.jsonl"))),
            GeneratorProposer.open(Path("models/rewriter"), DecodingOptions()),
            System(arm, judge),
            choosing=Choosing(min_relevance=0.6),
            target=Target("rewrites.sqlite"),
        )

    A build that is interrupted goes on where it ended.

    Args:
        work: Folder of this table's builds.
        weak: Queries that need a rewrite.
        proposer: Who proposes them.
        system: Who gives feedback on them.
        choosing: What they must bring.
        target: Where the table is.
        refresh: Propose and search anew what is known, too.
        watch: Told how far it is.

    Raises:
        ConfigError: If the engine refuses everything, or the table cannot be written.
        GivenUpError: If too many queries in a row failed.
    """
    queries = distinct(weak)
    propose(work, queries, proposer, refresh=refresh, watch=watch)
    sets = sets_of(work, queries, proposer.by)
    with work.feedback() as store:
        tally = asyncio.run(
            give_all(
                system,
                sets,
                store.add,
                is_known=(lambda _by, _set: False) if refresh else store.has,
                watch=lambda now: watch("searching", now.seen, len(sets)),
            )
        )
    names = Names(proposer.by, tally.by)
    return finish(work, weak, names, choosing, target, failed=tally.failed)


def distinct(weak: Iterable[SearchedQuery]) -> list[str]:
    """Return the queries, of several spellings the first."""
    first: dict[str, str] = {}
    for row in weak:
        first.setdefault(same_query(row.query), row.query)
    return list(first.values())


def propose(
    work: Work,
    queries: Sequence[str],
    proposer: Proposer,
    *,
    refresh: bool = False,
    watch: Watch = lambda _what, _done, _total: None,
) -> None:
    """Put to the work's file what a proposer says of queries that it was not asked about."""
    with work.candidates() as store:
        asked = [each for each in queries if refresh or not store.has(proposer.by, each)]
        for start in range(0, len(asked), BATCH):
            batch = asked[start : start + BATCH]
            for query, candidates in zip(batch, proposer.propose(batch), strict=True):
                store.add(CandidateSet(query=query, candidates=tuple(candidates), by=proposer.by))
            watch("proposing", start + len(batch), len(asked))


def sets_of(work: Work, queries: Iterable[str], by: str) -> list[CandidateSet]:
    """Return a proposer's candidates of queries, without the queries that have none."""
    known = work.sets(by)
    found = (known.get(same_query(query)) for query in queries)
    return [each for each in found if each is not None and each.candidates]


def finish(
    work: Work,
    weak: Sequence[SearchedQuery],
    names: Names,
    choosing: Choosing,
    target: Target,
    *,
    failed: int = 0,
) -> BuildReport:
    """Choose rewrites by all the feedback there is, put them into the table, and report.

    Of each query the feedback of ``names`` counts; where there is none, the last one of a former
    build: what is in a table stays until there is better.

    Args:
        work: Folder of this table's builds.
        weak: Queries of this build.
        names: Who proposed, and gave feedback, now.
        choosing: What rewrites must bring.
        target: Where the table is.
        failed: Queries whose search failed in passing.

    Raises:
        ConfigError: If the table cannot be written.
    """
    feedback = _latest(work, names)
    chosen = {query: choose(row, choosing) for query, row in feedback.items()}
    rewrites = {query: each.rewrites for query, each in chosen.items() if each.rewrites}
    table_queries = import_rewrites(work.folder, rewrites, target)
    report = _report(work, weak, names, feedback, chosen)
    report = msgspec.structs.replace(report, failed=failed, table_queries=table_queries)
    text = msgspec.json.format(msgspec.json.encode(report), indent=2)
    (work.folder / REPORT).write_bytes(text + b"\n")
    return report


def _latest(work: Work, names: Names) -> dict[str, Feedback]:
    """Return one feedback a query, by ``same_query``."""
    sets = work.sets(names.proposer)
    found: dict[str, tuple[int, Feedback]] = {}
    for row in read_rows(work.folder / FEEDBACK, Feedback):
        key = same_query(row.query)
        rank = _rank(row, sets.get(key), names)
        if rank >= found.get(key, (0, row))[0]:
            found[key] = (rank, row)
    return {query: row for query, (_, row) in found.items()}


def _rank(row: Feedback, proposed: CandidateSet | None, names: Names) -> int:
    if row.problem:
        return 0
    texts = tuple(each.text for each in row.candidates)
    asked = () if proposed is None else tuple(each.text for each in proposed.candidates)
    return 2 if row.by == names.system and texts == asked else 1


def _report(
    work: Work,
    weak: Sequence[SearchedQuery],
    names: Names,
    feedback: Mapping[str, Feedback],
    chosen: Mapping[str, Chosen],
) -> BuildReport:
    keys = {same_query(row.query): row for row in weak}
    ours = {key: chosen[key] for key in keys if key in chosen and not feedback[key].problem}
    good = [valued for each in ours.values() for valued in each.valued]
    repaired = {key for key, each in ours.items() if each.rewrites}
    strata = Counter(row.stratum for row in keys.values() if row.stratum)
    mended = Counter(keys[key].stratum for key in repaired)
    return BuildReport(
        weak=len(keys),
        proposed=len(sets_of(work, keys, names.proposer)),
        valued=len(ours),
        repaired=len(repaired),
        problems=dict(
            Counter(
                feedback[key].problem.partition(":")[0]
                for key in keys
                if key in feedback and feedback[key].problem
            )
        ),
        failed=0,
        candidates=sum(len(feedback[key].candidates) for key in ours),
        refused=dict(sum((each.refused for each in ours.values()), Counter[str]()).most_common()),
        rewrites=len(good),
        strata={
            name: {"weak": count, "repaired": mended[name]}
            for name, count in sorted(strata.items())
        },
        relevance=sum(each.relevance for each in good) / len(good) if good else None,
        increment=sum(each.increment for each in good) / len(good) if good else None,
        kept=sum(bool(each.rewrites) for key, each in chosen.items() if key not in keys),
        table_queries=0,
        proposer=names.proposer,
        system=names.system,
    )
