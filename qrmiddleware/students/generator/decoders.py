"""The two kinds of CTranslate2 models that write text, behind one face."""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Any, Final

import numpy as np

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.devices import load_ctranslate2
from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.students.generator.stepwise import Hypothesis, Logits, Tokens

Prompt = tuple[str, ...]

_VOCABULARIES: Final = ("vocabulary.json", "shared_vocabulary.json", "target_vocabulary.json")


class Decoder(ABC):
    """A model that goes on from a prompt.

    Attributes:
        vocabulary: Its tokens by place.
        ids: Places by token.
        end: Place of the token that ends a text.
        unknown: Token that stands for all that the vocabulary cannot spell.
    """

    _repeats_prefix: bool
    """Whether the runtime returns what it was told to begin with, too."""

    def __init__(
        self,
        folder: Path,
        model: Any,  # noqa: ANN401 one of ctranslate2's
    ) -> None:
        self._model = model
        self.vocabulary = _vocabulary(folder)
        self.ids: Mapping[str, int] = {
            token: place for place, token in reversed(list(enumerate(self.vocabulary)))
        }
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        name = config.get("eos_token")
        if name not in self.ids:
            problem = (
                f"{folder / 'config.json'} has the end token {name!r}, which is none of the "
                f"model's {len(self.vocabulary)} tokens, so that no rewrite would ever end: "
                "export the student again, from a checkpoint with an end token"
            )
            raise ConfigError(problem)
        self.end = self.ids[name]
        self.unknown: str = config.get("unk_token", "<unk>")
        self._folder = folder

    def close(self) -> None:
        """Free the model."""
        self._model.unload_model()

    def beams(self, prompt: Prompt, options: DecodingOptions) -> list[Hypothesis]:
        """Find the likeliest texts; it cannot be stopped on its way."""
        return self._found(
            prompt,
            [()],
            options,
            beam_size=options.beams,
            num_hypotheses=options.beams,
        )

    def alternatives(
        self, prompt: Prompt, options: DecodingOptions, *, barred: Sequence[int], wanted: Wanted
    ) -> list[Hypothesis]:
        """Complete each of the likeliest first tokens greedily.

        CTranslate2's own ``return_alternatives`` cuts a decoder-only model's texts short by
        the length of the prompt, and scores them differently, so this is done in two calls.
        """
        row = self.next_logits(prompt, [()])[0]
        row[[*barred, self.end]] = -np.inf
        first = np.argsort(-row, kind="stable")[: options.n]
        prefixes = [(int(token),) for token in first if np.isfinite(row[token])]
        found = self._found(prompt, prefixes, options, callback=_stopping(wanted))
        if not wanted():
            raise CancelledError
        return found

    def samples(
        self, prompt: Prompt, options: DecodingOptions, *, wanted: Wanted
    ) -> list[Hypothesis]:
        """Draw texts; no seed repeats them."""
        found = self._found(
            prompt,
            [()],
            options,
            num_hypotheses=options.n,
            sampling_topk=options.top_k,
            sampling_topp=options.top_p,
            sampling_temperature=options.temperature,
            callback=_stopping(wanted),
        )
        if not wanted():
            raise CancelledError
        return found

    def next_logits(self, prompt: Prompt, prefixes: Sequence[Tokens]) -> Logits:
        """Return the next token's logits after each prefix, shape (prefixes, vocabulary)."""
        results = self._decode(
            prompt, [self._words(tokens) for tokens in prefixes], 1, return_logits_vocab=True
        )
        rows = np.stack([_array(result.logits[0][-1]) for result in results])
        self._check(bool(np.isnan(rows).any()))
        return rows

    def score(self, prompt: Prompt, texts: Sequence[Tokens]) -> list[Hypothesis]:
        """Say how likely the model holds given texts, by reading them in one pass each."""
        results = self._score(prompt, [self._words(tokens) for tokens in texts])
        return [
            Hypothesis(tokens, float(sum(result[-len(tokens) - 1 :])))
            for tokens, result in zip(texts, results, strict=True)
        ]

    def _found(
        self,
        prompt: Prompt,
        prefixes: Sequence[Tokens],
        options: DecodingOptions,
        **settings: Any,  # noqa: ANN401 options of ctranslate2
    ) -> list[Hypothesis]:
        results = self._decode(
            prompt,
            [self._words(tokens) for tokens in prefixes],
            options.max_new_tokens + 1 - len(prefixes[0]),
            return_end_token=True,
            return_scores=True,
            no_repeat_ngram_size=options.no_repeat_ngram,
            **settings,
        )
        complete: list[Hypothesis] = []
        for prefix, result in zip(prefixes, results, strict=True):
            self._check(any(map(math.isnan, result.scores)))
            for words, mean in zip(_sequences(result), result.scores, strict=True):
                tokens = tuple(self.ids[word] for word in words)
                tokens = tokens if self._repeats_prefix else (*prefix, *tokens)
                if tokens and tokens[-1] == self.end:
                    complete.append(Hypothesis(tokens[:-1], mean * len(tokens)))
        if options.no_repeat_ngram or prefixes[0]:
            # scores of the first kind are renormalised over what was permitted, and those of
            # the second leave the prefix out
            return self.score(prompt, [each.tokens for each in complete]) if complete else []
        return complete

    def _check(self, not_numbers: bool) -> None:
        if not_numbers:
            problem = (
                f"{self._folder} gives log-probabilities that are no numbers: its weights are "
                "damaged, or compute_type is too narrow for them (try float32)"
            )
            raise ValueError(problem)

    def _words(self, tokens: Tokens) -> list[str]:
        return [self.vocabulary[token] for token in tokens]

    @abstractmethod
    def _decode(
        self,
        prompt: Prompt,
        prefixes: Sequence[list[str]],
        length: int,
        **settings: Any,  # noqa: ANN401 options of ctranslate2
    ) -> list[Any]:
        """Go on from the prompt and each prefix, by so many tokens at most."""

    @abstractmethod
    def _score(self, prompt: Prompt, texts: Sequence[list[str]]) -> list[list[float]]:
        """Return log-probabilities that end with those of each text and its end token."""


class DecoderOnly(Decoder):
    """Qwen, Llama, GPT-2 and their like: the text goes on where the prompt ends.

    Args:
        folder: Of the CTranslate2 model.
        model: A ``ctranslate2.Generator`` of it.
        fixed: What all prompts begin with. Its state is computed once and kept. The runtime
            keeps the state of every such beginning for good, so there is one per student.
    """

    _repeats_prefix = False

    def __init__(
        self,
        folder: Path,
        model: Any,  # noqa: ANN401 a ctranslate2.Generator
        fixed: Prompt,
    ) -> None:
        super().__init__(folder, model)
        self._fixed = fixed

    def _decode(
        self,
        prompt: Prompt,
        prefixes: Sequence[list[str]],
        length: int,
        **settings: Any,  # noqa: ANN401 options of ctranslate2
    ) -> list[Any]:
        known = len(self._fixed)
        if known and prompt[:known] == self._fixed and len(prompt) > known:
            settings["static_prompt"] = list(self._fixed)
            prompt = prompt[known:]
        results: list[Any] = self._model.generate_batch(
            [[*prompt, *prefix] for prefix in prefixes],
            max_length=length,
            include_prompt_in_result=False,
            **settings,
        )
        return results

    def _score(self, prompt: Prompt, texts: Sequence[list[str]]) -> list[list[float]]:
        end = self.vocabulary[self.end]
        rows = [[*prompt, *text, end] for text in texts]
        return [result.log_probs for result in self._model.score_batch(rows, max_input_length=0)]


class EncoderDecoder(Decoder):
    """T5, BART, Marian and their like: the prompt is read by an encoder.

    Args:
        folder: Of the CTranslate2 model.
        model: A ``ctranslate2.Translator`` of it.
    """

    _repeats_prefix = True

    def _decode(
        self,
        prompt: Prompt,
        prefixes: Sequence[list[str]],
        length: int,
        **settings: Any,  # noqa: ANN401 options of ctranslate2
    ) -> list[Any]:
        results: list[Any] = self._model.translate_batch(
            [list(prompt)] * len(prefixes),
            [prefix or None for prefix in prefixes],
            max_decoding_length=len(prefixes[0]) + length,
            min_decoding_length=0,
            max_input_length=0,
            **{"beam_size": 1} | settings,
        )
        return results

    def _score(self, prompt: Prompt, texts: Sequence[list[str]]) -> list[list[float]]:
        sources = [list(prompt)] * len(texts)
        results = self._model.score_batch(sources, list(texts), max_input_length=0)
        return [result.log_probs for result in results]


def _vocabulary(folder: Path) -> tuple[str, ...]:
    for name in _VOCABULARIES:
        if (folder / name).is_file():
            return tuple(json.loads((folder / name).read_text(encoding="utf-8")))
    problem = f"{folder} has none of {', '.join(_VOCABULARIES)}: export the student again"
    raise ConfigError(problem)


def _sequences(result: Any) -> list[list[str]]:  # noqa: ANN401 of ctranslate2
    found: list[list[str]] = (
        result.hypotheses if hasattr(result, "hypotheses") else result.sequences
    )
    return found


def _stopping(wanted: Wanted) -> Callable[[object], bool]:
    return lambda _: not wanted()


def _array(view: Any) -> Logits:  # noqa: ANN401 a ctranslate2.StorageView
    ctranslate2 = load_ctranslate2()
    if view.device != "cpu":
        view = view.to_device(ctranslate2.Device.cpu)
    return np.array(view.to(ctranslate2.DataType.float32), np.float32)
