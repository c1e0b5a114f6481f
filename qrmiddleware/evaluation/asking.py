"""Asks all arms for all queries, side by side."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from qrmiddleware.errors import ConfigError, UpstreamError
from qrmiddleware.evaluation.arm_client import ArmClient, Wanted
from qrmiddleware.evaluation.arms import Arm
from qrmiddleware.evaluation.cache import RankingCache
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.rankings import ArmRun, Ranking

MOST_DEPTH: Final = 10_000
_HOPELESS: Final = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How to ask.

    Attributes:
        concurrency: Queries under way at a time; each asks one arm after the other.
        warmup: Queries asked before, whose answers and times do not count.
        cache: Where answers are kept; ``None`` for nowhere.
    """

    concurrency: int = 1
    warmup: int = 20
    cache: RankingCache | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of asking one arm.

    Attributes:
        run: Its rankings.
        engine: Name and version, as far as it tells.
        notes: What people should know who read the figures.
    """

    run: ArmRun
    engine: str
    notes: tuple[str, ...]

    @property
    def failures(self) -> tuple[Ranking, ...]:
        """The queries without a ranking."""
        return tuple(ranking for ranking in self.run.rankings.values() if ranking.problem)


def check_depth(depth: int) -> None:
    """Refuse a depth that no engine answers.

    Raises:
        ConfigError: If it is not in 1 to ``MOST_DEPTH``.
    """
    if not 1 <= depth <= MOST_DEPTH:
        message = (
            f"depth {depth}: choose 1 to {MOST_DEPTH}; Elasticsearch and OpenSearch refuse to "
            "answer more hits at once (index.max_result_window)"
        )
        raise ConfigError(message)


async def ask_arms(
    arms: Sequence[Arm],
    judged: JudgedQueries,
    wanted: Wanted,
    options: AskOptions,
    tick: Callable[[Ranking], object] = lambda _: None,
) -> tuple[Asked, ...]:
    """Ask every arm for every query.

    The arms take turns query by query, and begin by turns, so that whatever else the machine does
    hits all alike, and none always comes to an engine that another has just warmed.

    Args:
        arms: Which.
        judged: The queries.
        wanted: What to ask for.
        options: How to ask.
        tick: Told each ranking as it comes, one a query and arm.

    Raises:
        ConfigError: If an arm cannot be asked at all.
    """
    check_depth(wanted.depth)
    async with AsyncExitStack() as stack:
        sessions = [_Session(arm, wanted, options) for arm in arms]
        for session in sessions:
            stack.push_async_callback(session.client.close)
        for session in sessions:
            await session.begin(judged.queries)
        await _warm_up(sessions, judged.queries[: options.warmup])
        turns = _turns(sessions, judged.queries)

        async def work() -> None:
            for query, order in turns:
                for session in order:
                    tick(await session.answer(query))

        async with asyncio.TaskGroup() as group:
            for _ in range(options.concurrency):
                group.create_task(work())
        return tuple(session.end(judged.queries) for session in sessions)


def _turns(
    sessions: Sequence["_Session"], queries: Sequence[JudgedQuery]
) -> Iterator[tuple[JudgedQuery, list["_Session"]]]:
    for number, query in enumerate(queries):
        first = number % len(sessions)
        yield query, [*sessions[first:], *sessions[:first]]


async def _warm_up(sessions: Sequence["_Session"], queries: Sequence[JudgedQuery]) -> None:
    for query, order in _turns(sessions, queries):
        for session in order:
            if session.lacks_any:
                await session.try_out(query)


@dataclass(slots=True)
class _Session:
    """One arm while it is asked; ``cache`` keeps its answers, where they may be kept."""

    arm: Arm
    wanted: Wanted
    options: AskOptions
    client: ArmClient = field(init=False)
    engine: str = ""
    state: str = ""
    cache: RankingCache | None = None
    lacks_any: bool = True
    rankings: dict[str, Ranking] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client = ArmClient(self.arm, self.wanted, connections=self.options.concurrency)

    async def begin(self, queries: Sequence[JudgedQuery]) -> None:
        """Find out whether the arm answers, and which answers are known already."""
        self.cache = self.options.cache
        if self.cache is not None:
            self.state = await self.client.state()
            if not self.state:
                self.cache = None
                self.notes.append("the state of its index cannot be seen: no answer is kept")
        if queries and not (self.cache and self.arm.version):
            served_by = await self._probe(queries[0])
            if self.cache is not None and served_by:
                self.cache = None
                self.notes.append(
                    f"pipeline {served_by} serves it, whose rules and models cannot be seen from "
                    "outside: no answer is kept; give the arm a version to keep them"
                )
        if self.cache is not None:
            self._recall(self.cache, queries)
        self.lacks_any = len(self.rankings) < len(queries)
        self.engine = await self.client.engine()

    async def _probe(self, query: JudgedQuery) -> str:
        """Ask once, uncounted; returns the pipeline that served."""
        try:
            return (await self.client.search(query)).pipeline
        except UpstreamError as error:
            if error.status in _HOPELESS:
                message = f"arm {self.arm.name}: {self.arm.shown_url}: {error}"
                raise ConfigError(message) from error
            return ""

    def _recall(self, cache: RankingCache, queries: Sequence[JudgedQuery]) -> None:
        for query in queries:
            ranking = cache.load(self._key(query))
            if ranking is not None:
                self.rankings[query.query_id] = ranking

    def _key(self, query: JudgedQuery) -> str:
        arm, wanted = self.arm, self.wanted
        return RankingCache.key(
            query_id=query.query_id,
            url=arm.url,
            target=arm.target,
            headers=arm.headers,
            authorization=arm.authorization,
            body=self.client.body(query.text).decode(),
            fields=(wanted.id_field, wanted.title_field),
            provenance=wanted.provenance,
            state=self.state,
            version=arm.version,
        )

    async def try_out(self, query: JudgedQuery) -> Ranking:
        """Ask; whatever goes wrong stands in ``problem``."""
        try:
            return await self.client.search(query)
        except UpstreamError as error:
            return Ranking(query.query_id, (), problem=str(error))

    async def answer(self, query: JudgedQuery) -> Ranking:
        """Return the ranking that is known, or ask for it."""
        known = self.rankings.get(query.query_id)
        if known is not None:
            return known
        ranking = self.rankings[query.query_id] = await self.try_out(query)
        if self.cache is not None:
            self.cache.keep(self._key(query), ranking)
        return ranking

    def end(self, queries: Sequence[JudgedQuery]) -> Asked:
        """Sum up, rankings in the order of the queries."""
        rankings = {query.query_id: self.rankings[query.query_id] for query in queries}
        run = ArmRun(
            self.arm.name, rankings, self.wanted.depth, self.arm.asked, self.arm.seen_folds
        )
        notes = (*self.notes, *_remarks(run))
        return Asked(run, self.engine, notes)


def _remarks(run: ArmRun) -> Iterator[str]:
    rankings = run.rankings.values()
    count = len(rankings)
    if cached := sum(ranking.from_cache for ranking in rankings):
        yield f"{cached} of {count} rankings come from the cache, with the latency of back then"
    degraded = Counter(ranking.degraded for ranking in rankings if ranking.degraded)
    if degraded:
        reasons = ", ".join(f"{reason} ({times})" for reason, times in degraded.most_common())
        yield f"{degraded.total()} of {count} rankings are degraded: {reasons}"


def tells_provenance(run: ArmRun) -> bool:
    """Tell whether an arm says of any hit which wording found it."""
    return any(hit.found_by for each in run.rankings.values() for hit in each.hits)


def strangers(judged: JudgedQueries, run: ArmRun) -> str:
    """Say so if not one hit is judged: then hits and judgments most likely differ in their ids.

    Args:
        judged: The judgments.
        run: The rankings.
    """
    hits = [
        (query.query_id, hit.doc_id)
        for query in judged.queries
        if query.query_id in run.rankings
        for hit in run.rankings[query.query_id].hits
    ]
    known = {doc_id for documents in judged.qrels.values() for doc_id in documents}
    if not hits or not known or any(doc_id in known for _, doc_id in hits):
        return ""
    return (
        f"arm {run.name}: none of its {len(hits)} hits is a document of the judgments: hits are "
        f"called such as {hits[0][1]!r}, judged documents such as {min(known)!r}. Name the field "
        "that holds the judgments' ids with --id-field"
    )
