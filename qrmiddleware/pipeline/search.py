"""One search from end to end, as a generator: it yields what it waits for, and does no I/O.

The proxy, the in-process clients and the evaluation drive the same generator.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias, TypeVar

from qrmiddleware.dsl.raw import Json, raw, read_object, read_value
from qrmiddleware.dsl.reply import (
    PageHit,
    ReplyHit,
    SearchReply,
    field_values,
    read_reply,
    render_reply,
    without_fields,
)
from qrmiddleware.dsl.search import SearchRequest, Untouched, client_field_patterns
from qrmiddleware.model import Hit
from qrmiddleware.pipeline.options import Options
from qrmiddleware.pipeline.plan import (
    Plan,
    count_body,
    first_searches,
    prepare,
    second_searches,
    unnamed_search,
)
from qrmiddleware.pipeline.ranking import (
    combined_rewards,
    envelope_of,
    falling,
    fetched_ranking,
    rerank,
    window_scores,
)
from qrmiddleware.pipeline.steps import (
    AskExplanations,
    AskFilters,
    AskRewards,
    AskRewriters,
    Explanations,
    Flags,
    Proposals,
    Relay,
    Rewards,
    Step,
    Trip,
)

_T = TypeVar("_T")
Key: TypeAlias = tuple[str, str]
"""Index and ``_id``."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A window after filtering and reranking.

    Attributes:
        hits: The new order.
        rewards: The combined reward of a hit, by its key.
        demoted: Keys of the hits that a filter flagged.
        dropped: How many of them were taken out.
        flags: The filters' answers.
        seen: The hits that each filter and reward plugin was asked about, by its name.
        flagged_by: The filters that flagged a hit, by its key; only where it was asked why.
        explained: What plugins say of a hit, by its key and their names; likewise.
    """

    hits: tuple[ReplyHit, ...]
    rewards: Mapping[Key, float] = field(default_factory=dict[Key, float])
    demoted: frozenset[Key] = frozenset()
    dropped: int = 0
    flags: Flags = field(default_factory=dict[str, Sequence[bool]])
    seen: Mapping[str, tuple[Hit, ...]] = field(default_factory=dict[str, tuple[Hit, ...]])
    flagged_by: Mapping[Key, list[str]] = field(default_factory=dict[Key, list[str]])
    explained: Mapping[Key, Mapping[str, Json]] = field(
        default_factory=dict[Key, Mapping[str, Json]]
    )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a search is answered with.

    Attributes:
        plan: What was asked.
        envelope: The reply whose total, facets and all else are kept.
        fetched: The ranking from place ``plan.start`` on, before any plugin judged it.
        judged: The same after filter and reward plugins.
        page: What is shown, best first.
        scores: The ``_score`` of each shown hit; ``None`` leaves the engine's.
        max_score: The ``max_score`` to show; ``None`` leaves the engine's.
    """

    plan: Plan
    envelope: SearchReply
    fetched: tuple[ReplyHit, ...]
    judged: Judged
    page: tuple[ReplyHit, ...]
    scores: tuple[float | None, ...]
    max_score: float | None = None

    def render(self, extension: Mapping[str, Json] | None = None, *, debug: bool = False) -> bytes:
        """Write the reply.

        Args:
            extension: What to show as ``ext.qrm``.
            debug: Show where each hit comes from, and what became of the window's others.
        """
        origins = self.provenance() if debug else [{}] * len(self.page)
        shown = map(PageHit, self.page, self.scores, origins)
        section = dict(extension or {})
        if debug and (window := self.off_page()):
            section["window"] = window
        if self.judged.dropped:
            section["filtered"] = self.judged.dropped
        return render_reply(self.envelope, list(shown), max_score=self.max_score, extension=section)

    def provenance(self) -> list[dict[str, Json]]:
        """Say of each shown hit which wordings found it, and where the engine had put it."""
        ranks = self._ranks(self.fetched)
        return [self._origin(hit, ranks[hit.key]) for hit in self.page]

    def off_page(self) -> list[dict[str, Json]]:
        """Say of the window's hits that are not shown, but were flagged or moved, the same."""
        if not self.plan.reranks:
            return []
        shown, now = {hit.key for hit in self.page}, self._ranks(self.judged.hits)
        window = self.fetched[: self.plan.options.rank_window_size]
        return [
            {
                "_index": hit.index,
                "_id": hit.doc_id,
                "rank": now.get(hit.key),
                **self._origin(hit, rank),
            }
            for rank, hit in enumerate(window, self.plan.start + 1)
            if hit.key not in shown
            and (hit.key in self.judged.flagged_by or now.get(hit.key) != rank)
        ]

    def _ranks(self, hits: Sequence[ReplyHit]) -> dict[Key, int]:
        return {hit.key: rank for rank, hit in enumerate(hits, self.plan.start + 1)}

    def _origin(self, hit: ReplyHit, rank: int) -> dict[str, Json]:
        shown: dict[str, Json] = {
            "found_by": list(_found_by(self.plan, hit)),
            "upstream_score": hit.score,
            "upstream_rank": rank,
        }
        if hit.key in self.judged.rewards:
            shown["reward"] = self.judged.rewards[hit.key]
        if hit.key in self.judged.demoted:
            shown["demoted"] = True
        if hit.key in self.judged.flagged_by:
            shown["flagged_by"] = self.judged.flagged_by[hit.key]
        if hit.key in self.judged.explained:
            shown["explanations"] = dict(self.judged.explained[hit.key])
        return shown


Search: TypeAlias = Generator[Step, Any, Answer | Untouched]
Relayed: TypeAlias = Generator[Step, Any, Relay | Untouched]


def search(request: SearchRequest, options: Options, *, explains: bool = False) -> Search:
    """Answer one search; ``Untouched`` if no plugin has anything to say about it.

    Args:
        request: The client's.
        options: The pipeline's.
        explains: Ask plugins why they judged hits as they did.
    """
    proposals: Proposals = yield AskRewriters(request.query)
    plan = prepare(request, proposals, options)
    if not plan.acts:
        return Untouched("no plugin proposed anything")
    first = _replies((yield Trip(first_searches(plan), paged=plan.paged)))
    second: tuple[SearchReply, ...] = ()
    if bodies := second_searches(plan, first[0].total or 0, len(first[0].hits)):
        second = _replies((yield Trip(bodies, paged=True, name="second_search")))
    hits = fetched_ranking(plan, first, second)
    judged = Judged(hits)
    if plan.reranks:
        judged = yield from _judge(plan, hits)
        if explains:
            judged = yield from _explain(plan, judged)
    return finish(plan, envelope_of(plan, first, second), hits, judged)


def blind_search(request: SearchRequest, options: Options) -> Relayed:
    """Widen one search whose reply cannot be touched.

    For scroll and asynchronous search, whose later pages come past the pipeline.
    """
    proposals: Proposals = yield AskRewriters(request.query)
    plan = prepare(request, proposals, options)
    if not plan.rewrites:
        return Untouched("no plugin proposed anything")
    return Relay(unnamed_search(plan))


def count(request: SearchRequest, options: Options) -> Relayed:
    """Count what a search with the same query finds."""
    proposals: Proposals = yield AskRewriters(request.query)
    plan = prepare(request, proposals, options)
    if not plan.rewrites:
        return Untouched("no plugin proposed anything")
    if plan.policy == "append":
        own: Sequence[bytes] = yield Trip((count_body(plan, union=False),), name="count")
        found = int(bytes(read_object(own[0])["count"]))
        return Relay(count_body(plan, union=found < options.merge.min_hits))
    return Relay(count_body(plan, union=True))


def finish(
    plan: Plan, envelope: SearchReply, fetched: tuple[ReplyHit, ...], judged: Judged
) -> Answer:
    """Cut the page that the client asked for, and give every hit the score of its place.

    Args:
        plan: The search.
        envelope: The reply whose total, facets and all else are kept.
        fetched: The ranking from place ``plan.start`` on, before any plugin judged it.
        judged: The same after filter and reward plugins.
    """
    first = plan.request.offset - plan.start
    page = judged.hits[first : first + plan.request.size]
    ladder: tuple[float | None, ...] = (None,) * len(fetched)
    if judged.hits != fetched:
        ladder = window_scores(fetched, plan.options.rank_window_size)
    elif plan.fuses:
        ladder = falling([hit.score for hit in fetched])
    begins = plan.fuses and plan.start == 0
    wanted = client_field_patterns(plan.request) if plan.extra_fields else ()
    return Answer(
        plan,
        _as_asked(plan, envelope),
        fetched,
        judged,
        tuple(without_fields(hit, plan.extra_fields, wanted) for hit in page)
        if plan.extra_fields
        else page,
        ladder[first : first + len(page)],
        max_score=ladder[0] if begins and ladder else None,
    )


def _replies(bodies: Sequence[bytes]) -> tuple[SearchReply, ...]:
    return tuple(map(read_reply, bodies))


def _judge(plan: Plan, hits: Sequence[ReplyHit]) -> Generator[Step, Any, Judged]:
    """Filter and rerank the window; what stands behind it stays."""
    window = tuple(hits[: plan.options.rank_window_size])
    seen = tuple(_seen(plan, hit) for hit in window)
    flags: Flags = {}
    if plan.options.filters and window:
        flags = yield AskFilters(plan.request.query, seen)
    verdicts = _verdicts(plan.options, flags, len(window))
    seen_kept = tuple(_of(seen, verdicts, "keep"))
    kept, demoted = (tuple(_of(window, verdicts, wanted)) for wanted in ("keep", "demote"))
    totals: tuple[float, ...] = ()
    if plan.options.reward_weights and kept:
        rewards: Rewards = yield AskRewards(plan.request.query, seen_kept)
        if rewards:
            totals = combined_rewards(
                rewards,
                [hit.score for hit in kept],
                plan.options.reward_weights,
                engine_weight=plan.options.engine_weight,
            )
    ranked = rerank(kept, totals) if totals else kept
    return Judged(
        hits=(*ranked, *demoted, *hits[len(window) :]),
        rewards={hit.key: total for hit, total in zip(kept, totals, strict=False)},
        demoted=frozenset(hit.key for hit in demoted),
        dropped=verdicts.count("drop"),
        flags=flags,
        seen={
            **dict.fromkeys(plan.options.filters, seen),
            **dict.fromkeys(plan.options.reward_weights, seen_kept),
        },
    )


def _explain(plan: Plan, judged: Judged) -> Generator[Step, Any, Judged]:
    """Ask why; of each plugin, about the hits that it was asked to judge."""
    said: Explanations = yield AskExplanations(plan.request.query, judged.seen)
    explained: dict[Key, dict[str, Json]] = {}
    for name, answers in said.items():
        for hit, answer in zip(judged.seen[name], answers, strict=True):
            if answer is not None:
                explained.setdefault((hit.index, hit.doc_id), {})[name] = answer
    return replace(judged, flagged_by=_flagged_by(judged), explained=explained)


def _flagged_by(judged: Judged) -> dict[Key, list[str]]:
    flagged: dict[Key, list[str]] = {}
    for name, answers in judged.flags.items():
        for hit, stays in zip(judged.seen[name], answers, strict=True):
            if not stays:
                flagged.setdefault((hit.index, hit.doc_id), []).append(name)
    return flagged


def _of(hits: Iterable[_T], verdicts: Iterable[str], wanted: str) -> Iterator[_T]:
    return (hit for hit, verdict in zip(hits, verdicts, strict=True) if verdict == wanted)


def _verdicts(options: Options, flags: Flags, count: int) -> list[str]:
    """Return ``keep``, ``demote`` or ``drop`` for each hit; the harshest filter decides."""
    verdicts = ["keep"] * count
    for action in ("demote", "drop"):
        for name, answer in flags.items():
            if options.filters[name] == action:
                verdicts = [
                    verdict if stays else action
                    for verdict, stays in zip(verdicts, answer, strict=True)
                ]
    return verdicts


def _seen(plan: Plan, hit: ReplyHit) -> Hit:
    """Return what plugins get to see of a hit."""
    return Hit(
        hit.doc_id,
        hit.score,
        field_values(hit, plan.options.fields, whole_source=plan.request.whole_source),
        hit.index,
        _found_by(plan, hit),
    )


def _as_asked(plan: Plan, envelope: SearchReply) -> SearchReply:
    """Take a total out again that only the pipeline wanted counted.

    With ``rest_total_hits_as_int``, one that was not counted is -1.
    """
    if bytes(plan.request.tree.get("track_total_hits", b"true")) != b"false":
        return envelope
    section = dict(envelope.section)
    if isinstance(read_value(section.get("total", raw(None))), int):
        section["total"] = raw(-1)
    else:
        section.pop("total", None)
    return SearchReply(envelope.tree, section, envelope.hits)


def _found_by(plan: Plan, hit: ReplyHit) -> tuple[str, ...]:
    if len(plan.wordings) == 1:
        return (plan.wordings[0].text,)
    return tuple(plan.wordings[position].text for position in hit.wordings)
