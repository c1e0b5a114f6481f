"""Analyzers: text to terms, as the mapping names them.

The tokenizer follows the word boundaries of Unicode's UAX #29, as Lucene's standard
tokenizer does, so that the two engines agree on terms such as ``don't`` and ``wi-fi``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import tantivy

from qrmiddleware.upstream.embedded.problems import illegal, unsupported

_JOINED = r"[\p{wb=Extend}\p{wb=Format}\p{wb=ZWJ}]*"
_LETTER = rf"(?:[\p{{wb=ALetter}}\p{{wb=Hebrew_Letter}}]{_JOINED})"
_DIGIT = rf"(?:\p{{wb=Numeric}}{_JOINED})"
_KATAKANA = rf"(?:\p{{wb=Katakana}}{_JOINED})"
_CONNECTOR = rf"(?:\p{{wb=ExtendNumLet}}{_JOINED})"
_IN_WORD = rf"(?:[\p{{wb=MidLetter}}\p{{wb=MidNumLet}}\p{{wb=Single_Quote}}]{_JOINED})"
_IN_NUMBER = rf"(?:[\p{{wb=MidNum}}\p{{wb=MidNumLet}}\p{{wb=Single_Quote}}]{_JOINED})"
_LETTERS = f"{_LETTER}+(?:{_IN_WORD}{_LETTER}+)*"
_DIGITS = f"{_DIGIT}+(?:{_IN_NUMBER}{_DIGIT}+)*"
_WORD = "|".join(
    (
        f"{_CONNECTOR}*(?:(?:{_LETTERS}|{_DIGITS}|{_KATAKANA}+){_CONNECTOR}*)+",
        rf"[\p{{Han}}\p{{Hiragana}}]{_JOINED}",
        r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]+",
        rf"\p{{Emoji_Presentation}}{_JOINED}",
    )
)

_STOPWORDS = [
    "a",
    "an",
    "and",
    "are",
    "as",
    "at",
    "be",
    "but",
    "by",
    "for",
    "if",
    "in",
    "into",
    "is",
    "it",
    "no",
    "not",
    "of",
    "on",
    "or",
    "such",
    "that",
    "the",
    "their",
    "then",
    "there",
    "these",
    "they",
    "this",
    "to",
    "was",
    "will",
    "with",
]

TOKENIZERS: Mapping[str, Callable[[], tantivy.Tokenizer]] = {
    "standard": lambda: tantivy.Tokenizer.regex(_WORD),
    "whitespace": tantivy.Tokenizer.whitespace,
    "keyword": tantivy.Tokenizer.raw,
    "letter": lambda: tantivy.Tokenizer.regex(r"\p{L}+"),
    "lowercase": lambda: tantivy.Tokenizer.regex(r"\p{L}+"),
}
"""Tokenizers that an analyzer may name."""

FILTERS: Mapping[str, Callable[[], tantivy.Filter]] = {
    "lowercase": tantivy.Filter.lowercase,
    "asciifolding": tantivy.Filter.ascii_fold,
    "stop": lambda: tantivy.Filter.custom_stopword(_STOPWORDS),
    "porter_stem": lambda: tantivy.Filter.stemmer("english"),
    "stemmer": lambda: tantivy.Filter.stemmer("english"),
    "snowball": lambda: tantivy.Filter.stemmer("english"),
}
"""Token filters that an analyzer may name; the stemmers are English."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A tokenizer and its filters, by name."""

    tokenizer: str
    filters: tuple[str, ...] = ()


ANALYZERS: Mapping[str, Recipe] = {
    "standard": Recipe("standard", ("lowercase",)),
    "english": Recipe("standard", ("lowercase", "stop", "stemmer")),
    "simple": Recipe("letter", ("lowercase",)),
    "stop": Recipe("letter", ("lowercase", "stop")),
    "whitespace": Recipe("whitespace"),
    "keyword": Recipe("keyword"),
}
"""Analyzers that a mapping may name without declaring them."""

NORMALIZERS: Mapping[str, Recipe] = {"lowercase": Recipe("keyword", ("lowercase",))}
"""Normalizers that a mapping may name without declaring them."""


def build_analyzer(recipe: Recipe) -> tantivy.TextAnalyzer:
    """Make tantivy's analyzer of a recipe."""
    builder = tantivy.TextAnalyzerBuilder(TOKENIZERS[recipe.tokenizer]())
    filters = recipe.filters
    if recipe.tokenizer == "lowercase":
        filters = ("lowercase", *filters)
    for name in filters:
        builder = builder.filter(FILTERS[name]())
    return builder.build()


class Analysis:
    """The analyzers and normalizers of one index: the built-in ones and those in its settings."""

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        declared = dict(settings or {})
        own_filters = _read_filters(declared.pop("filter", {}))
        self._analyzers = dict(ANALYZERS)
        for name, options in declared.pop("analyzer", {}).items():
            self._analyzers[name] = _read_analyzer(name, options, own_filters)
        self._normalizers = dict(NORMALIZERS)
        for name, options in declared.pop("normalizer", {}).items():
            filters = _filter_names(options, own_filters)
            self._normalizers[name] = Recipe("keyword", filters)
        for section in declared:
            raise unsupported(what="analysis section", name=section)
        self._built: dict[Recipe, tantivy.TextAnalyzer] = {}

    def has_analyzer(self, name: str) -> bool:
        """Whether a mapping may name this analyzer."""
        return name in self._analyzers

    def has_normalizer(self, name: str) -> bool:
        """Whether a mapping may name this normalizer."""
        return name in self._normalizers

    def analyzer(self, name: str) -> tantivy.TextAnalyzer:
        """The analyzer of this name."""
        if name not in self._analyzers:
            raise illegal(reason=f"analyzer [{name}] not found")
        return self._build(self._analyzers[name])

    def normalize(self, name: str, text: str) -> str:
        """A keyword's value as it is indexed; without a normalizer (empty name), itself."""
        if not name:
            return text
        terms = self._build(self._normalizers[name]).analyze(text)
        return terms[0] if terms else ""

    def _build(self, recipe: Recipe) -> tantivy.TextAnalyzer:
        if recipe not in self._built:
            self._built[recipe] = build_analyzer(recipe)
        return self._built[recipe]


def _read_filters(declared: Mapping[str, Any]) -> dict[str, str]:
    names: dict[str, str] = {}
    for name, options in declared.items():
        kind = str(options.get("type", ""))
        language = options.get("language") or options.get("name") or "english"
        if kind not in FILTERS or str(language).lower() not in {"english", "porter2", "porter"}:
            raise unsupported(what="token filter", name=f"{name}: {kind} {language}".strip())
        if kind == "stop" and options.get("stopwords", "_english_") != "_english_":
            raise unsupported(what="token filter", name=f"{name}: stop with its own stopwords")
        names[name] = kind
    return names


def _filter_names(options: Mapping[str, Any], own: Mapping[str, str]) -> tuple[str, ...]:
    if options.get("char_filter"):
        raise unsupported(what="analysis option", name="char_filter")
    named = options.get("filter", ())
    names = [named] if isinstance(named, str) else list(named)
    for name in names:
        if name not in own and name not in FILTERS:
            raise unsupported(what="token filter", name=name)
    return tuple(own.get(name, name) for name in names)


def _read_analyzer(name: str, options: Mapping[str, Any], own: Mapping[str, str]) -> Recipe:
    kind = options.get("type", "custom")
    if kind in ANALYZERS and set(options) <= {"type"}:
        return ANALYZERS[kind]
    tokenizer = options.get("tokenizer", "")
    if kind != "custom" or tokenizer not in TOKENIZERS:
        raise unsupported(what="analyzer", name=f"{name}: {kind} {tokenizer}".strip())
    return Recipe(tokenizer, _filter_names(options, own))
