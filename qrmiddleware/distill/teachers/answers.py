"""Reads what a language model answered, strictly: nothing is guessed, nothing made up."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from qrmiddleware.asking.completions import content_of, first_choice, usage_of
from qrmiddleware.asking.errors import Trouble
from qrmiddleware.distill.chains import Chain, ChainError
from qrmiddleware.distill.classes import Classes, LabelClass

_THINKING: Final = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_FENCED: Final = re.compile(r"\A```(?:json|text)?\s*(.*?)\s*```\Z", re.DOTALL)
_SHOWN: Final = 80


class Reason(StrEnum):
    """Why there is no label, in words that are counted."""

    PROSE = "prose"
    HALF_JSON = "half a JSON"
    WRONG_FORM = "wrong form"
    WRONG_LABEL = "wrong label"
    NO_GRADE = "no grade"
    NO_CHAIN = "no chain"
    EMPTY = "empty answer"
    CUT_OFF = "cut off"
    NO_CHOICE = Trouble.NO_CHOICE
    REFUSAL = "refusal"
    CONTENT_FILTER = "content filter"
    NO_LOGPROBS = "no log-probabilities"
    NO_CLASS_TOKEN = "no class token"  # noqa: S105 no password
    RATE_LIMITED = Trouble.RATE_LIMITED
    SERVER_ERROR = Trouble.SERVER_ERROR
    TIMEOUT = Trouble.TIMEOUT
    CONNECTION = Trouble.CONNECTION
    NO_JSON = Trouble.NO_JSON
    REJECTED = "rejected"
    FEW_SAMPLES = "too few readable samples"
    NO_AGREEMENT = "no agreement"


UNREADABLE: Final = frozenset(
    {
        Reason.PROSE,
        Reason.HALF_JSON,
        Reason.WRONG_FORM,
        Reason.WRONG_LABEL,
        Reason.NO_GRADE,
        Reason.NO_CHAIN,
        Reason.EMPTY,
        Reason.CUT_OFF,
    }
)
"""What a model may say otherwise when it is asked again."""


class AnswerError(Exception):
    """An answer that holds no label.

    Attributes:
        reason: Of which kind it is.
        detail: What was found.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Completion:
    """The first choice of a chat completion.

    Attributes:
        content: What the model wrote.
        top: Log-probability by token of what could have stood first; ``None`` if untold.
        prompt_tokens: As the endpoint counts; ``None`` if it does not.
        completion_tokens: Likewise.
    """

    content: str
    top: tuple[tuple[str, float], ...] | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a model says of one product.

    Attributes:
        grade: The class.
        probabilities: By code, if the endpoint told log-probabilities.
        reason: In the model's words, if it gave one.
    """

    grade: LabelClass
    probabilities: Mapping[str, float] | None = None
    reason: str = ""


def read_completion(body: object) -> Completion:
    """Read a reply's body.

    Raises:
        AnswerError: If there is no answer in it: no choice, a refusal, a filter, an end too early.
    """
    choice = first_choice(body)
    if choice is None:
        detail = f"a reply without a choice: {_start(json.dumps(body))}"
        raise AnswerError(Reason.NO_CHOICE, detail)
    if refusal := choice["message"].get("refusal"):
        raise AnswerError(Reason.REFUSAL, _start(str(refusal)))
    if choice.get("finish_reason") == "content_filter":
        detail = "the endpoint's filter held the answer back"
        raise AnswerError(Reason.CONTENT_FILTER, detail)
    told = content_of(choice)
    top = _top(choice.get("logprobs"))
    if choice.get("finish_reason") == "length" and top is None:
        detail = f"the answer was longer than its limit of tokens: {_start(told)}"
        raise AnswerError(Reason.CUT_OFF, detail)
    return Completion(told, top, *usage_of(body))


def _top(logprobs: object) -> tuple[tuple[str, float], ...] | None:
    """Return the candidates of the first token that is not blank."""
    tokens = logprobs.get("content") if isinstance(logprobs, dict) else None
    for token in tokens if isinstance(tokens, list) else ():
        try:
            if token["token"].strip():
                listed = token.get("top_logprobs") or [token]
                return tuple((str(each["token"]), float(each["logprob"])) for each in listed)
        except (TypeError, LookupError, AttributeError, ValueError):
            return None
    return None


def read_token(completion: Completion, classes: Classes, *, least: float) -> Verdict:
    """Read classes' probabilities off the first token's candidates.

    Probabilities of tokens that spell a class's code, with blanks or in another case, are summed
    and made to sum to 1 over the classes. A class whose token is not among the candidates is less
    likely than all of these, and gets 0.

    Args:
        completion: With log-probabilities.
        classes: Which there are.
        least: Of the whole probability that must be on codes.

    Raises:
        AnswerError: If there are no log-probabilities, or too little is on codes.
    """
    if completion.top is None:
        detail = f"the endpoint told none, only {_start(completion.content)}"
        raise AnswerError(Reason.NO_LOGPROBS, detail)
    shares = dict.fromkeys(classes.codes, 0.0)
    codes = {code.casefold(): code for code in classes.codes}
    for token, logprob in completion.top:
        code = codes.get(token.strip().casefold())
        if code is not None and not math.isnan(logprob):
            shares[code] += math.exp(min(logprob, 0.0))
    total = math.fsum(shares.values())
    if total <= 0 or total < least:
        first = ", ".join(repr(token) for token, _ in completion.top[:5])
        detail = f"{total:.2f} of the probability is on {', '.join(codes.values())}, not on {first}"
        raise AnswerError(Reason.NO_CLASS_TOKEN, detail)
    probabilities = {code: share / total for code, share in shares.items()}
    best = max(classes, key=lambda each: probabilities[each.code])
    return Verdict(best, probabilities)


def read_grades(
    completion: Completion, classes: Classes, products: int, *, several: bool
) -> Sequence[Verdict | AnswerError]:
    """Read graded JSON: one verdict a product, or what is wrong with it.

    A ``<think>`` part before the object and a fence around it are not held against it. Among
    several products, one without a class does not cost the others theirs.

    Raises:
        AnswerError: If the answer as a whole cannot be read.
    """
    answer = _object(completion.content)
    if not several:
        return (_verdict(answer.get("grade"), classes, answer.get("reason")),)
    grades = answer.get("grades")
    if not isinstance(grades, dict):
        detail = f"no object with grades: {_start(json.dumps(answer))}"
        raise AnswerError(Reason.WRONG_FORM, detail)
    return tuple(_verdict(grades.get(str(n)), classes) for n in range(1, products + 1))


def read_chain(completion: Completion, classes: Classes) -> Chain:
    """Read a chain of reasons, strictly.

    Raises:
        AnswerError: If it is none.
    """
    text = _bare(completion.content)
    try:
        return Chain.read(text, classes)
    except ChainError as error:
        detail = f"{error}, in {_start(text)}"
        raise AnswerError(Reason.NO_CHAIN, detail) from error


def read_reasons(completion: Completion, classes: Classes) -> Verdict:
    """Read a chain likewise; the verdict's reason is the chain as it is written here.

    Raises:
        AnswerError: If it is none.
    """
    chain = read_chain(completion, classes)
    grade = classes.find(chain.conclusion)
    if grade is None:  # a chain that was read has a class
        raise AnswerError(Reason.WRONG_LABEL, chain.conclusion)
    return Verdict(grade, reason=str(chain))


def _bare(content: str) -> str:
    """Take off what models put around an answer; what is left is not empty."""
    text = _THINKING.sub("", content).strip()
    text = match[1] if (match := _FENCED.match(text)) else text
    if not text:
        detail = "the answer has no text"
        raise AnswerError(Reason.EMPTY, detail)
    return text


def _object(content: str) -> Mapping[str, Any]:
    text = _bare(content)
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = Reason.HALF_JSON if text.startswith(("{", "[", "```")) else Reason.PROSE
        raise AnswerError(reason, _start(text)) from error
    if not isinstance(answer, dict):
        detail = f"no JSON object: {_start(text)}"
        raise AnswerError(Reason.WRONG_FORM, detail)
    return answer


def _verdict(said: object, classes: Classes, reason: object = None) -> Verdict | AnswerError:
    if said is None:
        return AnswerError(Reason.NO_GRADE, "the answer has no grade for this product")
    found = classes.find(said) if isinstance(said, str) else None
    if found is None:
        detail = f"{_start(json.dumps(said))} is none of {', '.join(classes.codes)}"
        return AnswerError(Reason.WRONG_LABEL, detail)
    return Verdict(found, reason=reason if isinstance(reason, str) else "")


def _start(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
