"""A language model as teacher, over any endpoint that speaks OpenAI's chat completions."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from qrmiddleware.asking.completions import usage_of
from qrmiddleware.asking.endpoint import Endpoint, EndpointOptions
from qrmiddleware.asking.errors import EndpointError, RefusedError, Trouble, UnansweredError
from qrmiddleware.asking.workers import all_or_none
from qrmiddleware.distill.chains import Chain
from qrmiddleware.distill.labels import (
    Label,
    LabellingError,
    Outcome,
    Pair,
    StoppedError,
    Unlabelled,
    expected_gain,
    label_for,
)
from qrmiddleware.distill.teachers.answers import (
    UNREADABLE,
    AnswerError,
    Reason,
    Verdict,
    read_chain,
    read_completion,
    read_grades,
    read_reasons,
    read_token,
)
from qrmiddleware.distill.teachers.background import iterate
from qrmiddleware.distill.teachers.llm_options import LlmOptions
from qrmiddleware.distill.teachers.prompt import Message, messages_for
from qrmiddleware.distill.teachers.spending import Budget, estimate_tokens
from qrmiddleware.distill.teachers.votes import elect

Emit: TypeAlias = Callable[[Outcome], None]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What labelling would take, as far as can be told beforehand."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def times(self, count: int) -> "Estimate":
        """Return what as many times the same would take."""
        return Estimate(
            count * self.requests, count * self.prompt_tokens, count * self.completion_tokens
        )


@dataclass(frozen=True, slots=True)
class _Question:
    """One request: products of one query."""

    pairs: tuple[Pair, ...]
    messages: tuple[Message, ...]

    @property
    def prompt_tokens(self) -> int:
        return estimate_tokens(self.messages)


@dataclass(slots=True)
class _Spending:
    """A pair, and what was spent on it so far.

    Attributes:
        unread: Answers about it that could not be read.
    """

    pair: Pair
    prompt_tokens: int = 0
    completion_tokens: int = 0
    unread: int = 0

    def add(self, prompt_tokens: int, completion_tokens: int) -> None:
        self.prompt_tokens += prompt_tokens
        self.completion_tokens += completion_tokens

    def unlabelled(self, reason: Reason, detail: str) -> Unlabelled:
        return Unlabelled(
            self.pair,
            reason.value,
            detail,
            self.prompt_tokens,
            self.completion_tokens,
            self.unread,
        )


class LlmTeacher:
    """Asks a language model, several requests at a time.

    What cannot be read as a label is never one: it is asked for again as often as the options
    say, then the pair stays without, with the reason. A reply about several products may label
    some of them only.
    """

    def __init__(self, endpoint: EndpointOptions, options: LlmOptions) -> None:
        self._endpoint = endpoint
        self._options = options
        self._budget = Budget(options.prices, options.cost_limit)
        self._name = f"llm:{options.model}:{options.prompt.version}:{options.mode}"
        self._name += f":{options.fingerprint}"
        self._schema_taken: bool | None = None  # unknown until an endpoint has shown it
        self._answered = False

    @property
    def name(self) -> str:
        """Model, prompt and mode, and a hash of all that may change answers or targets.

        Not of the endpoint's URL: the same model may move.
        """
        return self._name

    def estimate(self, pairs: Iterable[Pair]) -> Estimate:
        """Say what labelling these would take, without asking anybody; nothing is asked again."""
        total = Estimate()
        for question in self._questions(pairs):
            total = Estimate(
                total.requests + 1,
                total.prompt_tokens + question.prompt_tokens,
                total.completion_tokens + self._options.tokens(len(question.pairs)),
            )
        return total.times(self._options.samples)

    def label(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Label pairs; outcomes come as the endpoint answers.

        Raises:
            StoppedError: If the next request may cost more than the limit allows; requests that
                were on their way are waited for, and their labels yielded before.
            LabellingError: If the endpoint will not answer anything.
        """

        async def run(emit: Emit) -> None:
            todo = self._questions(pairs)
            async with Endpoint(self._endpoint) as endpoint:
                run = _Run(self, endpoint, emit)
                await all_or_none([run.work(todo) for _ in range(self._options.concurrency)])
            if run.stopped is not None:
                raise run.stopped

        return iterate(run)

    def _questions(self, pairs: Iterable[Pair]) -> Iterator[_Question]:
        by_query: dict[str, list[Pair]] = {}
        for pair in pairs:
            by_query.setdefault(pair.query, []).append(pair)
        size = self._options.products_per_prompt
        for group in by_query.values():
            for start in range(0, len(group), size):
                yield self._question(tuple(group[start : start + size]))

    def _question(self, pairs: tuple[Pair, ...]) -> _Question:
        options = self._options
        messages = messages_for(
            options.prompt,
            pairs,
            options.classes,
            options.form,
            longest_text=options.longest_text,
        )
        return _Question(pairs, messages)

    def _guess(self, question: _Question) -> tuple[int, int]:
        """Guess the tokens of a prompt and its answer."""
        return question.prompt_tokens, self._options.tokens(len(question.pairs))

    async def ask(self, endpoint: Endpoint, question: _Question, emit: Emit) -> None:
        """Ask one question, and again where that helps; an outcome for each pair is emitted.

        Raises:
            StoppedError: If the next request may cost too much; answers that could not be read
                by then are outcomes.
            LabellingError: If the endpoint will not answer anything, or nobody is there.
        """
        if self._options.samples > 1:
            emit(await self._vote(endpoint, question))
            return
        asked = [_Spending(pair) for pair in question.pairs]
        failed: list[tuple[_Spending, AnswerError]] = []
        try:
            for attempt in range(1 + self._options.again):
                verdicts, used = await self._attempt(endpoint, question, attempt)
                failed = list(self._settled(asked, verdicts, used, emit))
                asked = [each for each, _ in failed]
                if not failed:
                    return
                question = self._question(tuple(each.pair for each in asked))
        finally:
            for each, error in failed:
                emit(each.unlabelled(error.reason, error.detail))

    def _settled(
        self,
        asked: Sequence[_Spending],
        verdicts: Sequence[Verdict | AnswerError],
        used: tuple[int, int],
        emit: Emit,
    ) -> Iterator[tuple[_Spending, AnswerError]]:
        """Emit what is settled; yields the pairs that can be asked about again."""
        shares = (_shares(tokens, len(asked)) for tokens in used)
        for each, verdict, *tokens in zip(asked, verdicts, *shares, strict=True):
            each.add(*tokens)
            if not isinstance(verdict, AnswerError):
                emit(self._label(each, verdict))
            elif verdict.reason in UNREADABLE:
                each.unread += 1
                yield each, verdict
            else:
                emit(each.unlabelled(verdict.reason, verdict.detail))

    async def _attempt(
        self, endpoint: Endpoint, question: _Question, attempt: int
    ) -> tuple[Sequence[Verdict | AnswerError], tuple[int, int]]:
        """Return what one request says of each pair, and the tokens it took."""
        reserved = self._budget.reserve(*self._guess(question))
        used = (0, 0)
        try:
            body, used = await self._send(endpoint, question, attempt)
            return self._read(body, question), used
        except AnswerError as error:
            return [error] * len(question.pairs), used
        finally:
            self._budget.settle(reserved, *used)

    async def _vote(self, endpoint: Endpoint, question: _Question) -> Outcome:
        """Draw all samples of a pair, or none if the limit of cost does not allow them."""
        options = self._options
        prompt, completion = self._guess(question)
        reserved = self._budget.reserve(options.samples * prompt, options.samples * completion)
        spent = _Spending(question.pairs[0])
        chains: list[Chain] = []
        errors: list[AnswerError] = []
        try:
            for attempt in range(options.samples):
                try:
                    body, used = await self._send(endpoint, question, attempt)
                    spent.add(*used)
                    chains.append(read_chain(read_completion(body), options.classes))
                except AnswerError as error:
                    errors.append(error)
        finally:
            self._budget.settle(reserved, spent.prompt_tokens, spent.completion_tokens)
        spent.unread = len(errors)
        return self._elected(spent, chains, errors)

    def _elected(
        self, spent: _Spending, chains: Sequence[Chain], errors: Sequence[AnswerError]
    ) -> Outcome:
        options = self._options
        if 2 * len(chains) < options.samples:
            why = Counter(error.reason for error in errors).most_common(1)[0][0]
            example = next(error.detail for error in errors if error.reason == why)
            detail = f"{len(chains)} of {options.samples} could be read; {why}: {example}"
            return spent.unlabelled(Reason.FEW_SAMPLES, detail)
        elected = elect(chains, options.classes)
        if elected.agreement < options.least_agreement:
            told = ", ".join(f"{code} {share:.0%}" for code, share in elected.shares.items())
            return spent.unlabelled(Reason.NO_AGREEMENT, f"{told} of {len(chains)} votes")
        grade = options.classes.find(elected.chain.conclusion)
        if grade is None:  # a chain that was read has a class
            return spent.unlabelled(Reason.WRONG_LABEL, elected.chain.conclusion)
        return self._label(spent, Verdict(grade, elected.shares, str(elected.chain)))

    async def _send(
        self, endpoint: Endpoint, question: _Question, attempt: int
    ) -> tuple[Any, tuple[int, int]]:
        """Ask; returns the reply's body, and its tokens, by guess where nobody counts.

        Raises:
            AnswerError: If something comes in place of a reply.
            LabellingError: As ``ask``.
        """
        try:
            body = await self._answer(endpoint, question, attempt)
        except EndpointError as error:
            raise LabellingError(str(error)) from error
        except RefusedError as error:
            raise AnswerError(Reason.REJECTED, str(error)) from error
        except UnansweredError as error:
            if error.trouble is Trouble.CONNECTION and not self._answered:
                raise LabellingError(str(error)) from error
            raise AnswerError(Reason(error.trouble), str(error)) from error
        told, guess = usage_of(body), self._guess(question)
        prompt, completion = (g if t is None else t for t, g in zip(told, guess, strict=True))
        return body, (prompt, completion)

    async def _answer(self, endpoint: Endpoint, question: _Question, attempt: int) -> Any:  # noqa: ANN401 JSON
        """Ask with a schema where the endpoint takes one, else without."""
        options, products = self._options, len(question.pairs)
        schema = options.mode == "json" and self._schema_taken is not False
        tokens = sum(self._guess(question))
        request = options.request(question.messages, products, attempt=attempt, schema=schema)
        try:
            answer = await endpoint.ask(request, tokens=tokens)
        except RefusedError:
            if not schema or self._schema_taken:
                raise
            request = options.request(question.messages, products, attempt=attempt)
            answer = await endpoint.ask(request, tokens=tokens)
            self._schema_taken = False
        else:
            self._schema_taken = self._schema_taken or schema
        self._answered = True
        return answer

    def _read(self, body: Any, question: _Question) -> Sequence[Verdict | AnswerError]:  # noqa: ANN401 JSON
        options = self._options
        completion = read_completion(body)
        if options.mode == "logprobs":
            return [read_token(completion, options.classes, least=options.least_probability)]
        if options.mode == "chain":
            return [read_reasons(completion, options.classes)]
        several = options.form == "several"
        return read_grades(completion, options.classes, len(question.pairs), several=several)

    def _label(self, spent: _Spending, verdict: Verdict) -> Label:
        told = verdict.probabilities
        gains = self._options.classes.gains
        target = verdict.grade.gain if told is None else expected_gain(told, gains)
        return replace(
            label_for(spent.pair, self._name, target),
            grade=verdict.grade.code,
            probabilities=told,
            reason=verdict.reason,
            prompt_tokens=spent.prompt_tokens,
            completion_tokens=spent.completion_tokens,
            unread=spent.unread,
        )


@dataclass(slots=True)
class _Run:
    """What several workers share."""

    teacher: LlmTeacher
    endpoint: Endpoint
    emit: Emit
    stopped: StoppedError | None = None

    async def work(self, todo: Iterator[_Question]) -> None:
        """Take one question after the other, until there is none or a limit is reached."""
        while self.stopped is None and (question := next(todo, None)) is not None:
            try:
                await self.teacher.ask(self.endpoint, question, self.emit)
            except StoppedError as error:
                self.stopped = error


def _shares(tokens: int, parts: int) -> Iterator[int]:
    """Divide tokens among the products of a request; the first gets what is left over."""
    share, rest = divmod(tokens, parts)
    return (share + (rest if number == 0 else 0) for number in range(parts))
