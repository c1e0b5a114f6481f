"""What must never be used as a rewrite: in training data, in tables, and of generators alike."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal, TypeAlias, get_args

from qrmiddleware.distill.rewriting.talk import speaks
from qrmiddleware.pipeline.admission import lost_identifier

Reason: TypeAlias = Literal[
    "empty",
    "echo",
    "repeat",
    "too long",
    "control characters",
    "talk",
    "markup",
    "another script",
    "another language",
    "repeated words",
    "loses an identifier",
    "adds an identifier",
    "changes the brand",
]
"""Why a rewrite is refused, in the order in which it is looked at."""

REASONS: Final[tuple[str, ...]] = get_args(Reason)

_WORD: Final = re.compile(r"\w+(?:[-'\u2019.]\w+)*")
_JOINERS: Final = frozenset("\u200c\u200d")
"""Invisible, and part of how words are written in Persian and in Indian languages."""

_FUNCTION_WORDS: Final[Mapping[str, str]] = {
    "en": "for with without from",
    "de": "für mit und ohne zum zur",
    "fr": "avec sans et en",
    "es": "para con por del en",
    "it": "con senza della gli",
    "pt": "para com sem por",
    "nl": "voor zonder en",
    "pl": "dla bez",
    "tr": "ve için ile",
    "sv": "för och utan",
}
"""Few, and none that is a product, a brand or a word of another of these languages' shops: of
short queries nothing finer is certain."""


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """What is asked of rewrites.

    Attributes:
        max_characters: Of a rewrite.
        max_words: Of a rewrite.
        max_growth: How many times as long as the query a rewrite may be, in words.
        free_words: So many are allowed however short the query is.
        scripts: Allowed whatever the query is written in, as Unicode calls them: ``LATIN``.
        language: Of the catalogue, such as ``en``: then a rewrite in another one is refused
            even if the query does not tell its own.
        brands: Of the catalogue. A rewrite keeps those that the query names, and adds none.
        new_brands: A rewrite may name a brand where the query names none.
        new_identifiers: A rewrite may hold an article number that the query does not.

    Raises:
        ValueError: If a bound is below 1.
    """

    max_characters: int = 120
    max_words: int = 16
    max_growth: float = 4.0
    free_words: int = 6
    scripts: frozenset[str] = frozenset()
    language: str = ""
    brands: AbstractSet[str] = field(default_factory=frozenset[str])
    new_brands: bool = True
    new_identifiers: bool = False

    def __post_init__(self) -> None:
        bounds = (self.max_characters, self.max_words, self.max_growth, self.free_words)
        if min(bounds) < 1:
            message = "max_characters, max_words, max_growth and free_words are 1 at least"
            raise ValueError(message)
        if self.language and self.language not in _FUNCTION_WORDS:
            known = ", ".join(_FUNCTION_WORDS)
            message = f"language {self.language!r} is none that is told apart: {known}"
            raise ValueError(message)


@dataclass(frozen=True, slots=True)
class Sifted:
    """Rewrites of one query after the guards.

    Attributes:
        kept: In their order.
        refused: The others, with the reason of each.
    """

    kept: tuple[str, ...]
    refused: tuple[tuple[str, Reason], ...]

    @property
    def reasons(self) -> Counter[str]:
        """How many were refused for which reason."""
        return Counter(reason for _, reason in self.refused)


DEFAULT_GUARDS: Final = GuardOptions()


def same_query(text: str) -> str:
    """Return what spellings of one query share: NFKC, case folded, single blanks.

    It is the key of a rewrite table, too.
    """
    for _ in range(4):  # two suffice for every assigned character
        folded = unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode()).casefold()
        folded = " ".join(folded.split())
        if folded == text:
            break
        text = folded
    return text


def objection(
    query: str,
    rewrite: str,
    options: GuardOptions = DEFAULT_GUARDS,
    *,
    taken: Collection[str] = (),
) -> Reason | Literal[""]:
    """Say why a rewrite must not be used; empty if nothing speaks against it.

    What stands in the query itself is not held against a rewrite: users may search for markup,
    and ask for what sounds like an instruction.

    Args:
        query: As the user typed it.
        rewrite: Proposed for it.
        options: What is asked.
        taken: Rewrites of this query that are used already, as ``same_query`` has them.
    """
    key = same_query(rewrite)
    if not any(character.isalnum() for character in key):
        return "empty"
    if key == same_query(query):
        return "echo"
    if key in taken:
        return "repeat"
    return next(
        (reason for reason, objects in _GUARDS.items() if objects(query, rewrite, options)), ""
    )


def sift(query: str, rewrites: Iterable[str], options: GuardOptions = DEFAULT_GUARDS) -> Sifted:
    """Part the rewrites of a query into those that may be used and those that must not.

    For example, ``sift("garden hoze", ["garden hose", "Garden Hose", "Sure! garden hose"])`` keeps
    the first; the others are a repeat, and talk.
    """
    kept: dict[str, str] = {}
    refused: list[tuple[str, Reason]] = []
    for rewrite in rewrites:
        reason = objection(query, rewrite, options, taken=kept)
        if reason:
            refused.append((rewrite, reason))
        else:
            kept[same_query(rewrite)] = rewrite
    return Sifted(tuple(kept.values()), tuple(refused))


def _too_long(query: str, rewrite: str, options: GuardOptions) -> bool:
    if len(rewrite) > options.max_characters:
        return True
    count = len(_words(rewrite))
    allowed = max(options.free_words, options.max_growth * len(_words(query)))
    return count > min(options.max_words, allowed)


def _has_controls(query: str, rewrite: str, _: GuardOptions) -> bool:
    return not _controls(rewrite) <= _controls(query)


def _controls(text: str) -> frozenset[str]:
    """Return what is neither seen nor a blank: controls, half characters, direction marks."""
    return frozenset(
        character
        for character in text
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        and character not in _JOINERS
    )


def _in_another_script(query: str, rewrite: str, options: GuardOptions) -> bool:
    typed = _scripts(query)
    return bool(typed) and not _scripts(rewrite) <= typed | options.scripts


def _scripts(text: str) -> frozenset[str]:
    return frozenset(
        script
        for character in unicodedata.normalize("NFKC", text)
        if character.isalpha() and (script := _script(character))
    )


def _script(letter: str) -> str:
    """Return the script of a letter by its name; Japanese and Chinese signs count as one."""
    first = unicodedata.name(letter, "").partition(" ")[0].partition("-")[0]
    if first in {"MODIFIER", "FEMININE", "MASCULINE", "MICRO"}:
        return ""
    return "CJK" if first in {"CJK", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC", "BOPOMOFO"} else first


def _in_another_language(query: str, rewrite: str, options: GuardOptions) -> bool:
    wanted = {options.language} if options.language else set[str]()
    known = _languages(query) | wanted
    told = _languages(rewrite)
    return bool(known and told) and not known & told


def _languages(text: str) -> set[str]:
    words = {word.casefold() for word in _words(text)}
    return {name for name, line in _FUNCTION_WORDS.items() if words & set(line.split())}


def _repeats_words(query: str, rewrite: str, _: GuardOptions) -> bool:
    words = [word.casefold() for word in _words(rewrite)]
    typed = Counter(word.casefold() for word in _words(query))
    count = Counter(words)
    more = sum(max(0, times - max(1, typed[word])) for word, times in count.items())
    thrice = any(times > max(2, typed[word]) for word, times in count.items())
    stutters = any(one == two and typed[one] < count[one] for one, two in pairwise(words))
    return thrice or stutters or (more > 1 and 3 * more >= len(words))


def _loses_identifier(query: str, rewrite: str, _: GuardOptions) -> bool:
    return bool(lost_identifier(query, rewrite))


def _adds_identifier(query: str, rewrite: str, options: GuardOptions) -> bool:
    return not options.new_identifiers and bool(lost_identifier(rewrite, query))


def _changes_brand(query: str, rewrite: str, options: GuardOptions) -> bool:
    if not options.brands:
        return False
    typed = named_brands(query, options.brands)
    named = named_brands(rewrite, options.brands)
    return typed != named and not (options.new_brands and not typed)


def named_brands(text: str, brands: AbstractSet[str]) -> frozenset[str]:
    """Return the brands that a text names, as ``same_query`` has them; the longest of each place.

    Args:
        text: A query or rewrite.
        brands: As ``catalogue_brands`` returns them.
    """
    words = _words(same_query(text))
    found: list[str] = []
    place = 0
    while place < len(words):
        named = (
            (count, " ".join(words[place : place + count]))
            for count in range(min(_LONGEST_BRAND, len(words) - place), 0, -1)
        )
        count, brand = next(((n, name) for n, name in named if name in brands), (1, ""))
        found += [brand] if brand else []
        place += count
    return frozenset(found)


_LONGEST_BRAND: Final = 5
"""Words; hardly a brand has more."""


def catalogue_brands(names: Iterable[str]) -> frozenset[str]:
    """Return brands in the form that guards compare them in; empty ones are left out."""
    told = (" ".join(_words(same_query(name))) for name in names)
    return frozenset(name for name in told if name)


def _words(text: str) -> Sequence[str]:
    return _WORD.findall(text)


_Guard: TypeAlias = Callable[[str, str, GuardOptions], bool]


def _guards() -> Iterator[tuple[Reason, _Guard]]:
    yield "too long", _too_long
    yield "control characters", _has_controls
    yield "talk", lambda query, rewrite, _: speaks("talk", query, rewrite)
    yield "markup", lambda query, rewrite, _: speaks("markup", query, rewrite)
    yield "another script", _in_another_script
    yield "another language", _in_another_language
    yield "repeated words", _repeats_words
    yield "loses an identifier", _loses_identifier
    yield "adds an identifier", _adds_identifier
    yield "changes the brand", _changes_brand


_GUARDS: Final[Mapping[Reason, _Guard]] = dict(_guards())
