"""How a generator looks for rewrites."""

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

Method = Literal["beams", "alternatives", "sampling"]

_LIMIT: Final = 64
"""Most hypotheses, and beams, of one query: each costs a row in every step."""
_TOKENS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodingOptions:
    """How a generator looks for rewrites, and how many of them it gives.

    Attributes:
        n: Most rewrites to give; fewer remain when some are repeats, echoes or cut off.
        max_new_tokens: Longest rewrite, end token not counted. What is longer is dropped: it
            would end in the middle of a word.
        method: ``beams``: the likeliest, which often differ little. ``alternatives``: the
            ``n`` likeliest first tokens, each completed greedily, so no two begin alike; the
            diversity that the runtime can give, not the diverse beam groups of other libraries.
            ``sampling``: ``n`` draws.
        beams: Width of the beam search; nothing to the other methods.
        top_k: Sampling draws among this many likeliest tokens; 0 is all.
        top_p: Sampling draws among the likeliest tokens that have this share of probability.
        temperature: Of sampling; below 1 is closer to greedy. It does not change what
            log-probability a rewrite is reported with.
        seed: Of sampling. The same seed gives the same rewrites for a query. ``None`` leaves
            chance to the runtime, which is several times faster; its seed is one for a whole
            thread and cannot be set again, so that such draws are never repeatable.
        no_repeat_ngram: No so many tokens in a row occur twice in a rewrite; 0 permits all.
        drop_echoes: Drop rewrites that only repeat the query.

    Raises:
        ValueError: If a value is out of range, or does not fit another.
    """

    n: int = 4
    max_new_tokens: int = 16
    method: Method = "beams"
    beams: int = 4
    top_k: int = 0
    top_p: float = 1.0
    temperature: float = 1.0
    seed: int | None = 0
    no_repeat_ngram: int = 0
    drop_echoes: bool = True

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            message = f"method is {self.method!r}: one of {', '.join(get_args(Method))}"
            raise ValueError(message)
        _check("n", self.n, 1, _LIMIT)
        _check("beams", self.beams, 1, _LIMIT)
        _check("max_new_tokens", self.max_new_tokens, 1, _TOKENS)
        _check("top_k", self.top_k, 0, math.inf)
        _check("no_repeat_ngram", self.no_repeat_ngram, 0, _TOKENS)
        _check("top_p", self.top_p, 1e-6, 1.0)
        _check("temperature", self.temperature, 1e-3, 100.0)
        _check("seed", self.seed or 0, 0, 2**63)
        if self.method == "beams" and self.n > self.beams:
            message = f"n is {self.n} with {self.beams} beams: as many beams as rewrites, at least"
            raise ValueError(message)


def _check(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        message = f"{name} is {value!r}: from {least:g} to {most:g}"
        raise ValueError(message)
