"""Drives the pure pipeline: answers its steps, keeps the time, and notes what happened."""

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final, Generic, TypeVar

from qrmiddleware.model import Boost, Call, Decision, Query, Restriction, Trace
from qrmiddleware.pipeline.search import Answer
from qrmiddleware.pipeline.steps import AskExplanations, Step, Trip
from qrmiddleware.runner.calls import StageCall, collect, degraded
from qrmiddleware.runner.pipelines import Ask, Pipeline

_T = TypeVar("_T")
_STAGE: Final = {
    "qrm_rewrite": "rewrite",
    "qrm_filter": "filter",
    "qrm_reward": "reward",
    "qrm_explain": "explain",
}


@dataclass(frozen=True, slots=True)
class Done(Generic[_T]):
    """The end of a search, and what it ended with."""

    value: _T


@dataclass(slots=True)
class Run:
    """One search under way.

    Attributes:
        pipeline: Which one it runs through.
        budget_s: Time left for plugins.
        stages_left: Times it may still wait for plugins.
        calls: Plugin calls so far.
        timings_s: Time spent by stage; trips included.
        bodies: What has been sent upstream.
        refused: What else the client does not get, and why.
        blocking: Wait in the calling thread: there is no event loop.
        hurried: The client gave less time than is configured.
        started: When it began.
        whole_s: Time that there was for plugins in the beginning.
    """

    pipeline: Pipeline
    budget_s: float
    stages_left: int
    calls: list[Call] = field(default_factory=list)
    timings_s: dict[str, float] = field(default_factory=dict)
    bodies: list[bytes] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict[str, str])
    blocking: bool = False
    hurried: bool = False
    started: float = field(default_factory=perf_counter)
    whole_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.whole_s = self.budget_s

    @classmethod
    def of(
        cls, pipeline: Pipeline, timeout_ms: float | None = None, *, blocking: bool = False
    ) -> "Run":
        """Begin a search; ``timeout_ms`` is the client's own, if it gave one."""
        budget = pipeline.timeout_s if timeout_ms is None else timeout_ms / 1_000
        hurried = budget < pipeline.timeout_s
        return cls(pipeline, budget, pipeline.stages, blocking=blocking, hurried=hurried)

    def time_for(self, ask: Ask) -> float:
        """Return the seconds that a stage may take: its share.

        Explanations have as much as all stages had: with them, plugins judge as they do without.
        """
        return self.whole_s if isinstance(ask, AskExplanations) else self.share_s()

    def share_s(self) -> float:
        """Return the next stage's part of the time that is left."""
        return max(0.0, self.budget_s) / max(1, self.stages_left)

    def finish_stage(
        self, hook: str, calls: list[StageCall], elapsed_s: float
    ) -> Mapping[str, Any]:
        """Take a stage's answers; what it did not spend is left to the next."""
        self.budget_s -= elapsed_s
        self.stages_left -= bool(calls)
        self.note_time(_STAGE[hook], elapsed_s)
        opinions, records = collect(calls, hook, hurried=self.hurried)
        self.calls += records
        return opinions

    def note_time(self, stage: str, elapsed_s: float) -> None:
        """Add to the time spent on a stage."""
        self.timings_s[stage] = self.timings_s.get(stage, 0.0) + elapsed_s

    @property
    def degraded(self) -> Mapping[str, str]:
        """Who or what was skipped, and why."""
        return {**self.refused, **degraded(self.calls)}

    async def ask(self, ask: Ask) -> Mapping[str, Any]:
        """Ask a stage's plugins, all at once, and wait no longer than their share."""
        if self.blocking:
            return self.ask_blocking(ask)
        began, share = perf_counter(), self.time_for(ask)
        hook, calls = self.pipeline.start(ask, share)
        answers = [
            (_awaitable(call.future), call.member.limit(share))
            for call in calls
            if call.future is not None and not call.future.done()
        ]
        waits = [asyncio.wait([answer], timeout=limit) for answer, limit in answers]
        try:
            if len(waits) == 1:
                await waits[0]
            elif waits:
                await asyncio.gather(*waits)
        finally:  # the client may be gone: nobody waits any more, in any case
            for answer, _ in answers:
                answer.cancel()
            _give_up(calls)
        return self.finish_stage(hook, calls, perf_counter() - began)

    def ask_blocking(self, ask: Ask) -> Mapping[str, Any]:
        """Do as ``ask`` does, where there is no event loop."""
        began, share = perf_counter(), self.time_for(ask)
        hook, calls = self.pipeline.start(ask, share)
        try:
            for call in calls:
                if call.future is not None:
                    left = call.member.limit(share) - (perf_counter() - began)
                    concurrent.futures.wait([call.future], timeout=max(0.0, left))
        finally:
            _give_up(calls)
        return self.finish_stage(hook, calls, perf_counter() - began)


def _give_up(calls: list[StageCall]) -> None:
    for call in calls:
        call.give_up()


def _awaitable(future: concurrent.futures.Future[Any]) -> "asyncio.Future[Any]":
    """Return a future of this event loop that does not complain if nobody takes its error."""
    wrapped = asyncio.wrap_future(future)
    wrapped.add_done_callback(lambda done: done.cancelled() or done.exception())
    return wrapped


async def advance(
    steps: Generator[Step, Any, _T], run: Run, answer: object = None
) -> Trip | Done[_T]:
    """Run a search until it needs a trip, or ends.

    Args:
        steps: The search.
        run: Its notes.
        answer: The replies to the trip that it waited for; ``None`` to begin.
    """
    while True:
        try:
            step = steps.send(answer)
        except StopIteration as end:
            return Done(end.value)
        if isinstance(step, Trip):
            run.bodies += step.bodies
            return step
        answer = await run.ask(step)


async def drive(
    steps: Generator[Step, Any, _T],
    run: Run,
    travel: Callable[[Trip], Awaitable[Sequence[bytes]]],
) -> _T:
    """Run a search to its end.

    Args:
        steps: The search.
        run: Its notes.
        travel: Makes one trip upstream.
    """
    state = await advance(steps, run)
    while isinstance(state, Trip):
        began = perf_counter()
        replies = await travel(state)
        run.note_time(state.name, perf_counter() - began)
        state = await advance(steps, run, replies)
    return state.value


def applied(answer: Answer) -> tuple[str, ...]:
    """Return what was done to a search: ``rewrite``, ``filter``, ``rerank``."""
    judged = answer.judged
    done = {
        "rewrite": answer.plan.rewrites,
        "filter": bool(judged.demoted or judged.dropped),
        "rerank": bool(judged.rewards),
    }
    return tuple(name for name, happened in done.items() if happened)


def trace_of(run: Run, query: Query, result: object) -> Trace:
    """Sum a search up for observers, logs and debug output."""
    duration_ms = (perf_counter() - run.started) * 1_000
    if not isinstance(result, Answer):
        return Trace(
            query,
            run.pipeline.name,
            getattr(result, "reason", "handled"),
            calls=tuple(run.calls),
            degraded=run.degraded,
            duration_ms=duration_ms,
        )
    return Trace(
        query,
        run.pipeline.name,
        "handled",
        policy=result.plan.policy,
        decisions=result.plan.decisions,
        calls=tuple(run.calls),
        degraded=run.degraded,
        doc_ids=tuple(hit.doc_id for hit in result.page),
        total=result.envelope.total,
        found_by_rewrites=sum(bool(hit.wordings) and 0 not in hit.wordings for hit in result.page),
        duration_ms=duration_ms,
    )


def debug_section(run: Run, trace: Trace, answer: Answer | None = None) -> dict[str, Any]:
    """Return the ``ext.qrm`` object that a client sees who asked for debug output."""
    section: dict[str, Any] = {
        "pipeline": trace.pipeline,
        "outcome": trace.outcome,
        "query": trace.query.text,
        "policy": trace.policy,
        "decisions": [_shown_decision(decision) for decision in trace.decisions],
        "processor_results": [
            {
                "processor_name": call.hook,
                "tag": call.plugin,
                "duration_millis": round(call.duration_ms, 3),
                "status": call.status,
                **({"error": call.problem} if call.problem else {}),
            }
            for call in trace.calls
        ],
        "degraded": dict(trace.degraded),
        "timings_ms": {name: round(s * 1_000, 3) for name, s in run.timings_s.items()},
        "searches": [body.decode(errors="replace") for body in run.bodies],
    }
    if answer is not None:
        section["keeps_order"] = answer.plan.request.keeps_order
        section["policy_note"] = answer.plan.policy_note
        section["rank_window_size"] = answer.plan.options.rank_window_size
    return section


def _shown_decision(decision: Decision) -> dict[str, Any]:
    proposal = decision.proposal
    shown: dict[str, Any] = {
        "plugin": decision.plugin,
        "kind": type(proposal).__name__.lower(),
        "text": proposal.text,
        "admitted": decision.admitted,
        "reason": decision.reason,
        "note": proposal.note,
    }
    match proposal:
        case Boost(clause=clause, weight=weight):
            return {**shown, "weight": weight, "clause": clause}
        case Restriction(clause=clause, excludes=excludes):
            return {**shown, "excludes": excludes, "clause": clause}
        case _:
            return {**shown, "weight": proposal.weight, "replaces": proposal.replaces}
