"""What the demo's shop knows: its product types, and the words that its shoppers use instead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Literal, TypeAlias, cast

import yaml

Remedy: TypeAlias = Literal["rules", "table", "unsolved"]
"""Who knows a shopper's word: the rules, the rewrite table, or nobody."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """Values that products of a type may have.

    Attributes:
        forms: By canonical value, the ways in which suppliers write it.
        several: A product has a run of neighbouring values, such as sizes, not just one.
        family_of: The values are the families of another type, such as the phones a case fits.
    """

    forms: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    several: bool = False
    family_of: str = ""


@dataclass(frozen=True, slots=True)
class ProductType:
    """One kind of product, with what suppliers write and shoppers say about it.

    Attributes:
        key: Unique name, such as ``"phone_case"``.
        noun: The word that the catalogue uses.
        also: Shorter words for it that the catalogue contains too.
        products: How many of them the shop sells.
        titles: Patterns; ``{brand}``, ``{line}`` and attribute names are filled in.
        describes: Sentences about the type, with the same gaps to fill.
        remarks: Sentences that every product of the department may carry.
        shoppers_say: Words that the catalogue does not use for it, and who solves them.
        substitutes: Types that would do instead.
        accessory_of: Types that it belongs to and cannot replace.
    """

    key: str
    department: str
    category: str
    noun: str
    products: int
    price: tuple[float, float]
    brands: tuple[str, ...]
    lines: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    titles: tuple[str, ...]
    describes: tuple[str, ...]
    remarks: tuple[str, ...]
    also: tuple[str, ...] = ()
    shoppers_say: Mapping[str, Remedy] = field(default_factory=dict[str, Remedy])
    substitutes: tuple[str, ...] = ()
    accessory_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenQuery:
    """A search written by hand.

    Attributes:
        kind: Section it stands in, such as ``"tail"``.
        types: Keys of the types that answer it.
        want: Canonical attribute values asked for; ``brand`` counts as an attribute.
    """

    text: str
    kind: str
    types: tuple[str, ...]
    want: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Everything the shop is made from.

    Attributes:
        types: By key, in the order in which their products are numbered.
        noise: Words that people type and no product carries.
        misspellings: By correct word, as typed, and who mends it.
        queries: The searches written by hand.
    """

    types: Mapping[str, ProductType]
    noise: tuple[str, ...]
    misspellings: Mapping[str, Mapping[str, Remedy]]
    queries: tuple[WrittenQuery, ...]


def load_vocabulary() -> Vocabulary:
    """Read the vocabulary that ships with the package."""
    folder = resources.files(__package__) / "words"
    shop = _read(folder / "_shop.yaml")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    types: dict[str, ProductType] = {}
    for name in names:
        if not name.startswith("_"):
            types |= _department(_read(folder / name), shop["lists"])
    return Vocabulary(
        types=types,
        noise=tuple(shop["noise"]),
        misspellings=shop["misspellings"],
        queries=_written(_read(folder / "_queries.yaml")),
    )


def _read(file: Traversable) -> dict[str, Any]:
    return cast("dict[str, Any]", yaml.safe_load(file.read_text(encoding="utf-8")))


def _department(data: dict[str, Any], lists: dict[str, list[str]]) -> dict[str, ProductType]:
    return {key: _product_type(key, spec, data, lists) for key, spec in data["types"].items()}


def _product_type(
    key: str, spec: dict[str, Any], department: dict[str, Any], lists: dict[str, list[str]]
) -> ProductType:
    low, high = spec["price"]
    return ProductType(
        key=key,
        department=department["department"],
        category=spec["category"],
        noun=spec["noun"],
        products=spec["products"],
        price=(float(low), float(high)),
        brands=tuple(department["brands"]),
        lines=tuple(department["lines"]),
        attributes={name: _attribute(value, lists) for name, value in spec["attributes"].items()},
        titles=tuple(spec["titles"]),
        describes=tuple(spec["describes"]),
        remarks=tuple(department["remarks"]),
        also=tuple(spec.get("also", ())),
        shoppers_say=spec.get("shoppers_say", {}),
        substitutes=tuple(spec.get("substitutes", ())),
        accessory_of=tuple(spec.get("accessory_of", ())),
    )


def _attribute(value: str | list[str] | dict[str, Any], lists: dict[str, list[str]]) -> Attribute:
    match value:
        case str():
            return _attribute(lists[value.removeprefix("$")], lists)
        case list():
            return Attribute(forms={entry: (entry,) for entry in value})
        case {"several": values}:
            return Attribute(forms={entry: (entry,) for entry in values}, several=True)
        case {"family_of": key}:
            return Attribute(family_of=key)
        case _:
            return Attribute(forms={name: tuple(forms) for name, forms in value["forms"].items()})


def _written(sections: dict[str, list[dict[str, Any]]]) -> tuple[WrittenQuery, ...]:
    return tuple(
        WrittenQuery(entry["q"], kind, tuple(entry["types"]), entry["want"])
        for kind, entries in sections.items()
        for entry in entries
    )
