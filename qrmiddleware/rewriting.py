"""What plugins have in common that rewrite queries with a generator."""

import math
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from qrmiddleware.errors import ConfigError
from qrmiddleware.hooks import hookimpl
from qrmiddleware.hooks.patience import patience
from qrmiddleware.model import Query, Rewrite
from qrmiddleware.students.generator.options import DecodingOptions, Method
from qrmiddleware.students.settings import RuntimeSettings

if TYPE_CHECKING:
    from qrmiddleware.students.engine import Wanted
    from qrmiddleware.students.generator.student import Generated, Generator

_MARKUP: Final = re.compile(r"</?[a-z!|]|&[a-z]+;|://|[{}\[\]`]|\*\*", re.IGNORECASE)
_UNREADABLE: Final = frozenset({"Cc", "Cn", "Co", "Cs", "Zl", "Zp"})
"""Unicode categories: controls, unassigned, private, halves of pairs, ends of lines."""
_REPLACEMENT: Final = "\ufffd"
_REVERSALS: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))
"""Characters that turn the direction of what stands around them."""
_WARM_UP: Final = "a"


class RewritingOptions(BaseModel):
    """How a generator is asked, and what becomes of its answers."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    n: Annotated[int, Field(ge=1, le=64)] = 3
    """Most rewrites per query, likeliest first."""

    method: Method = "beams"
    """``beams``: the likeliest; ``alternatives``: no two begin alike; ``sampling``: draws."""

    beams: Annotated[int, Field(ge=1, le=64)] = 4
    """Width of the beam search; at least ``n``."""

    max_new_tokens: Annotated[int, Field(ge=1, le=512)] = 16
    """Longest rewrite, in tokens; what is longer is left out."""

    top_k: Annotated[int, Field(ge=0)] = 0
    """``sampling``: draw among this many likeliest tokens; 0 is all."""

    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """``sampling``: draw among the likeliest tokens that have this share of probability."""

    temperature: Annotated[float, Field(ge=0.001, le=100)] = 1.0
    """``sampling``: below 1 is closer to the likeliest."""

    seed: Annotated[int, Field(ge=0)] = 0
    """``sampling``: the same seed gives a query the same rewrites."""

    terms: Path | None = None
    """Words that rewrites are confined to, one a line; the student's own list without."""

    min_log_probability: Annotated[float, Field(le=0, allow_inf_nan=False)] | None = None
    """Rewrites with a lower mean log-probability per token are left out."""

    weigh: Literal["probability", "rank", "alike"] = "probability"
    """What a weight follows: the mean probability per token, 1 / rank, or nothing."""

    least_weight: Annotated[float, Field(gt=0, le=1)] = 0.2
    """Weight of a rewrite without probability, or of the last rank."""

    most_weight: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Weight of a rewrite that is certain, of the first rank, or of all alike."""

    max_words: Annotated[int, Field(ge=1, le=512)] = 16
    """Rewrites of more words are left out."""

    max_characters: Annotated[int, Field(ge=1, le=10_000)] = 128
    """Rewrites of more characters are left out."""

    runtime: RuntimeSettings = RuntimeSettings()
    """Device, threads and bounds of the student."""

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        self.decoding()
        if self.least_weight > self.most_weight:
            message = f"least_weight {self.least_weight:g} is above most_weight"
            raise ValueError(message)
        return self

    def decoding(self) -> DecodingOptions:
        """Return how the generator searches.

        Raises:
            ValueError: If two options do not fit each other.
        """
        return DecodingOptions(
            n=self.n,
            max_new_tokens=self.max_new_tokens,
            method=self.method,
            beams=self.beams,
            top_k=self.top_k,
            top_p=self.top_p,
            temperature=self.temperature,
            seed=self.seed,
        )


class GeneratorOptions(RewritingOptions):
    """Options of every plugin that rewrites with one generator."""

    model: Path
    """Folder of the generator."""


def objection(text: str, options: RewritingOptions) -> str:
    """Say why a text should not reach an engine as a rewrite; empty if nothing speaks against it.

    Echoes, repeats and lost identifiers are the pipeline's matter.
    """
    if len(text) > options.max_characters or len(text.split()) > options.max_words:
        return "too long"
    if any(
        unicodedata.category(character) in _UNREADABLE
        or character in _REVERSALS
        or character == _REPLACEMENT
        for character in text
    ):
        return "unreadable characters"
    if _MARKUP.search(text):
        return "markup"
    if not any(character.isalnum() for character in text):
        return "no word"
    return ""


class Rewriting:
    """An opened generator, asked as the options say; may be called from many threads at once."""

    def __init__(self, generator: "Generator", options: RewritingOptions) -> None:
        self.generator = generator
        self._options, self._decoding = options, options.decoding()
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._counting = threading.Lock()

    @classmethod
    def open(cls, path: Path, options: RewritingOptions, loans: ExitStack) -> Self:
        """Open a generator, or share one that is open, and have it write once.

        Args:
            path: Its folder.
            options: How it is asked.
            loans: Closing it lets go of the generator.

        Raises:
            ConfigError: If the folder holds no intact generator, it can write none of the
                terms, or its model cannot compute.
        """
        from qrmiddleware.students.sharing import borrow_generator  # noqa: PLC0415 loads numpy

        loan = borrow_generator(path, options.runtime, terms=options.terms)
        with ExitStack() as stack:
            stack.callback(loan.close)
            rewriting = cls(loan.thing, options)
            try:
                rewriting.generator.generate(_WARM_UP, rewriting._decoding)
            except (RuntimeError, ValueError) as error:
                message = f"the generator in {path} cannot compute: {error}"
                raise ConfigError(message) from error
            loans.push(stack.pop_all())
        return rewriting

    def rewrites(self, query: str, *, wanted: "Wanted", note: str = "") -> tuple[Rewrite, ...]:
        """Write rewrites, likeliest first, and leave out what should not reach an engine.

        Args:
            query: As typed.
            wanted: Whether the answer is still waited for; asked from any thread.
            note: What people are told of where it comes from; the student's name without.

        Raises:
            OverloadError: If too much waits for the generator.
            concurrent.futures.CancelledError: If the answer is not wanted any more.
            ValueError: If the model's log-probabilities are no numbers.
            RuntimeError: If it is closed, or its GPU failed.
        """
        written = self.generator.generate(query, self._decoding, wanted=wanted)
        kept: list[Generated] = []
        left_out: list[str] = []
        for each in written:
            if reason := self._objection(each):
                left_out.append(reason)
            else:
                kept.append(each)
        with self._counting:
            self._counts.update(asked=1, written=len(written), proposed=len(kept))
            self._left_out.update(left_out)
        name = note or self.generator.manifest.name
        return tuple(
            Rewrite(each.text, self._weight(each, rank), note=f"{name}, {_shown(each)}")
            for rank, each in enumerate(kept, 1)
        )

    def status(self) -> dict[str, object]:
        """Tell which student it is, where it computes, and what became of its rewrites."""
        generator = self.generator
        with self._counting:
            counts, left_out = dict(self._counts), dict(self._left_out)
        return {
            "name": generator.manifest.name,
            "place": asdict(generator.place),
            "confined": generator.terms is not None,
            "cache": asdict(generator.cache_counts),
            "asked": counts.get("asked", 0),
            "written": counts.get("written", 0),
            "proposed": counts.get("proposed", 0),
            "left_out": left_out,
        }

    def _objection(self, written: "Generated") -> str:
        least = self._options.min_log_probability
        if least is not None and written.log_probability < least:
            return "not likely enough"
        return objection(written.text, self._options)

    def _weight(self, written: "Generated", rank: int) -> float:
        least, most = self._options.least_weight, self._options.most_weight
        match self._options.weigh:
            case "probability":
                share = math.exp(min(0.0, written.log_probability))
                return least + (most - least) * share
            case "rank":
                return max(least, most / rank)
            case "alike":
                return most


def _shown(written: "Generated") -> str:
    return f"log-probability {written.log_probability:.2f}"


class GeneratorRewriter:
    """Proposes what a generator writes.

    Plugins inherit from it, and say with ``Settings`` which options they have beside these.
    """

    Settings = GeneratorOptions

    def __init__(self, settings: GeneratorOptions) -> None:
        self._options = settings
        self._loans = ExitStack()
        self._rewriting: Rewriting | None = None

    @hookimpl
    def qrm_startup(self) -> None:
        """Open the generator.

        Raises:
            ConfigError: If it is missing, damaged, no generator, or cannot do what is set.
        """
        with ExitStack() as loans:
            self._rewriting = Rewriting.open(self._options.model, self._options, loans)
            self._loans = loans.pop_all()

    @hookimpl
    def qrm_shutdown(self) -> None:
        """Let go of the generator."""
        self._rewriting = None
        self._loans.close()

    @hookimpl
    def qrm_status(self) -> Mapping[str, object] | None:
        """Say which generator is open, on which device, and what it did."""
        return None if self._rewriting is None else {"model": self._rewriting.status()}

    @hookimpl
    def qrm_rewrite(self, query: Query) -> Sequence[Rewrite] | None:
        """Write rewrites while the search waits; none of them is no opinion."""
        if self._rewriting is None:
            problem = "asked before qrm_startup, or after qrm_shutdown"
            raise RuntimeError(problem)
        return self._rewriting.rewrites(query.text, wanted=patience().wanted) or None
