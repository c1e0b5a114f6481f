"""Search token by token in the open, for what the runtime's own decoding cannot do.

CTranslate2 cannot confine decoding to the words of an index, nor draw samples that a seed
repeats. This search can: it asks a model for the next token's logits, and chooses by itself.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.students.generator.terms import State, Terms

Logits = NDArray[np.float32]
Tokens = tuple[int, ...]
NextLogits = Callable[[Sequence[Tokens]], Logits]
"""Logits of the next token after each of some prefixes of one length: (prefixes, vocabulary)."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A complete rewrite as tokens, without the end token.

    Attributes:
        total: Sum of the log-probabilities of the tokens and of the end token after them, as
            the model has them: unchanged by temperature or by what was not permitted.
    """

    tokens: Tokens
    total: float

    @property
    def mean(self) -> float:
        """Log-probability per token, the end token counted."""
        return self.total / (len(self.tokens) + 1)


@dataclass(frozen=True, slots=True)
class _Path:
    tokens: Tokens = ()
    total: float = 0.0
    state: State = ()

    def grown(self, token: int, log_probability: float, terms: Terms | None) -> "_Path":
        state = terms.follow(self.state, token) if terms else ()
        return _Path((*self.tokens, token), self.total + log_probability, state)

    def ended(self, log_probability: float) -> Hypothesis:
        return Hypothesis(self.tokens, self.total + log_probability)


class StepwiseSearch:
    """Finds rewrites by asking for the next token's logits.

    Args:
        next_logits: The model.
        vocabulary: How many tokens it knows.
        end: The end token.
        barred: Tokens that no rewrite holds, such as padding.
        terms: What rewrites are made of; ``None`` permits every sequence of tokens.
    """

    def __init__(
        self,
        next_logits: NextLogits,
        *,
        vocabulary: int,
        end: int,
        barred: Sequence[int] = (),
        terms: Terms | None = None,
    ) -> None:
        self._next_logits = next_logits
        self._end = end
        free = np.arange(vocabulary, dtype=np.int32)
        self._free = np.delete(free, [*barred, end])
        self._terms = terms

    def search(self, options: DecodingOptions, *, wanted: Wanted) -> list[Hypothesis]:
        """Search by the method of the options; best first, none twice.

        With beams wide enough for all prefixes, the ``beams`` best of all permitted sequences
        are found: a beam's score is the model's own, and the search ends only when nothing
        unfinished can still overtake.

        Raises:
            CancelledError: If the rewrites are no longer wanted between two steps.
        """
        search = self._beams if options.method == "beams" else self._walks
        found = search(options, wanted)
        return sorted(set(found), key=lambda each: (-each.mean, each.tokens))

    def _beams(self, options: DecodingOptions, wanted: Wanted) -> list[Hypothesis]:
        alive = [self._start()]
        done: list[Hypothesis] = []
        longest = options.max_new_tokens + 1
        while alive:
            rows = self._log_probabilities(alive, wanted)
            done += self._endings(alive, rows)
            if len(alive[0].tokens) == options.max_new_tokens or _decided(
                done, alive, options.beams, longest
            ):
                break
            grown: list[tuple[float, _Path, int]] = []
            for path, row in zip(alive, rows, strict=True):
                tokens = self._best(path, row, options, options.beams)
                grown += [(path.total + float(row[token]), path, token) for token in tokens]
            grown.sort(key=lambda each: (-each[0], each[1].tokens, each[2]))
            alive = [
                path.grown(token, total - path.total, self._terms)
                for total, path, token in grown[: options.beams]
            ]
        return done

    def _endings(self, paths: Sequence[_Path], rows: Logits) -> list[Hypothesis]:
        return [
            path.ended(float(row[self._end]))
            for path, row in zip(paths, rows, strict=True)
            if self._may_end(path)
        ]

    def _walks(self, options: DecodingOptions, wanted: Wanted) -> list[Hypothesis]:
        """Let ``n`` paths each take one token a step: the likeliest, or one drawn."""
        chance = np.random.default_rng(options.seed)
        alternatives = options.method == "alternatives"
        alive = [self._start()] * (1 if alternatives else options.n)
        done: list[Hypothesis] = []
        for length in range(options.max_new_tokens + 1):
            if not alive:
                break
            rows = self._log_probabilities(alive, wanted)
            grown: list[_Path] = []
            for path, row in zip(alive, rows, strict=True):
                if alternatives:
                    choices = self._likeliest(path, row, options, 1 if length else options.n)
                else:
                    choices = self._drawn(path, row, options, chance)
                for token in choices:
                    if token == self._end:
                        done.append(path.ended(float(row[token])))
                    else:
                        grown.append(path.grown(token, float(row[token]), self._terms))
            alive = grown
        return done

    def _start(self) -> _Path:
        return _Path(state=self._terms.start if self._terms else ())

    def _log_probabilities(self, paths: Sequence[_Path], wanted: Wanted) -> Logits:
        if not wanted():
            raise CancelledError
        logits = self._next_logits([path.tokens for path in paths])
        return log_softmax(logits)

    def _may_end(self, path: _Path) -> bool:
        return self._terms.may_end(path.state) if self._terms else bool(path.tokens)

    def _permitted(self, path: _Path, options: DecodingOptions) -> NDArray[np.int32]:
        """Return the tokens that may come next, the end token not among them."""
        tokens = self._terms.allowed(path.state) if self._terms else self._free
        repeats = _repeats(path.tokens, options.no_repeat_ngram)
        return tokens[~np.isin(tokens, repeats)] if repeats else tokens

    def _best(self, path: _Path, row: Logits, options: DecodingOptions, count: int) -> list[int]:
        tokens = _top(self._permitted(path, options), row, count)
        return [int(token) for token in tokens]

    def _likeliest(
        self, path: _Path, row: Logits, options: DecodingOptions, count: int
    ) -> list[int]:
        tokens = self._best(path, row, options, count)
        tokens += [self._end] if self._may_end(path) else []
        return sorted(tokens, key=lambda token: (-row[token], token))[:count]

    def _drawn(
        self, path: _Path, row: Logits, options: DecodingOptions, chance: np.random.Generator
    ) -> list[int]:
        tokens = self._permitted(path, options)
        if self._may_end(path):
            tokens = np.append(tokens, np.int32(self._end))
        if not len(tokens):
            return []
        tokens = _top(tokens, row, options.top_k)
        shares = np.exp(log_softmax(row[tokens][None] / np.float32(options.temperature))[0])
        if options.top_p < 1:
            order = np.argsort(-shares, kind="stable")
            kept = int(np.searchsorted(np.cumsum(shares[order]), options.top_p)) + 1
            tokens, shares = tokens[order[:kept]], shares[order[:kept]]
        running = np.cumsum(shares, dtype=np.float64)
        place = int(np.searchsorted(running, chance.random() * running[-1], side="right"))
        return [int(tokens[min(place, len(running) - 1)])]


def _top(tokens: NDArray[np.int32], row: Logits, count: int) -> NDArray[np.int32]:
    """Return the likeliest tokens, in no order; all where ``count`` is 0."""
    if not 0 < count < len(tokens):
        return tokens
    return tokens[np.argpartition(-row[tokens], count - 1)[:count]]


def log_softmax(logits: Logits) -> Logits:
    """Turn logits, shape (rows, vocabulary), into log-probabilities."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    result: Logits = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def _decided(done: Sequence[Hypothesis], alive: Sequence[_Path], beams: int, longest: int) -> bool:
    """Say whether nothing unfinished can still overtake the best ones.

    A path's sum only falls, so the best that its mean can become is its sum as it stands,
    spread over the longest rewrite.
    """
    if len(done) < beams:
        return False
    least = sorted((each.mean for each in done), reverse=True)[beams - 1]
    return least >= max(path.total for path in alive) / longest


def _repeats(tokens: Tokens, size: int) -> list[int]:
    """Return the tokens that would complete a run of ``size`` tokens that occurred before."""
    if not size or len(tokens) < size:
        return []
    last = tokens[len(tokens) - size + 1 :]
    return [
        tokens[start + size - 1]
        for start in range(len(tokens) - size + 1)
        if tokens[start : start + size - 1] == last
    ]
