"""What asking costs: an estimate beforehand, and a limit that is kept."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qrmiddleware.distill.labels import StoppedError
from qrmiddleware.distill.teachers.prompt import Message
from qrmiddleware.errors import ConfigError

_BYTES_PER_TOKEN: Final = 4
"""Of English under common vocabularies; other languages take more tokens a character, and as UTF-8
more bytes a character too."""
_TOKENS_PER_MESSAGE: Final = 4


@dataclass(frozen=True, slots=True)
class Prices:
    """What a million tokens cost, in any currency.

    Attributes:
        prompt: Sent.
        completion: Received.
    """

    prompt: float = 0.0
    completion: float = 0.0

    def cost(self, prompt_tokens: float, completion_tokens: float) -> float:
        """Return what so many tokens cost."""
        return (prompt_tokens * self.prompt + completion_tokens * self.completion) / 1e6


def estimate_tokens(messages: Sequence[Message]) -> int:
    """Guess how many tokens messages have: four bytes each, and a few around every message.

    Only a guess for plans and limits; what endpoints count takes its place where they do.
    """
    size = sum(len(message["content"].encode(errors="replace")) for message in messages)
    return math.ceil(size / _BYTES_PER_TOKEN) + _TOKENS_PER_MESSAGE * len(messages)


class Budget:
    """Sees to it that a run does not cost more than it may.

    What a request may cost is reserved before it is sent and settled when it is answered, so that
    requests in flight cannot exceed the limit together (by more than the estimate is off).

    Attributes:
        spent: So far.
    """

    def __init__(self, prices: Prices, limit: float | None) -> None:
        if limit is not None and prices.cost(1, 1) <= 0:
            message = "a limit of cost needs prices: say what a million tokens cost"
            raise ConfigError(message)
        self._prices = prices
        self._limit = limit
        self._reserved = 0.0
        self.spent = 0.0

    def reserve(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Set aside what a request may cost; returns what was set aside.

        Raises:
            StoppedError: If the limit does not allow it.
        """
        cost = self._prices.cost(prompt_tokens, completion_tokens)
        if self._limit is not None and self.spent + self._reserved + cost > self._limit:
            message = (
                f"the limit of cost, {self._limit:g}, is reached: {self.spent:.4g} is spent, and "
                f"the next request may cost {cost:.2g}"
            )
            raise StoppedError(message)
        self._reserved += cost
        return cost

    def settle(self, reserved: float, prompt_tokens: int, completion_tokens: int) -> None:
        """Book what a request cost in place of what was set aside for it."""
        self._reserved -= reserved
        self.spent += self._prices.cost(prompt_tokens, completion_tokens)
