"""A language model as teacher, over any endpoint that speaks OpenAI's chat completions."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from qrmiddleware.asking.completions import usage_of
from qrmiddleware.asking.endpoint import Endpoint, EndpointOptions
from qrmiddleware.asking.errors import EndpointError, RefusedError, Trouble, UnansweredError
from qrmiddleware.asking.workers import all_or_none
from qrmiddleware.distill.classes import ESCI, Classes
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
    AnswerError,
    Reason,
    Verdict,
    read_completion,
    read_grades,
    read_reasons,
    read_token,
)
from qrmiddleware.distill.teachers.background import iterate
from qrmiddleware.distill.teachers.prompt import (
    Form,
    Message,
    Prompt,
    answer_schema,
    load_prompt,
    messages_for,
)
from qrmiddleware.distill.teachers.spending import Budget, Prices, estimate_tokens
from qrmiddleware.errors import ConfigError

Mode: TypeAlias = Literal["json", "logprobs", "chain"]
Emit: TypeAlias = Callable[[Outcome], None]

_TOKENS: Final[Mapping[Mode, int]] = {"json": 8, "logprobs": 1, "chain": 120}
"""That an answer about one product takes, by guess; it may take twice as many."""
_ROOM: Final = 64
"""Tokens that an answer may take beside; models that think need more by ``body``."""


@dataclass(frozen=True, slots=True)
class LlmOptions:
    """What a model is asked, and how.

    Attributes:
        model: Its name at the endpoint.
        mode: ``json``: it writes classes; ``chain``: it writes reasons and what they come to, one
            product a request; ``logprobs``: classes' probabilities are read off the
            candidates of its first token, one product a request.
        classes: Which there are, and their gains.
        prompt: In which words; for ``chain`` one that asks for it.
        products_per_prompt: Products of one query that are asked about together; ``json`` only.
        longest_text: Characters of a product's text that the model is told.
        body: More keys of the request, such as ``max_tokens``; ``None`` takes a key away.
        top_logprobs: Candidates to ask for; OpenAI and vLLM give 20 at most, some endpoints 5.
        least_probability: That must be on the classes' tokens.
        concurrency: Requests at a time.
        prices: Of a million tokens.
        cost_limit: What one run may cost; ``None`` for no limit.
    """

    model: str
    mode: Mode = "json"
    classes: Classes = ESCI
    prompt: Prompt = field(default_factory=load_prompt)
    products_per_prompt: int = 1
    longest_text: int = 2000
    body: Mapping[str, Any] = field(default_factory=dict)
    top_logprobs: int = 20
    least_probability: float = 0.5
    concurrency: int = 4
    prices: Prices = field(default_factory=Prices)
    cost_limit: float | None = None

    def __post_init__(self) -> None:
        if self.mode != "json" and self.products_per_prompt > 1:
            message = (
                "log-probabilities and reasons are of one product: ask about one product a prompt, "
                "or for JSON"
            )
            raise ConfigError(message)
        if f"answer {self.form}" not in self.prompt.parts:
            message = f"prompt {self.prompt.version} has no part “# answer {self.form}”"
            raise ConfigError(message)

    @property
    def form(self) -> Form:
        """Of the answer."""
        if self.mode == "chain":
            return "chain"
        if self.mode == "logprobs":
            return "token"
        return "several" if self.products_per_prompt > 1 else "one"


@dataclass(frozen=True, slots=True)
class Estimate:
    """What labelling would take, as far as can be told beforehand."""

    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass(frozen=True, slots=True)
class _Question:
    """One request: products of one query."""

    pairs: tuple[Pair, ...]
    messages: tuple[Message, ...]

    @property
    def prompt_tokens(self) -> int:
        return estimate_tokens(self.messages)


class LlmTeacher:
    """Asks a language model, several requests at a time.

    What cannot be read as a label is never one: the pair stays without, with the reason. A reply
    about several products may label some of them only.
    """

    def __init__(self, endpoint: EndpointOptions, options: LlmOptions) -> None:
        self._endpoint = endpoint
        self._options = options
        self._budget = Budget(options.prices, options.cost_limit)
        self._name = f"llm:{options.model}:{options.prompt.version}:{options.mode}:{_hash(options)}"
        self._schema_taken: bool | None = None  # unknown until an endpoint has shown it
        self._answered = False

    @property
    def name(self) -> str:
        """Model, prompt and mode, and a hash of all that may change answers or targets.

        Not of the endpoint's URL: the same model may move.
        """
        return self._name

    def estimate(self, pairs: Iterable[Pair]) -> Estimate:
        """Say what labelling these would take, without asking anybody."""
        each = _TOKENS[self._options.mode]
        total = Estimate()
        for question in self._questions(pairs):
            total = Estimate(
                total.requests + 1,
                total.prompt_tokens + question.prompt_tokens,
                total.completion_tokens + each * len(question.pairs),
            )
        return total

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
        options = self._options
        by_query: dict[str, list[Pair]] = {}
        for pair in pairs:
            by_query.setdefault(pair.query, []).append(pair)
        size = options.products_per_prompt
        for group in by_query.values():
            for start in range(0, len(group), size):
                asked = tuple(group[start : start + size])
                messages = messages_for(
                    options.prompt,
                    asked,
                    options.classes,
                    options.form,
                    longest_text=options.longest_text,
                )
                yield _Question(asked, messages)

    def _request(self, question: _Question, *, schema: bool) -> dict[str, Any]:
        options = self._options
        products = len(question.pairs)
        body: dict[str, Any] = {
            "model": options.model,
            "messages": list(question.messages),
            "temperature": 0,
        }
        if options.mode == "logprobs":
            body |= {"max_tokens": 1, "logprobs": True, "top_logprobs": options.top_logprobs}
        else:
            each = _TOKENS[options.mode]
            body["max_tokens"] = _ROOM + 2 * each * products
        if schema:
            several = options.form == "several"
            wanted = answer_schema(options.classes.codes, products, several=several)
            described = {"name": "grades", "strict": True, "schema": wanted}
            body["response_format"] = {"type": "json_schema", "json_schema": described}
        return {k: v for k, v in (body | dict(options.body)).items() if v is not None}

    async def _body(self, endpoint: Endpoint, question: _Question) -> Any:  # noqa: ANN401 JSON
        """Ask; what comes in place of an answer is told as teachers do."""
        try:
            return await self._answer(endpoint, question)
        except EndpointError as error:
            raise LabellingError(str(error)) from error
        except RefusedError as error:
            raise AnswerError(Reason.REJECTED, str(error)) from error
        except UnansweredError as error:
            if error.trouble is Trouble.CONNECTION and not self._answered:
                raise LabellingError(str(error)) from error
            raise AnswerError(Reason(error.trouble), str(error)) from error

    async def _answer(self, endpoint: Endpoint, question: _Question) -> Any:  # noqa: ANN401 JSON
        """Ask with a schema where the endpoint takes one, else without."""
        schema = self._options.mode == "json" and self._schema_taken is not False
        tokens = question.prompt_tokens + _TOKENS[self._options.mode] * len(question.pairs)
        try:
            answer = await endpoint.ask(self._request(question, schema=schema), tokens=tokens)
        except RefusedError:
            if not schema or self._schema_taken:
                raise
            answer = await endpoint.ask(self._request(question, schema=False), tokens=tokens)
            self._schema_taken = False
        else:
            self._schema_taken = self._schema_taken or schema
        self._answered = True
        return answer

    async def outcomes(self, endpoint: Endpoint, question: _Question) -> Sequence[Outcome]:
        """Ask one question; returns an outcome for each of its pairs.

        Raises:
            StoppedError: If it may cost too much.
            LabellingError: If the endpoint will not answer anything, or nobody is there.
        """
        guess = (question.prompt_tokens, _TOKENS[self._options.mode] * len(question.pairs))
        reserved = self._budget.reserve(*guess)
        used = (0, 0)
        try:
            body = await self._body(endpoint, question)
            counted = usage_of(body)
            used = (
                guess[0] if counted[0] is None else counted[0],
                guess[1] if counted[1] is None else counted[1],
            )
            verdicts = self._read(body, question)
        except AnswerError as error:
            verdicts = [error] * len(question.pairs)
        finally:
            self._budget.settle(reserved, *used)
        return [
            self._outcome(pair, verdict, (prompt, completion))
            for pair, verdict, prompt, completion in zip(
                question.pairs,
                verdicts,
                _shares(used[0], len(verdicts)),
                _shares(used[1], len(verdicts)),
                strict=True,
            )
        ]

    def _read(self, body: Any, question: _Question) -> Sequence[Verdict | AnswerError]:  # noqa: ANN401 JSON
        options = self._options
        completion = read_completion(body)
        if options.mode == "logprobs":
            return [read_token(completion, options.classes, least=options.least_probability)]
        if options.mode == "chain":
            return [read_reasons(completion, options.classes)]
        several = options.form == "several"
        return read_grades(completion, options.classes, len(question.pairs), several=several)

    def _outcome(
        self, pair: Pair, verdict: Verdict | AnswerError, tokens: tuple[int, int]
    ) -> Outcome:
        if isinstance(verdict, AnswerError):
            return Unlabelled(pair, verdict.reason.value, verdict.detail, *tokens)
        gains = self._options.classes.gains
        told = verdict.probabilities
        target = verdict.grade.gain if told is None else expected_gain(told, gains)
        label: Label = replace(
            label_for(pair, self._name, target),
            grade=verdict.grade.code,
            probabilities=told,
            reason=verdict.reason,
            prompt_tokens=tokens[0],
            completion_tokens=tokens[1],
        )
        return label


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
                outcomes = await self.teacher.outcomes(self.endpoint, question)
            except StoppedError as error:
                self.stopped = error
                return
            for outcome in outcomes:
                self.emit(outcome)


def _shares(tokens: int, parts: int) -> Iterator[int]:
    """Divide tokens among the products of a request; the first gets what is left over."""
    share, rest = divmod(tokens, parts)
    return (share + (rest if number == 0 else 0) for number in range(parts))


def _hash(options: LlmOptions) -> str:
    told = {
        "prompt": dict(options.prompt.parts),
        "classes": [(each.code, each.name, each.gain, each.meaning) for each in options.classes],
        "products_per_prompt": options.products_per_prompt,
        "longest_text": options.longest_text,
        "body": dict(options.body),
        "least_probability": options.least_probability,
        "top_logprobs": options.top_logprobs,
    }
    text = json.dumps(told, sort_keys=True, ensure_ascii=False)
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
