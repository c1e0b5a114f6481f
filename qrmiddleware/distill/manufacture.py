"""Queries manufactured from product text, without a language model.

A query names a kind of product, a brand, a line, or a kind with a brand, an attribute, a device
that it fits or a use that its description names. How often the catalogue supports a query decides
how likely it is drawn, so that short queries as of a search log's head dominate. Use and device
phrases are found behind an English "for".
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from qrmiddleware.distill.catalogue import Record, is_word, words_of
from qrmiddleware.distill.chance import dice, weighted
from qrmiddleware.distill.phrases import Floors, Types, find_types
from qrmiddleware.distill.splits import normalised_query, query_key

Template = Literal["type", "brand", "line", "brand_type", "attribute_type", "type_for", "use"]
Proposal = tuple[str, Template]

_DEVICE: Final = re.compile(
    r"\b[Ff]or(?: use with)? ((?:[A-Z0-9][\w+/-]*)(?: [A-Z0-9][\w+/-]*){0,2})"
)
_USE: Final = re.compile(
    r"\bfor ((?:[a-z][a-z'-]+ ){0,2}[a-z][a-z'-]+)(?= ?(?:[.,;:!)<]|$| (?:and|or|with|in|on|to)\b))"
)
_EMPTY_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "a all an any both each every example extra free it its more most one our some such that"
        " the their them these this those up use using you your",
    )
)
_TAG: Final = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True)
class Manufactured:
    """A query, and where it comes from.

    Attributes:
        doc_id: The first product that gave it.
        products: How many products give it.
    """

    query: str
    template: Template
    doc_id: str
    products: int


@dataclass(frozen=True, slots=True)
class Mix:
    """How queries are drawn.

    Attributes:
        templates: How much a query of each template weighs; 0 leaves a template out.
        power: A query that n products give weighs n to this power: 0 draws rare ones as often.
        brevity: Each further word divides a query's weight by this.
        longest: Words at most.
    """

    templates: Mapping[Template, float] = field(
        default_factory=lambda: {
            "type": 8.0,
            "brand": 2.0,
            "line": 0.5,
            "brand_type": 1.0,
            "attribute_type": 1.0,
            "type_for": 0.2,
            "use": 0.5,
        }
    )
    power: float = 0.5
    brevity: float = 2.5
    longest: int = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """What the leak guard left.

    Attributes:
        dropped: Number of queries that equal a held-out one.
    """

    queries: tuple[Manufactured, ...]
    dropped: int


def manufacture(
    records: Sequence[Record],
    *,
    count: int,
    seed: int,
    mix: Mix | None = None,
    floors: Floors | None = None,
) -> tuple[Manufactured, ...]:
    """Draw up to ``count`` different queries from a catalogue, likeliest ones first.

    Args:
        records: The whole catalogue: the statistics are over all of it.
        count: Fewer come where the catalogue gives no more.
        seed: The same records and seed give the same queries.
        mix: How queries are drawn.
        floors: What counts as a kind of product; lower them for a catalogue of a few hundred.
    """
    mix = mix or Mix()
    found = propose_all(records, find_types(records, floors or Floors()), floors or Floors())
    fitting = [query for query in found if len(query.query.split()) <= mix.longest]
    weights = [_weight(query, mix) for query in fitting]
    return tuple(weighted(fitting, weights, count, dice(seed)))


def refuse_overlap(
    manufactured: Iterable[Manufactured], held_out_queries: Iterable[str], *, stems: bool = True
) -> Kept:
    """Drop queries that equal a held-out one after normalisation.

    Args:
        manufactured: Their order is kept.
        held_out_queries: All queries that the student will be evaluated on.
        stems: Singular and plural count as the same query, in English.
    """
    key = query_key(stems=stems)
    held_out = {key(query) for query in held_out_queries}
    every = tuple(manufactured)
    kept = tuple(query for query in every if key(query.query) not in held_out)
    return Kept(kept, len(every) - len(kept))


def propose_all(
    records: Sequence[Record], types: Types, floors: Floors
) -> tuple[Manufactured, ...]:
    """Return every query that the catalogue gives, each once, in the order of the records."""
    attributes = usual_attributes(records, floors)
    uses = usual_uses(records, floors)
    lines = usual_lines(records, types, floors)
    brands = Counter(record.brand.casefold() for record in records)
    first: dict[str, tuple[str, Template, str]] = {}
    support: Counter[str] = Counter()
    for record in records:
        proposals = [
            *_of_type(record, types),
            *_of_brand(record, types, lines, sold=brands, floors=floors),
            *_of_attributes(record, types, attributes),
            *_of_devices(record, types, brands),
            *_of_uses(record, types, uses),
        ]
        keys = {normalised_query(query): (query, template) for query, template in proposals[::-1]}
        support.update(keys.keys())
        for key, (query, template) in keys.items():
            first.setdefault(key, (query, template, record.doc_id))
    return tuple(Manufactured(*found, support[key]) for key, found in first.items() if key)


def usual_attributes(records: Sequence[Record], floors: Floors) -> frozenset[str]:
    """Attribute values and flags that sellers put into titles or descriptions.

    "Black" is in the titles of black things, "China" is not in those of things made there: what
    sellers do not mention, buyers do not type.
    """
    with_value: Counter[str] = Counter()
    mentioned: Counter[str] = Counter()
    for record in records:
        values = _attribute_phrases(record)
        text = f" {' '.join(words_of(record.title + ' ' + record.description))} "
        with_value.update(values)
        mentioned.update(value for value in values if f" {value} " in text)
    return frozenset(
        value
        for value, count in with_value.items()
        if mentioned[value] >= max(floors.products, _MENTIONED * count)
    )


def usual_uses(records: Sequence[Record], floors: Floors) -> frozenset[str]:
    """Lower-case phrases behind "for" in the texts of enough products and brands."""
    products: Counter[str] = Counter()
    brands: defaultdict[str, set[str]] = defaultdict(set)
    for record in records:
        for use in _use_phrases(record):
            products[use] += 1
            brands[use].add(record.brand.casefold())
    return frozenset(
        use for use, n in products.items() if n >= _USES and len(brands[use]) >= floors.brands
    )


def usual_lines(records: Sequence[Record], types: Types, floors: Floors) -> frozenset[str]:
    """Words right behind a brand, in the titles of enough of its products, that are no type."""
    heads = {word for phrase in types.counts for word in phrase.split()}
    behind: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for record in records:
        words, brand = words_of(record.title), words_of(record.brand)
        there.update(set(words))
        if brand and words[: len(brand)] == brand and len(words) > len(brand):
            behind[words[len(brand)]] += 1
    return frozenset(
        word
        for word, count in behind.items()
        if count >= max(floors.products, floors.behind_brand * there[word])
        and is_word(word)
        and len(word) > _SHORT
        and word not in heads
    )


_MENTIONED: Final = 0.05  # share of the products with an attribute
_USES: Final = 2  # products; descriptions vary more than titles do
_SHORT: Final = 2  # letters


def _of_type(record: Record, types: Types) -> Iterator[Proposal]:
    for phrase in types.of_product[record.doc_id]:
        yield phrase, "type"


def _of_brand(
    record: Record, types: Types, lines: frozenset[str], *, sold: Counter[str], floors: Floors
) -> Iterator[Proposal]:
    brand = record.brand.casefold()
    if not brand or sold[brand] < floors.products:
        return
    yield brand, "brand"
    words, own = words_of(record.title), words_of(record.brand)
    line = words[len(own)] if words[: len(own)] == own and len(words) > len(own) else ""
    for phrase in types.of_product[record.doc_id]:
        yield f"{brand} {phrase}", "brand_type"
        if line in lines:
            yield f"{line} {phrase}", "line"
    if line in lines:
        yield line, "line"
        yield f"{brand} {line}", "line"


def _of_attributes(record: Record, types: Types, usual: frozenset[str]) -> Iterator[Proposal]:
    for phrase in types.of_product[record.doc_id]:
        for value in _attribute_phrases(record):
            if value in usual and not set(value.split()) & set(phrase.split()):
                yield f"{value} {phrase}", "attribute_type"


def _of_devices(record: Record, types: Types, brands: Counter[str]) -> Iterator[Proposal]:
    for device in device_phrases(record):
        first, _, rest = device.partition(" ")
        for phrase in types.of_product[record.doc_id]:
            if set(device.split()) & set(phrase.split()):
                continue
            yield f"{phrase} for {device}", "type_for"
            if rest:
                yield f"{device} {phrase}", "type_for"
            if rest and brands[first]:
                yield f"{phrase} for {first}", "type_for"


def _of_uses(record: Record, types: Types, usual: frozenset[str]) -> Iterator[Proposal]:
    for use in _use_phrases(record):
        if use not in usual:
            continue
        for phrase in types.of_product[record.doc_id]:
            if set(use.split()) & set(phrase.split()):
                continue
            yield f"{phrase} for {use}", "use"


def device_phrases(record: Record) -> list[str]:
    """Find what a product says it is for: capitalised phrases behind "for", compatible devices."""
    text = _TAG.sub(" ", f"{record.title} . {record.description}")
    found = [match.casefold() for match in _DEVICE.findall(text)]
    for key, values in record.attributes.items():
        if "compatib" in key and "system" not in key:
            found += [value.casefold() for value in values]
    named = (" ".join(device.replace("/", " ").split()[:_DEVICE_WORDS]) for device in found)
    return list(dict.fromkeys(device for device in named if _NAME.fullmatch(device)))


_DEVICE_WORDS: Final = 3
_NAME: Final = re.compile(r"(?=.*[^\W\d_])\w[\w+-]*( \w[\w+-]*)*")  # with a letter, without marks


def _use_phrases(record: Record) -> list[str]:
    text = _TAG.sub(" ", record.description)
    found: list[str] = []
    for match in _USE.findall(text):
        words = match.split()
        while words and words[0] in _EMPTY_WORDS:
            words = words[1:]
        if words and not _EMPTY_WORDS & set(words):
            found.append(" ".join(words))
    return list(dict.fromkeys(found))


def _attribute_phrases(record: Record) -> list[str]:
    values = (
        " ".join(words_of(value)) for values in record.attributes.values() for value in values
    )
    return list(dict.fromkeys(value for value in (*values, *record.flags) if _is_typed(value)))


def _is_typed(value: str) -> bool:
    """Short enough to be typed, and no bare number or mark."""
    words = value.split()
    longest = 2
    return 0 < len(words) <= longest and all(
        len(word) > 1 and word[0].isalnum() and any(map(str.isalpha, word)) for word in words
    )


def _weight(query: Manufactured, mix: Mix) -> float:
    words = len(query.query.split())
    return float(
        mix.templates.get(query.template, 0.0)
        * query.products**mix.power
        / mix.brevity ** (words - 1)
    )
