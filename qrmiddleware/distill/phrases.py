"""Finds what kinds of products a catalogue holds, in its titles' statistics.

Nothing here knows a product or a language: a type phrase is one that many products of several
brands share, that stands before the values of a title and not among them, and that the words
around it do not make longer.
"""

from collections import Counter, defaultdict
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from qrmiddleware.distill.catalogue import Record, is_word, words_of

LONGEST: Final = 3  # words of a phrase
_READ: Final = 60  # words of a title or description: what comes later is no product's kind
_STOPS: Final = frozenset(
    words_of(
        "a an and at by for from in of on or over the to under via w with without per incl plus"
        " und für de du et avec pour"
    )
)


@dataclass(frozen=True, slots=True)
class Floors:
    """What a phrase must reach to count as a kind of product.

    Attributes:
        products: That have it in their title.
        brands: Among these products.
        ends: Share of its occurrences after which no word follows that could belong to it: a
            modifier such as "patch" in "patch cable" has few.
        one_brand: Share of the products, at most, that are of one brand.
        behind_brand: Share of its occurrences, at most, that follow the brand at once: names of
            lines such as "laserjet" do.
        leads: Share of its titles in which no other candidate stands before it, but for words
            between them: values such as "windows" in "notebook 15 inch windows" have few.
        wins: Share of its titles in which no more frequent candidate stands elsewhere: modifiers
            such as "hi-speed" in "hi-speed usb cable" have few.
        alone: Share of its occurrences that are not the end of a longer type: "supply" has few.
        values: Share of its products, at most, that give it as an attribute's value: "black".
    """

    products: int = 5
    brands: int = 2
    ends: float = 0.3
    one_brand: float = 0.97
    behind_brand: float = 0.5
    leads: float = 0.4
    wins: float = 0.4
    alone: float = 0.1
    values: float = 0.3


@dataclass(frozen=True, slots=True)
class Title:
    """A title as statistics see it.

    Attributes:
        words: Lower-case words, marks and numbers.
        free: True where a word may be part of a type: no brand, model, number, unit or mark.
    """

    record: Record
    words: tuple[str, ...]
    free: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Types:
    """The kinds of products that were found.

    Attributes:
        counts: Products by type phrase.
        of_product: Type phrases of a product by ``doc_id``, the most telling one first.
    """

    counts: Mapping[str, int]
    of_product: Mapping[str, tuple[str, ...]]


def find_types(records: Sequence[Record], floors: Floors) -> Types:
    """Find the type phrases of a catalogue and which product has which.

    Types that the catalogue gives itself are taken as they are, and looked for in other titles.
    """
    brands = brand_words(records)
    values = value_words(records, floors)
    titles = [read_title(record, brands | values) for record in records]
    given = _given(records, floors)
    found = _candidates(titles, floors)
    found = _leading(titles, found, floors)
    found = _winning(titles, found | given, floors) | given
    counts = _standing_alone(titles, found)
    of_product = {
        title.record.doc_id: _types_of(title, counts)
        or _types_of(read_title(title.record, brands | values, field="description"), counts)
        for title in titles
    }
    named = Counter(phrase for phrases in of_product.values() for phrase in phrases)
    kept = {
        phrase: count
        for phrase, count in named.items()
        if count >= floors.products and (phrase in given or counts[phrase] >= floors.alone * count)
    }
    return Types(
        kept,
        {
            doc_id: tuple(phrase for phrase in phrases if phrase in kept)
            for doc_id, phrases in of_product.items()
        },
    )


def value_words(records: Sequence[Record], floors: Floors) -> frozenset[str]:
    """Words that are an attribute's whole value for many products with them in the title."""
    there: Counter[str] = Counter()
    as_value: Counter[str] = Counter()
    for record in records:
        words = set(words_of(record.title))
        there.update(words)
        as_value.update(words & _values(record))
    return frozenset(
        word
        for word, count in as_value.items()
        if count >= floors.products and count > floors.values * there[word]
    )


def read_title(
    record: Record, taken: frozenset[str], *, field: Literal["title", "description"] = "title"
) -> Title:
    """Mark which words of a text may be part of a type; ``taken`` are brands and values."""
    words = tuple(words_of(getattr(record, field))[:_READ])
    own = set(words_of(record.brand))
    model = _model_words(record)
    free = tuple(
        is_word(word)
        and len(word) > 1
        and word not in own
        and word not in taken
        and word not in model
        and not _is_unit(words, place)
        for place, word in enumerate(words)
    )
    return Title(record, words, free)


def brand_words(records: Sequence[Record]) -> frozenset[str]:
    """Brands of one word, but for those that are a common word in other brands' titles."""
    sold = Counter(record.brand.casefold() for record in records if record.brand)
    single = {brand for brand in sold if len(words_of(brand)) == 1}
    elsewhere: Counter[str] = Counter()
    for record in records:
        own = record.brand.casefold()
        elsewhere.update(single & set(words_of(record.title)) - {own})
    return frozenset(brand for brand in single if elsewhere[brand] <= 10 * sold[brand])


def spans(title: Title) -> Iterator[tuple[int, int]]:
    """Yield where phrases of free words begin and end; stop words may stand in neither place."""
    for start in range(len(title.words)):
        for end in range(start + 1, min(start + LONGEST, len(title.words)) + 1):
            if not title.free[end - 1]:
                break
            if title.words[start] in _STOPS or title.words[end - 1] in _STOPS:
                continue
            if not _STOPS.isdisjoint(title.words[start:end]):
                continue
            yield start, end


def text_of(title: Title, span: tuple[int, int]) -> str:
    """Return a span's words."""
    return " ".join(title.words[slice(*span)])


def _given(records: Sequence[Record], floors: Floors) -> set[str]:
    kinds = Counter(" ".join(words_of(record.product_type)) for record in records)
    return {
        kind
        for kind, count in kinds.items()
        if count >= floors.products
        and 0 < len(kind.split()) <= LONGEST
        and all(is_word(word) for word in kind.split())
    }


@dataclass(slots=True)
class _Tally:
    products: int = 0
    seen: int = 0
    ends: int = 0
    behind_brand: int = 0
    as_value: int = 0


def _candidates(titles: Sequence[Title], floors: Floors) -> set[str]:
    """Phrases of enough products and brands that end where a type may end."""
    tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
    brands: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for title in titles:
        values = _values(title.record)
        found: set[str] = set()
        for start, end in spans(title):
            phrase = text_of(title, (start, end))
            tally = tallies[phrase]
            tally.seen += 1
            tally.ends += _may_end(title, end, values)
            tally.behind_brand += start == len(words_of(title.record.brand))
            found.add(phrase)
        for phrase in found:
            tallies[phrase].products += 1
            tallies[phrase].as_value += phrase in values
            brands[phrase][title.record.brand.casefold()] += 1
    return {
        phrase
        for phrase, tally in tallies.items()
        if tally.products >= floors.products
        and len(brands[phrase]) >= floors.brands
        and max(brands[phrase].values()) <= floors.one_brand * tally.products
        and tally.ends >= floors.ends * tally.seen
        and tally.behind_brand <= floors.behind_brand * tally.seen
        and tally.as_value <= floors.values * tally.products
    }


def _leading(titles: Sequence[Title], found: set[str], floors: Floors) -> set[str]:
    """Drop phrases that mostly stand behind another candidate."""
    first: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for title in titles:
        occurring = [(span, text_of(title, span)) for span in spans(title)]
        occurring = [(span, phrase) for span, phrase in occurring if phrase in found]
        if not occurring:
            continue
        earliest = min(end for (_, end), _ in occurring)
        while earliest < len(title.words) and title.free[earliest]:
            earliest += 1
        there.update({phrase for _, phrase in occurring})
        first.update({phrase for (start, _), phrase in occurring if start < earliest})
    return {phrase for phrase in found if first[phrase] >= floors.leads * there[phrase]}


def _winning(titles: Sequence[Title], found: set[str], floors: Floors) -> set[str]:
    """Drop words that mostly stand beside a more frequent one, the clearest cases first.

    A longer phrase stands and falls with its last word, its head.
    """
    heads = {phrase for phrase in found if " " not in phrase}
    per_title = [{title.words[end - 1] for end in _head_ends(title, heads)} for title in titles]
    for part in (0.25, 0.5, 0.75, 1.0):
        there = Counter(word for words in per_title for word in words & heads)
        best = Counter(
            max(words & heads, key=lambda word: (there[word], word))
            for words in per_title
            if words & heads
        )
        heads = {word for word in heads if best[word] >= part * floors.wins * there[word]}
    return {phrase for phrase in found if phrase.split()[-1] in heads}


def _head_ends(title: Title, heads: Container[str]) -> list[int]:
    """Return the places behind heads; of heads in a row, as in "printer drum", the last."""
    places = [n for n, word in enumerate(title.words) if title.free[n] and word in heads]
    return [n + 1 for n in places if n + 1 not in places]


def _standing_alone(titles: Sequence[Title], found: set[str]) -> dict[str, int]:
    """Count each phrase's occurrences that are not the end of a longer phrase."""
    alone = dict.fromkeys(found, 0)
    for title in titles:
        longest: dict[int, tuple[int, int]] = {}
        for span in spans(title):
            if text_of(title, span) in found:
                longest.setdefault(span[1], span)  # the leftmost start comes first
        for span in longest.values():
            alone[text_of(title, span)] += 1
    return alone


def _types_of(title: Title, counts: Mapping[str, int]) -> tuple[str, ...]:
    """The given type, then the phrases, longest first, that end in the most frequent word."""
    given = " ".join(words_of(title.record.product_type))
    found = [given] if given in counts else []
    there = [span for span in spans(title) if text_of(title, span) in counts]
    if there:
        end = max(
            _head_ends(title, counts) or [end for _, end in there],
            key=lambda end: (counts.get(title.words[end - 1], 0), -end),
        )
        found += [text_of(title, span) for span in sorted(there) if span[1] == end]
    return tuple(dict.fromkeys(found))


def _may_end(title: Title, end: int, values: frozenset[str]) -> bool:
    """Nothing follows that could belong to the phrase: the title's end, a mark, a value."""
    if end == len(title.words):
        return True
    following = title.words[end]
    return not title.free[end] or following in _STOPS or following in values


def _values(record: Record) -> frozenset[str]:
    """Attribute values of a product, in words, and their single words."""
    phrases = {
        " ".join(words_of(value)) for values in record.attributes.values() for value in values
    }
    given = " ".join(words_of(record.product_type))
    return frozenset(phrases - {given})


def _model_words(record: Record) -> frozenset[str]:
    """Words of a model's name, where it is a name and not a description of the product."""
    words = words_of(record.model)
    return frozenset(words) if len(words) < LONGEST else frozenset()


def _is_unit(words: Sequence[str], place: int) -> bool:
    """A short word right behind a number."""
    longest_unit = 5
    return (
        place > 0
        and words[place - 1][0].isdigit()
        and words[place - 1][-1].isdigit()
        and len(words[place]) <= longest_unit
    )
