"""A student that writes other wordings of a query."""

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from tokenizers import Tokenizer

from qrmiddleware.students.bounded_cache import BoundedCache, CacheCounts, content_key
from qrmiddleware.students.devices import (
    Place,
    choose_place,
    explain_gpu_failure,
    is_gpu_failure,
    load_ctranslate2,
    on_cpu,
    warn_of_cpu,
)
from qrmiddleware.students.engine import Wanted
from qrmiddleware.students.folder import StudentFolder, read_student
from qrmiddleware.students.generator.decoders import (
    Decoder,
    DecoderOnly,
    EncoderDecoder,
    Prompt,
)
from qrmiddleware.students.generator.gate import Gate
from qrmiddleware.students.generator.options import DecodingOptions
from qrmiddleware.students.generator.prompts import Prompts
from qrmiddleware.students.generator.stepwise import Hypothesis, StepwiseSearch
from qrmiddleware.students.generator.terms import Terms, read_terms
from qrmiddleware.students.generator.texts import normalised
from qrmiddleware.students.manifest import Kind
from qrmiddleware.students.opened import always
from qrmiddleware.students.settings import RuntimeSettings
from qrmiddleware.students.team import count_cores
from qrmiddleware.students.tokens import load_tokenizer

TERMS_FILE: Final = "terms.txt"
"""Of a student's folder, one term a line; rewrites are confined to these where it is there."""

WRITERS: Final[tuple[Kind, ...]] = ("generator",)
"""Kinds that write texts."""
_DEFAULT: Final = DecodingOptions()


@dataclass(frozen=True, slots=True)
class Generated:
    """A rewrite.

    Attributes:
        log_probability: Mean over the tokens and the end token, natural logarithm: what the
            model gives this text after this query, however it was found, so that rewrites of
            all methods can be compared.
        tokens: As the tokenizer spells them, without the end token.
    """

    text: str
    log_probability: float
    tokens: tuple[str, ...]


class Generator:
    """Writes rewrites; may be called from many threads at once.

    One thread computes a query, and as many queries are computed at once as there are cores:
    the matrices of a small generator are too small to share. Queries are not merged into
    batches: eight of them took no longer apart, on two cores, than in one batch.
    """

    def __init__(
        self, folder: StudentFolder, settings: RuntimeSettings, terms: Iterable[str] | None
    ) -> None:
        self.manifest = folder.manifest
        self._folder, self._settings = folder, settings
        self._tokenizer = load_tokenizer(folder.tokenizer_file)
        self._prompts = Prompts(self._tokenizer, self.manifest.inputs)
        self._workers = settings.inter_threads or count_cores()
        self._changing = threading.Lock()
        self._closed = False
        self.place: Place = choose_place(settings, load_ctranslate2())
        self._decoder = self._load_or_fall_back()
        self._barred = _barred(self._decoder, self._tokenizer)
        if terms is None and TERMS_FILE in self.manifest.files:
            terms = read_terms(folder.path / TERMS_FILE)
        self.terms: Terms | None = (
            None if terms is None else Terms.of(terms, self._tokenizer, self._decoder.ids)
        )
        self._gate = Gate(
            self._workers * len(self.place.indexes), waiting_rows=settings.max_waiting
        )
        self._cache = BoundedCache(settings.cache_bytes)

    @classmethod
    def open(
        cls,
        path: Path,
        settings: RuntimeSettings | None = None,
        *,
        terms: Iterable[str] | None = None,
    ) -> Self:
        """Load a student.

        Args:
            path: Its folder.
            settings: ``intra_threads`` 0 is one thread here, and ``inter_threads`` 0 as many
                as there are cores.
            terms: Words of the index that rewrites are confined to, so that they can match;
                they go before the folder's own. ``None`` leaves it at those, if any.

        Raises:
            ConfigError: If the folder holds no such student, the student has no end token, its
                prompt has no place for the query, or it can write none of the terms.
        """
        folder = read_student(path, expect=WRITERS)
        return cls(folder, settings or RuntimeSettings(), terms)

    @property
    def cache_counts(self) -> CacheCounts:
        """What the cache of rewrites did."""
        return self._cache.counts

    def generate(
        self,
        query: str,
        options: DecodingOptions = _DEFAULT,
        *,
        wanted: Wanted = always,
    ) -> tuple[Generated, ...]:
        """Write rewrites of a query, likeliest first.

        Repeats that differ in case, blanks or width only are left out. A query without
        anything that the student can read has no rewrites.

        Args:
            query: As typed; what exceeds ``inputs.max_query_tokens`` is not read.
            options: How to search.
            wanted: Whether anybody still waits. It is asked while the query waits for its turn
                and between tokens; only a beam search without terms runs to its end.

        Raises:
            OverloadError: If ``max_waiting`` rows wait already; a query is as many rows as it
                has beams or draws.
            CancelledError: If the rewrites are no longer wanted.
            ValueError: If the model's log-probabilities are no numbers.
            RuntimeError: If the student is closed, or its GPU failed; later calls use the CPU.
        """
        text = self._prompts.clean(query)
        prompt = self._prompt(text) if text else ()
        if not prompt:
            return ()
        repeatable = options.method != "sampling" or options.seed is not None
        key = content_key(f"{options!r} {text}")
        if repeatable and (known := self._cache.get_many([key])[0]) is not None:
            return _thawed(known)
        rows = options.beams if options.method == "beams" else options.n
        with self._gate.turn(wanted, rows=rows):
            found = self._find(prompt, options, wanted)
        rewrites = self._rewrites(text, found, options)
        if repeatable:
            self._cache.put_many([(key, _frozen(rewrites))])
        return rewrites

    def close(self) -> None:
        """Free the model; later calls raise."""
        with self._changing:
            self._closed = True
            self._decoder.close()

    def _prompt(self, text: str) -> Prompt:
        tokens = self._prompts.tokens(text)
        end = self._decoder.vocabulary[self._decoder.end]
        if not self.manifest.architecture.encoder_decoder and tokens[-1:] == (end,):
            return tokens[:-1]  # some tokenizers end every text, and this one goes on
        return tokens

    def _find(self, prompt: Prompt, options: DecodingOptions, wanted: Wanted) -> list[Hypothesis]:
        decoder = self._decoder
        if self._closed:
            message = f"the student {self.manifest.name!r} is closed"
            raise RuntimeError(message)
        try:
            return self._searched(decoder, prompt, options, wanted)
        except RuntimeError as error:
            if self.place.device == "cuda" and is_gpu_failure(error):
                self._leave_gpu(decoder, error)
            raise

    def _searched(
        self, decoder: Decoder, prompt: Prompt, options: DecodingOptions, wanted: Wanted
    ) -> list[Hypothesis]:
        seeded = options.method == "sampling" and options.seed is not None
        if self.terms or seeded:
            search = StepwiseSearch(
                lambda prefixes: decoder.next_logits(prompt, prefixes),
                vocabulary=len(decoder.vocabulary),
                end=decoder.end,
                barred=self._barred,
                terms=self.terms,
            )
            return search.search(options, wanted=wanted)
        if options.method == "beams":
            return decoder.beams(prompt, options)
        if options.method == "alternatives":
            return decoder.alternatives(prompt, options, barred=self._barred, wanted=wanted)
        return decoder.samples(prompt, options, wanted=wanted)

    def _rewrites(
        self, query: str, found: Iterable[Hypothesis], options: DecodingOptions
    ) -> tuple[Generated, ...]:
        kept: dict[str, Generated] = {}
        echo = normalised(query) if options.drop_echoes else ""
        barred = frozenset(self._barred)
        for each in sorted(found, key=lambda one: (-one.mean, one.tokens)):
            if not barred.isdisjoint(each.tokens):
                continue
            tokens = tuple(self._decoder.vocabulary[place] for place in each.tokens)
            text = self._text(tokens)
            if (key := normalised(text)) and key != echo:
                kept.setdefault(key, Generated(text, each.mean, tokens))
        return tuple(kept.values())[: options.n]

    def _text(self, tokens: tuple[str, ...]) -> str:
        ids = [self._tokenizer.token_to_id(token) or 0 for token in tokens]
        text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
        return " ".join(text.split())

    def _load_or_fall_back(self) -> Decoder:
        try:
            decoder = self._load()
            if self.place.device == "cuda":  # what is missing shows when it first computes
                decoder.next_logits((decoder.vocabulary[decoder.end],), [()])
        except RuntimeError as error:
            if self.place.device == "cpu" or not is_gpu_failure(error):
                raise
            warn_of_cpu(explain_gpu_failure(error))
            self.place = on_cpu(self._settings, load_ctranslate2())
            return self._load()
        return decoder

    def _load(self) -> Decoder:
        ctranslate2 = load_ctranslate2()
        model = self._folder.model_folder
        options: dict[str, Any] = {
            "device": self.place.device,
            "device_index": list(self.place.indexes),
            "compute_type": self.place.compute_type,
            "inter_threads": self._workers,
            "intra_threads": self._settings.intra_threads or 1,
        }
        if self.manifest.architecture.encoder_decoder:
            return EncoderDecoder(model, ctranslate2.Translator(str(model), **options))
        fixed = self._prompts.fixed
        return DecoderOnly(model, ctranslate2.Generator(str(model), **options), fixed)

    def _leave_gpu(self, failed: Decoder, error: RuntimeError) -> None:
        with self._changing:
            if self._decoder is not failed or self._closed:
                return  # another call did it
            warn_of_cpu(explain_gpu_failure(error))
            self.place = on_cpu(self._settings, load_ctranslate2())
            self._decoder = self._load()


def _barred(decoder: Decoder, tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return tokens that no rewrite may hold: special ones, and those that only fill a matrix."""
    added = tokenizer.get_added_tokens_decoder().values()
    special = {token.content for token in added if token.special} | {decoder.unknown}
    known = tokenizer.get_vocab(with_added_tokens=True)
    return tuple(
        place
        for place, token in enumerate(decoder.vocabulary)
        if place != decoder.end and (token in special or token not in known)
    )


def _frozen(rewrites: Iterable[Generated]) -> bytes:
    rows = [(each.text, each.log_probability, each.tokens) for each in rewrites]
    return json.dumps(rows).encode()


def _thawed(value: bytes) -> tuple[Generated, ...]:
    return tuple(Generated(text, mean, tuple(tokens)) for text, mean, tokens in json.loads(value))
