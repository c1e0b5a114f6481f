"""Has an engine search for queries and their rewrites, and measures what it finds."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from hashlib import sha256
from types import MappingProxyType
from typing import Final

import msgspec

from qrmiddleware.distill.rewriting.guards import GuardOptions, objection, same_query
from qrmiddleware.distill.rewriting.rows import Candidate, CandidateSet, Feedback, Valued
from qrmiddleware.errors import UpstreamError
from qrmiddleware.evaluation.arms import Arm
from qrmiddleware.evaluation.rewriting import hit_rate, increment, relevance_share
from qrmiddleware.recipes.feedback.judges import RelevanceJudge
from qrmiddleware.recipes.feedback.offline import (
    Found,
    OfflineOptions,
    OfflineSearch,
    SearchRefusedError,
)
from qrmiddleware.recipes.feedback.store import FeedbackStore
from qrmiddleware.recipes.feedback.working import work_through

NOT_JUDGED: Final = "the judge does not know the query"
NOT_SEARCHED: Final = "the engine refused it"

Reached = Mapping[str, AbstractSet[str]]
"""What users of a query got without searching: doc_ids, by ``same_query`` of its text."""


@dataclass(frozen=True, slots=True)
class System:
    """An offline system: what is searched, how, and who judges.

    Attributes:
        arm: The engine, and what it is asked.
        judge: Says what is relevant.
        options: How the engine is searched; the judge's fields are fetched whatever it says.
        guards: What candidates must be, to be searched for.
        reached: What users got elsewhere, for the hit rate.
        version: Told by the user, of all that cannot be seen from outside.
        give_up_after: Queries in a row that fail before all is given up.
    """

    arm: Arm
    judge: RelevanceJudge
    options: OfflineOptions = field(default_factory=OfflineOptions)
    guards: GuardOptions = field(default_factory=GuardOptions)
    reached: Reached = field(default_factory=lambda: MappingProxyType({}))
    version: str = ""
    give_up_after: int = 10

    def by(self, engine: str) -> str:
        """Say who gives the feedback, with all that its numbers depend on.

        Args:
            engine: Name and version.
        """
        told = {
            "headers": self.arm.headers,
            "body": self.arm.template.body,
            "guards": asdict(replace(self.guards, brands=frozenset(), scripts=frozenset()))
            | {"brands": sorted(self.guards.brands), "scripts": sorted(self.guards.scripts)},
            "reached": sorted((query, sorted(ids)) for query, ids in self.reached.items()),
            "id_field": self.options.id_field,
            "fields": self.judge.text_fields,
        }
        digest = sha256(msgspec.json.encode(told, order="deterministic")).hexdigest()[:8]
        parts = (
            engine,
            self.arm.asked,
            f"depth {self.options.depth}",
            self.judge.name,
            f"version {self.version}" if self.version else "",
            digest,
        )
        return "; ".join(filter(None, parts))


@dataclass(slots=True)
class FeedbackTally:
    """What a run has done so far; it is filled while the run goes on.

    Attributes:
        known: Queries that the file had feedback of.
        given: Queries that got feedback now.
        problems: Queries that cannot get any, by reason; they are not asked for again.
        failed: Queries whose searches failed in passing; the next run asks again.
        failure: What was said of the last of them.
        refused: Candidates that were not searched for, by reason.
        valued: Candidates that were.
        relevance: Sums over them; so are the next two.
        increment: …
        increment_union: …
        rated: Candidates with a hit rate.
        hit_rate: Its sum over these.
        helpful: Queries with a candidate that finds anything relevant and new.
        searches: That were sent.
        by: Who gave the feedback; empty if no engine answered.
    """

    known: int = 0
    given: int = 0
    problems: Counter[str] = field(default_factory=Counter[str])
    failed: int = 0
    failure: str = ""
    refused: Counter[str] = field(default_factory=Counter[str])
    valued: int = 0
    relevance: float = 0.0
    increment: float = 0.0
    increment_union: float = 0.0
    rated: int = 0
    hit_rate: float = 0.0
    helpful: int = 0
    searches: int = 0
    by: str = ""

    @property
    def seen(self) -> int:
        """Queries that have been come to."""
        return self.known + self.given + self.problems.total() + self.failed

    def count(self, feedback: Feedback) -> None:
        """Take account of what was given for a query."""
        if feedback.problem:
            self.problems[feedback.problem.partition(":")[0]] += 1
            return
        self.given += 1
        valued = [each for each in feedback.candidates if not each.refused]
        self.refused.update(each.refused for each in feedback.candidates if each.refused)
        self.valued += len(valued)
        self.helpful += any(each.increment > 0 for each in valued)
        for each in valued:
            self.relevance += each.relevance
            self.increment += each.increment
            self.increment_union += each.increment_union
            if each.hit_rate is not None:
                self.rated += 1
                self.hit_rate += each.hit_rate

    def means(self) -> dict[str, float | None]:
        """Return the measures' means over the candidates that were searched for."""
        sums = {
            "relevance": self.relevance,
            "increment": self.increment,
            "increment_union": self.increment_union,
        }
        means = {name: total / self.valued if self.valued else None for name, total in sums.items()}
        return means | {"hit_rate": self.hit_rate / self.rated if self.rated else None}


class Giver:
    """Gives feedback on one query after the other, many at a time.

    Args:
        system: Who judges, and by what.
        search: Of the system's engine, entered.
    """

    def __init__(self, system: System, search: OfflineSearch) -> None:
        self._system, self._search = system, search
        self.by = system.by(search.engine)

    @property
    def searches(self) -> int:
        """How many were sent."""
        return self._search.searches

    async def give(self, proposed: CandidateSet) -> Feedback:
        """Search for a query and its candidates, and value these.

        Raises:
            ConfigError: If the engine refuses everything.
            UpstreamError: If it does not answer, or stays busy.
        """
        query = proposed.query
        unvalued = tuple(map(_unvalued, proposed.candidates))
        if not self._system.judge.knows(query):
            return Feedback(query=query, candidates=unvalued, by=self.by, problem=NOT_JUDGED)
        try:
            before = await self._search.find(query)
        except SearchRefusedError as error:
            problem = f"{NOT_SEARCHED}: {error}"
            return Feedback(query=query, candidates=unvalued, by=self.by, problem=problem)
        found = [await self._try(each) for each in self._guarded(proposed)]
        elsewhere = self._system.reached.get(same_query(query), frozenset())
        relevant = await self._judged(query, before, found, elsewhere)
        return Feedback(
            query=query,
            candidates=tuple(
                each if hits is None else _value(each, before, hits, elsewhere, relevant)
                for each, hits in found
            ),
            found=len(before.texts),
            relevant=len(before.doc_ids & relevant),
            by=self.by,
        )

    def _guarded(self, proposed: CandidateSet) -> Iterator[Valued]:
        taken: set[str] = set()
        for candidate in proposed.candidates:
            reason = objection(proposed.query, candidate.text, self._system.guards, taken=taken)
            if not reason:
                taken.add(same_query(candidate.text))
            yield msgspec.structs.replace(_unvalued(candidate), refused=reason)

    async def _try(self, candidate: Valued) -> tuple[Valued, Found | None]:
        if candidate.refused:
            return candidate, None
        try:
            return candidate, await self._search.find(candidate.text)
        except SearchRefusedError:
            return msgspec.structs.replace(candidate, refused=NOT_SEARCHED), None

    async def _judged(
        self,
        query: str,
        before: Found,
        found: Iterable[tuple[Valued, Found | None]],
        elsewhere: AbstractSet[str],
    ) -> AbstractSet[str]:
        """Return what is relevant of all that was found; each document is judged once."""
        texts = dict(before.texts)
        for _, hits in found:
            texts |= hits.texts if hits else {}
        missing = elsewhere - texts.keys()
        reads = bool(self._system.judge.text_fields)
        texts |= await self._search.texts_of(missing) if reads else dict.fromkeys(missing, "")
        return await asyncio.to_thread(self._system.judge.relevant, query, texts)


def _unvalued(candidate: Candidate) -> Valued:
    return Valued(text=candidate.text, log_probability=candidate.log_probability)


def _value(
    candidate: Valued,
    before: Found,
    found: Found,
    elsewhere: AbstractSet[str],
    relevant: AbstractSet[str],
) -> Valued:
    typed, hits = before.doc_ids, found.doc_ids
    return msgspec.structs.replace(
        candidate,
        found=len(hits),
        new=len(hits - typed),
        relevance=relevance_share(hits, relevant),
        increment=increment(typed, hits, relevant),
        increment_union=increment(typed, hits, relevant, mode="union_ratio"),
        hit_rate=hit_rate(typed, hits, elsewhere, relevant),
    )


@asynccontextmanager
async def giving(system: System) -> AsyncIterator[Giver]:
    """Open the engine of a system.

    Raises:
        ConfigError: If it cannot be searched so.
        UpstreamError: If it does not answer.
    """
    fields = system.judge.text_fields
    async with OfflineSearch(system.arm, replace(system.options, text_fields=fields)) as search:
        yield Giver(system, search)


async def give_all(
    system: System,
    proposed: Iterable[CandidateSet],
    take: Callable[[Feedback], object],
    *,
    is_known: Callable[[str, CandidateSet], bool] = lambda _by, _proposed: False,
    watch: Callable[[FeedbackTally], object] = lambda _: None,
) -> FeedbackTally:
    """Give feedback on many queries, as it comes.

    Args:
        system: What is searched, and who judges.
        proposed: Read as they are come to.
        take: Handed each feedback, at once.
        is_known: Told who gives feedback, whether candidates need none.
        watch: Told after every query.

    Raises:
        ConfigError: If the engine refuses everything.
        GivenUpError: If too many queries in a row failed.
    """
    tally = FeedbackTally()

    def fail(error: UpstreamError) -> None:
        tally.failed, tally.failure = tally.failed + 1, str(error)
        watch(tally)

    def note(feedback: Feedback) -> None:
        take(feedback)
        tally.count(feedback)
        watch(tally)

    async with giving(system) as giver:
        tally.by = giver.by
        try:
            await work_through(
                _unknown(proposed, partial(is_known, giver.by), tally),
                giver.give,
                note,
                concurrency=system.options.concurrency,
                give_up_after=system.give_up_after,
                failed=fail,
            )
        finally:
            tally.searches = giver.searches
            watch(tally)
    return tally


def _unknown(
    proposed: Iterable[CandidateSet], is_known: Callable[[CandidateSet], bool], tally: FeedbackTally
) -> Iterator[CandidateSet]:
    for each in proposed:
        if is_known(each):
            tally.known += 1
        else:
            yield each


def give_feedback(
    system: System,
    proposed: Iterable[CandidateSet],
    store: FeedbackStore,
    watch: Callable[[FeedbackTally], object] = lambda _: None,
) -> FeedbackTally:
    """Put to a file what an engine makes of candidates that it has not seen yet.

    For example, with candidates in one file and the feedback in another::

        arm = engine_arm("http://localhost:9200", "products", fields=("title^2", "description"))
        judge = JudgmentsOf(load_judged(Path("./judged")), "judged")
        with FeedbackStore(Path("feedback.jsonl")) as store:
            tally = give_feedback(
                System(arm, judge), read_rows(Path("candidates.jsonl"), CandidateSet), store
            )
        print(tally.means())

    Every line is in the file before the next is waited for, so that the work may be interrupted
    at any time, and goes on where it ended. Lines are in the order in which they came.

    Raises:
        ConfigError: If the engine refuses everything.
        GivenUpError: If too many queries in a row failed; the same call goes on from there.
    """
    return asyncio.run(give_all(system, proposed, store.add, is_known=store.has, watch=watch))
