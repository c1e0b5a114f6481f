"""Products as a catalogue's documents give them, in the fields that queries are made from."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

_KEY_PREFIX: Final = re.compile(r"^[tbn]_")  # typed keys: text, flag, number
_PRODUCT_TYPES: Final = ("product type", "item type", "category")
_WORD: Final = re.compile(r"[^\W_]+(?:[-'.][^\W_]+)*\+?|[^\w\s]|_")
_SEPARATOR: Final = re.compile(r"[,;/|]|\\n")  # some feeds write line ends as two characters
_DETAIL_WORDS: Final = 4


@dataclass(frozen=True, slots=True)
class Fields:
    """Names of the fields of a catalogue's documents; one that is missing is empty."""

    doc_id: str = "id"
    title: str = "title"
    brand: str = "brand"
    product_type: str = "product_type"
    model: str = "name"
    description: str = "description"
    attributes: str = "attributes"
    """A mapping of names to values, or a list of phrases."""


@dataclass(frozen=True, slots=True)
class Record:
    """One product.

    Attributes:
        product_type: Empty where the catalogue does not say.
        attributes: Texts by name; a value that lists several, with commas, is several.
        flags: Names of what the product has, such as ``"bluetooth"``.
    """

    doc_id: str
    title: str
    brand: str = ""
    product_type: str = ""
    model: str = ""
    description: str = ""
    attributes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    flags: tuple[str, ...] = ()


def read_records(documents: Iterable[Mapping[str, Any]], fields: Fields) -> Iterator[Record]:
    """Read documents; one without an identifier or a title is left out."""
    for document in documents:
        doc_id, title = _text(document, fields.doc_id), _text(document, fields.title)
        if doc_id and title:
            attributes, flags = _attributes(document.get(fields.attributes))
            kind = _text(document, fields.product_type) or _product_type(attributes)
            yield Record(
                doc_id,
                title,
                _text(document, fields.brand),
                kind,
                _text(document, fields.model),
                _text(document, fields.description),
                attributes,
                flags,
            )


def words_of(text: str) -> list[str]:
    """Lower-case words in their order; a mark between two words is an element of its own."""
    return _WORD.findall(text.casefold())


def is_word(token: str) -> bool:
    """Tell words of letters from marks, numbers and names such as ``tn-2110``."""
    return token[0].isalpha() and not any(letter.isdigit() for letter in token)


def key_name(key: str) -> str:
    """Turn an attribute's key into words: ``t_wi_fi__standards_`` to ``wi fi standards``."""
    return " ".join(_KEY_PREFIX.sub("", key).replace("_", " ").split()).casefold()


def _text(document: Mapping[str, Any], field: str) -> str:
    value = document.get(field)
    if isinstance(value, list):
        value = value[0] if value else ""
    return " ".join(str(value).replace("\\n", " ").split()) if value is not None else ""


def _attributes(found: object) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    if isinstance(found, Mapping):
        texts = {key_name(k): _parts(v) for k, v in found.items() if isinstance(v, str)}
        flags = tuple(key_name(k) for k, v in found.items() if v is True)
        return {key: parts for key, parts in texts.items() if parts}, flags
    if isinstance(found, list):
        phrases = tuple(chain.from_iterable(map(_parts, map(str, found))))
        tails = (
            phrase.partition(" ")[2] for phrase in phrases
        )  # "colour dark red" names its value
        every = tuple(dict.fromkeys(part for part in (*phrases, *tails) if part))
        return ({"details": every} if every else {}), ()
    return {}, ()


def _parts(value: str) -> tuple[str, ...]:
    """Split a value at commas and the like; long sentences are no value."""
    parts = (" ".join(part.split()) for part in _SEPARATOR.split(value))
    return tuple(part for part in parts if part and len(part.split()) <= _DETAIL_WORDS)


def _product_type(attributes: Mapping[str, tuple[str, ...]]) -> str:
    return next((attributes[key][0] for key in _PRODUCT_TYPES if key in attributes), "")
