"""What a language model is asked as teacher, and how."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.teachers.prompt import (
    Form,
    Message,
    Prompt,
    answer_schema,
    load_prompt,
)
from qrmiddleware.distill.teachers.spending import Prices
from qrmiddleware.errors import ConfigError

Mode: TypeAlias = Literal["json", "logprobs", "chain"]

AGAIN_TEMPERATURE: Final = 0.3
"""Of a question that is asked again."""
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
        ask_again: How often a product is asked about again whose answer cannot be read; ``None``
            for once where reasons are asked for, and never elsewhere or with samples.
        samples: Chains that vote on a product; 1 for no vote.
        sample_temperature: At which they are drawn.
        least_agreement: Share of the votes that a class needs.
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
    ask_again: int | None = None
    samples: int = 1
    sample_temperature: float = 0.7
    least_agreement: float = 0.0

    def __post_init__(self) -> None:
        if self.mode != "json" and self.products_per_prompt > 1:
            message = (
                "log-probabilities and reasons are of one product: ask about one product a prompt, "
                "or for JSON"
            )
            raise ConfigError(message)
        self._check_asking()
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

    @property
    def again(self) -> int:
        """How often an answer that cannot be read is asked for again."""
        if self.ask_again is not None:
            return self.ask_again
        return int(self.mode == "chain" and self.samples == 1)

    @property
    def fingerprint(self) -> str:
        """Hash of all that may change answers or targets, but for model and mode.

        Asking again is not in it: it changes which pairs get a label, as another run does.
        """
        told: dict[str, Any] = {
            "prompt": dict(self.prompt.parts),
            "classes": [(each.code, each.name, each.gain, each.meaning) for each in self.classes],
            "products_per_prompt": self.products_per_prompt,
            "longest_text": self.longest_text,
            "body": dict(self.body),
            "least_probability": self.least_probability,
            "top_logprobs": self.top_logprobs,
        }
        if self.samples > 1:
            told["samples"] = [self.samples, self.sample_temperature, self.least_agreement]
        text = json.dumps(told, sort_keys=True, ensure_ascii=False)
        return sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]

    def request(
        self,
        messages: Sequence[Message],
        products: int,
        *,
        attempt: int = 0,
        schema: bool = False,
    ) -> dict[str, Any]:
        """Return the body of a request.

        Args:
            messages: What is asked.
            products: How many are asked about.
            attempt: How often the same was asked before: a later one is asked at a temperature,
                since it would be answered alike at 0. A ``seed`` of the body counts on.
            schema: Whether the answer's form is asked for.
        """
        later = AGAIN_TEMPERATURE if attempt else 0
        told: dict[str, Any] = {
            "model": self.model,
            "messages": list(messages),
            "temperature": self.sample_temperature if self.samples > 1 else later,
        }
        if self.mode == "logprobs":
            told |= {"max_tokens": 1, "logprobs": True, "top_logprobs": self.top_logprobs}
        else:
            told["max_tokens"] = _ROOM + 2 * self.tokens(products)
        if schema:
            told["response_format"] = self._schema(products)
        told |= dict(self.body)
        if isinstance(seed := told.get("seed"), int):
            told["seed"] = seed + attempt
        return {key: value for key, value in told.items() if value is not None}

    def tokens(self, products: int) -> int:
        """Guess how many tokens an answer about so many products takes."""
        return _TOKENS[self.mode] * products

    def _schema(self, products: int) -> dict[str, Any]:
        several = self.form == "several"
        wanted = answer_schema(self.classes.codes, products, several=several)
        described = {"name": "grades", "strict": True, "schema": wanted}
        return {"type": "json_schema", "json_schema": described}

    def _check_asking(self) -> None:
        if self.samples > 1 and self.mode != "chain":
            message = f"samples are of reasons: ask for these (mode chain), not for {self.mode}"
            raise ConfigError(message)
        if self.samples > 1 and self.again:
            message = (
                "a sample that cannot be read has no vote, and is not asked for again: leave "
                "--ask-again out, or draw more samples"
            )
            raise ConfigError(message)
        if self.samples > 1 and self.body.get("temperature") == 0:
            message = "samples at temperature 0 are all alike: leave it out of the request's body"
            raise ConfigError(message)
        if self.mode == "logprobs" and self.again:
            message = "probabilities of a first token stay what they are: do not ask for them again"
            raise ConfigError(message)
        if self.samples == 1 and self.least_agreement:
            message = "a single answer agrees with itself: agreement needs samples"
            raise ConfigError(message)
