"""Other wordings that a catalogue itself suggests: what there is to learn from before any log.

Four policies, none of which knows a language beyond its stemmer: a word in another form that the
catalogue has (``form``), two words joined or one parted as the catalogue writes them
(``compound``), a slip of the fingers mended (``spelling``), and the kind of product that is
meant (``type``). They stand in for the previous rewriting policy whose logs BEQUE learns from;
which of their wordings find more is for a search engine to say.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Final

from qrmiddleware.distill.catalogue import Record, is_word, words_of
from qrmiddleware.distill.chance import below, dice
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import normalised_query

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

    Vectors = NDArray[float32]

FORM: Final = "catalogue:form"
COMPOUND: Final = "catalogue:compound"
SPELLING: Final = "catalogue:spelling"
TYPE: Final = "catalogue:type"
_LEAST_LETTERS: Final = 3
"""Of a word's part, and of a word that is misspelt."""


@dataclass(frozen=True, slots=True)
class Usage:
    """How much a catalogue must say for a wording.

    Attributes:
        products: Whose texts have a word, before it is proposed.
        longest: Words of a query that are looked at; later ones stay as they are.
        slips: Misspellings that are made of each query.
        nearest: Kinds of product that are proposed for each query …
        nearness: … if their cosine with it is at least this.
    """

    products: int = 3
    longest: int = 6
    slips: int = 1
    nearest: int = 2
    nearness: float = 0.5


class Lexicon:
    """The words of a catalogue: in how many products they stand, and which are forms of one.

    Args:
        records: All products: their titles, descriptions and kinds are read.
        language: Of the Snowball stemmer.

    Raises:
        KeyError: If there is no stemmer of this language.
    """

    def __init__(self, records: Iterable[Record], *, language: str = "english") -> None:
        from snowballstemmer import stemmer  # noqa: PLC0415 only training needs it

        self._stem = stemmer(language).stemWord
        self.counts: Counter[str] = Counter()
        for record in records:
            text = f"{record.title} {record.description} {record.product_type}"
            self.counts.update(set(words_of(text)))
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)
        for word, _ in sorted(self.counts.items(), key=lambda each: (-each[1], each[0])):
            if word.isalpha():
                self._by_stem[self._stem(word)].append(word)

    def forms(self, word: str, *, least: int) -> Iterator[str]:
        """Yield other words of the same stem that so many products have, most frequent first."""
        if not word.isalpha() or len(word) < _LEAST_LETTERS:
            return
        for other in self._by_stem.get(self._stem(word), ()):
            if other != word and self.counts[other] >= least:
                yield other

    def parted(self, word: str, *, least: int) -> Iterator[str]:
        """Yield the word as two, where each half is more usual than the whole."""
        most = self.counts[word]
        for end in range(_LEAST_LETTERS, len(word) - _LEAST_LETTERS + 1):
            first, second = word[:end], word[end:]
            if min(self.counts[first], self.counts[second]) >= max(least, most + 1):
                yield f"{first} {second}"

    def joined(self, first: str, second: str, *, least: int) -> Iterator[str]:
        """Yield two words as one, if so many products have it."""
        if self.counts[first + second] >= least:
            yield first + second


def wordings(
    queries: Iterable[str], lexicon: Lexicon, usage: Usage, *, seed: int
) -> Iterator[RewritePair]:
    """Propose wordings of queries, word by word: forms, compounds, and mended slips.

    A slip is the only pair whose query is not the given one: that is the rewrite.

    Args:
        queries: Manufactured, or from a log.
        lexicon: Of the catalogue.
        usage: What it must say.
        seed: Of the slips.
    """
    for query in queries:
        words = words_of(query)[: usage.longest]
        for source, found in ((FORM, _forms), (COMPOUND, _compounds)):
            for other in dict.fromkeys(found(words, lexicon, usage)):
                yield RewritePair(query=query, rewrite=other, source=source)
        rng = dice(seed, "slip", query)
        for _ in range(usage.slips):
            if slipped := _slipped(words, lexicon, rng):
                yield RewritePair(query=slipped, rewrite=" ".join(words), source=SPELLING)


def _forms(words: Sequence[str], lexicon: Lexicon, usage: Usage) -> Iterator[str]:
    for place, word in enumerate(words):
        for other in lexicon.forms(word, least=usage.products):
            yield _with(words, place, place + 1, other)


def _compounds(words: Sequence[str], lexicon: Lexicon, usage: Usage) -> Iterator[str]:
    for place, word in enumerate(words):
        for other in lexicon.parted(word, least=usage.products):
            yield _with(words, place, place + 1, other)
        if place:
            for other in lexicon.joined(words[place - 1], word, least=usage.products):
                yield _with(words, place - 1, place + 1, other)


def _with(words: Sequence[str], start: int, end: int, other: str) -> str:
    return " ".join((*words[:start], other, *words[end:]))


def _slipped(words: Sequence[str], lexicon: Lexicon, rng: Random) -> str:
    """Misspell one word; empty if no word is long enough, or what came out is a word."""
    places = [n for n, word in enumerate(words) if is_word(word) and len(word) > _LEAST_LETTERS]
    if not places:
        return ""
    place = places[below(len(places), rng)]
    slip = _slip(words[place], rng)
    return "" if lexicon.counts[slip] else _with(words, place, place + 1, slip)


def _slip(word: str, rng: Random) -> str:
    """Leave a letter out, double it, swap it with the next, or strike the key beside it.

    All four are drawn alike; the first letter stays, as it mostly does where people type.
    """
    at = 1 + below(len(word) - 1, rng)
    before, letter, after = word[:at], word[at], word[at + 1 :]
    beside = _BESIDE.get(letter, letter)
    slips = (
        before + after,
        before + letter + letter + after,
        before + after[:1] + letter + after[1:],
        before + beside[below(len(beside), rng)] + after,
    )
    return slips[below(len(slips), rng)]


_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE: Final[Mapping[str, str]] = {
    letter: row[max(place - 1, 0) : place] + row[place + 1 : place + 2]
    for row in _ROWS
    for place, letter in enumerate(row)
}


def types_meant(
    queries: Sequence[str],
    types: Sequence[str],
    vectors: "tuple[Vectors, Vectors]",
    usage: Usage,
) -> Iterator[RewritePair]:
    """Propose the kinds of product whose names lie nearest to a query.

    A kind whose words the query has already is none to propose.

    Args:
        queries: As typed.
        types: Names of kinds.
        vectors: Of queries and of types, of length 1, shape (queries, width) and (types, width).
        usage: How many, and how near.
    """
    asked, known = vectors
    for query, near in zip(queries, asked @ known.T, strict=True):
        said = set(normalised_query(query).split())
        fitting = (
            types[place]
            for place in (-near).argsort()
            if near[place] >= usage.nearness and not set(types[place].split()) <= said
        )
        for _, name in zip(range(usage.nearest), fitting, strict=False):
            yield RewritePair(query=query, rewrite=name, source=TYPE)
