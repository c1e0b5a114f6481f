"""Asks a judge model about many pairs, and compares it with people on some of them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from qrmiddleware.asking.completions import Reply
from qrmiddleware.asking.errors import RefusedError, UnansweredError
from qrmiddleware.asking.workers import all_or_none
from qrmiddleware.evaluation.agreement import JudgedTwice
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.judging.answers import Answer, AnswerLog, key_of
from qrmiddleware.evaluation.judging.prompt import (
    AnswerError,
    Message,
    Prompt,
    ask_again,
    messages_for,
    read_answer,
)
from qrmiddleware.evaluation.pooling import HUMAN, PooledPair, Sources, shown_fields, shuffled


class Asked(Protocol):
    """What answers requests."""

    async def complete(self, request: Mapping[str, Any], /) -> Reply:
        """Answer."""


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """How pairs are judged.

    Attributes:
        model: Its name at the endpoint, and in the labels' source.
        prompt: What is asked.
        meanings: Of every grade.
        body: More keys of the request, such as ``max_tokens``; ``None`` takes a key away.
        concurrency: How many pairs are asked about at once.
        most_pairs: How many may be asked about; 0 for no bound.
        readings: How often a pair is asked about until its answer can be read.
        give_up_after: Stop when so many pairs in a row got no answer.
        again: Ask again about pairs that were set aside before.
    """

    model: str
    prompt: Prompt
    meanings: Mapping[int, str]
    body: Mapping[str, Any] = field(default_factory=dict)
    concurrency: int = 4
    most_pairs: int = 0
    readings: int = 3
    give_up_after: int = 10
    again: bool = False

    @property
    def source(self) -> str:
        """What labels of this judge say of themselves."""
        return f"llm:{self.model}:{self.prompt.version}"

    def request(self, messages: Sequence[Message]) -> dict[str, Any]:
        """Return the body that messages are sent in; its hash files the answer."""
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": 1024,
            **self.body,
        }
        return {key: value for key, value in body.items() if value is not None}


@dataclass(frozen=True, slots=True)
class JudgedPairs:
    """What came of it.

    Attributes:
        pairs: As they were given, those with an answer labelled.
        set_aside: Answers that could not be read, and pairs that were refused.
        unanswered: How many got no answer; asking again may help.
        beyond_budget: How many were not asked about.
        asked: How many were asked about now …
        remembered: … and how many were known from before.
        prompt_tokens: Of what was asked now.
        completion_tokens: Likewise.
        stopped: Why it ended early; empty if it did not.
    """

    pairs: tuple[PooledPair, ...]
    set_aside: tuple[Answer, ...] = ()
    unanswered: int = 0
    beyond_budget: int = 0
    asked: int = 0
    remembered: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stopped: str = ""


@dataclass
class _Progress:
    """What is counted on the way."""

    asked: int = 0
    remembered: int = 0
    unanswered: int = 0
    in_a_row: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    stopped: str = ""
    answers: dict[int, Answer] = field(default_factory=dict)


async def judge_pairs(
    pairs: Sequence[PooledPair],
    endpoint: Asked,
    log: AnswerLog,
    options: JudgeOptions,
    tick: Callable[[], object] = lambda: None,
) -> JudgedPairs:
    """Label pairs with a judge model.

    What the log knows is not asked again, so that work goes on where it ended; what is returned
    does not depend on how often it ended, nor on the order of answers.

    Args:
        pairs: What to judge, the most important first.
        endpoint: Who answers.
        log: Where answers are kept.
        options: How.
        tick: Called for every pair that is done with.

    Raises:
        EndpointError: If the endpoint will not answer anything.
    """
    progress = _Progress()
    waiting: list[tuple[int, PooledPair]] = []
    for number, pair in enumerate(pairs):
        known = log.get(_key(pair, options))
        if known is None or (options.again and known.relevance is None):
            waiting.append((number, pair))
        else:
            progress.remembered += 1
            progress.answers[number] = known
            tick()
    allowed = waiting[: options.most_pairs] if options.most_pairs else waiting
    todo = iter(allowed)
    worker = _Worker(endpoint, log, options, progress, tick)
    await all_or_none([worker.work(todo) for _ in range(max(1, options.concurrency))])
    return _judged(pairs, progress, options, beyond_budget=len(waiting) - len(allowed))


@dataclass(frozen=True, slots=True)
class _Worker:
    """Takes one pair after the other."""

    endpoint: Asked
    log: AnswerLog
    options: JudgeOptions
    progress: _Progress
    tick: Callable[[], object]

    async def work(self, todo: Iterator[tuple[int, PooledPair]]) -> None:
        """Judge what is left, until there is none or nobody answers."""
        for number, pair in todo:
            if self.progress.stopped:
                return
            self.progress.asked += 1
            try:
                answer = await self._judge(pair)
            except UnansweredError as error:
                self.progress.unanswered += 1
                self._count_failure(error)
            else:
                self._note(number, answer)
            self.tick()

    def _note(self, number: int, answer: Answer) -> None:
        self.log.add(answer)
        self.progress.answers[number] = answer
        self.progress.prompt_tokens += answer.prompt_tokens
        self.progress.completion_tokens += answer.completion_tokens
        if answer.relevance is None:
            self._count_failure(answer.problem)
        else:
            self.progress.in_a_row = 0

    def _count_failure(self, problem: object) -> None:
        self.progress.in_a_row += 1
        if self.progress.in_a_row >= self.options.give_up_after and not self.progress.stopped:
            self.progress.stopped = (
                f"{self.progress.in_a_row} pairs in a row got no usable answer, the last because: "
                f"{problem}"
            )

    async def _judge(self, pair: PooledPair) -> Answer:
        """Ask until the answer can be read, or too often."""
        options = self.options
        messages = messages_for(options.prompt, pair, options.meanings)
        answer = Answer(
            key_of(options.request(messages)),
            pair.query_id,
            pair.doc_id,
            options.model,
            options.prompt.version,
        )
        while answer.attempts < options.readings:
            try:
                reply = await self.endpoint.complete(options.request(messages))
            except RefusedError as error:
                return replace(answer, problem=str(error), attempts=answer.attempts + 1)
            answer = _counted(answer, reply)
            try:
                opinion = read_answer(reply.content, sorted(options.meanings))
            except AnswerError as error:
                answer = replace(answer, problem=str(error))
                messages = ask_again(messages, reply.content, answer.problem)
            else:
                return replace(
                    answer, relevance=opinion.relevance, reason=opinion.reason, problem=""
                )
        return answer


def _counted(answer: Answer, reply: Reply) -> Answer:
    return replace(
        answer,
        attempts=answer.attempts + 1,
        prompt_tokens=answer.prompt_tokens + (reply.prompt_tokens or 0),
        completion_tokens=answer.completion_tokens + (reply.completion_tokens or 0),
    )


def _key(pair: PooledPair, options: JudgeOptions) -> str:
    return key_of(options.request(messages_for(options.prompt, pair, options.meanings)))


def _judged(
    pairs: Sequence[PooledPair], progress: _Progress, options: JudgeOptions, *, beyond_budget: int
) -> JudgedPairs:
    labelled = list(pairs)
    set_aside: list[Answer] = []
    for number, answer in sorted(progress.answers.items()):
        if answer.relevance is None:
            set_aside.append(answer)
            continue
        labelled[number] = replace(
            labelled[number], relevance=answer.relevance, source=options.source
        )
    return JudgedPairs(
        tuple(labelled),
        tuple(set_aside),
        progress.unanswered,
        beyond_budget,
        progress.asked,
        progress.remembered,
        progress.prompt_tokens,
        progress.completion_tokens,
        progress.stopped,
    )


def sample_judged(
    judged: JudgedQueries,
    sources: Sources,
    documents: Mapping[str, Mapping[str, Any]],
    *,
    count: int,
    names: Sequence[str] = (),
    seed: int = 1,
) -> tuple[PooledPair, ...]:
    """Draw pairs that people have judged, to compare a judge model with them.

    Drawn by chance from all human judgments whose document is in the catalogue, so that grades
    come in their natural shares; the same pairs for the same seed.

    Args:
        judged: The collection.
        sources: Who judged what; only what people judged is drawn.
        documents: Fields by doc_id.
        count: How many at most.
        names: Which fields the judge sees.
        seed: Draws others.

    Returns:
        Pairs without a relevance, as the judge gets them.
    """
    texts = {query.query_id: query.text for query in judged.queries}
    keys = {
        f"{query_id}\0{doc_id}": (query_id, doc_id)
        for query_id in texts
        for doc_id in judged.qrels.get(query_id, {})
        if doc_id in documents and sources.get((query_id, doc_id), HUMAN) == HUMAN
    }
    drawn = [keys[key] for key in shuffled("", keys, seed=seed)[:count]]
    return tuple(
        PooledPair(query_id, texts[query_id], doc_id, shown_fields(documents[doc_id], names))
        for query_id, doc_id in drawn
    )


def judged_twice(pairs: Iterable[PooledPair], judged: JudgedQueries) -> Iterator[JudgedTwice]:
    """Set labels beside people's judgments, where both are there."""
    for pair in pairs:
        human = judged.qrels.get(pair.query_id, {}).get(pair.doc_id)
        if human is not None and pair.relevance is not None:
            yield JudgedTwice(pair.query_id, human, pair.relevance)
