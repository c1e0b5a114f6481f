"""Makes the demo's products: thousands of them, and the same ones every time."""

import json
import math
import random
import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from qrmiddleware.demo.vocabulary import Attribute, ProductType, Vocabulary

T = TypeVar("T")

SEED = 20_250_901
IN_STORE_EAN_PREFIX = "29"  # GS1 leaves it to shops for their own use: no product on sale has it


@dataclass(frozen=True, slots=True)
class Product:
    """One thing on sale.

    Attributes:
        product_id: The document's ``_id``, such as ``"P00042"``.
        type: Key of its product type; graded by, never indexed as text.
        family: Brand and line, shared by variants; what accessories say they fit.
        attributes: Canonical values by name, ``brand`` and ``fits`` among them.
        details: The same as the supplier wrote them, such as ``"capacity 1000 ml"``.
    """

    product_id: str
    type: str
    title: str
    brand: str
    family: str
    department: str
    category: str
    description: str
    attributes: Mapping[str, tuple[str, ...]]
    details: tuple[str, ...]
    sku: str
    ean: str
    model: str
    price: float
    rating: float
    reviews: int

    def document(self) -> dict[str, Any]:
        """Return what is indexed."""
        return {
            "title": self.title,
            "brand": self.brand,
            "department": self.department,
            "category": self.category,
            "category_id": self.type,
            "description": self.description,
            "details": list(self.details),
            "identifiers": [self.sku, self.ean, self.model],
            "price": self.price,
            "rating": self.rating,
            "reviews": self.reviews,
        }


class Dice:
    """Seeded chance, from ``random()`` alone: the one sequence Python promises to keep."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - repeatable on purpose

    def below(self, limit: int) -> int:
        """Return an integer from 0 to ``limit`` - 1."""
        return int(self._random() * limit)

    def pick(self, values: Sequence[T]) -> T:
        """Return one of the values."""
        return values[self.below(len(values))]

    def sample(self, values: Sequence[T], count: int) -> tuple[T, ...]:
        """Return ``count`` different values in a random order, or all if there are fewer."""
        rest = list(values)
        return tuple(rest.pop(self.below(len(rest))) for _ in range(min(count, len(rest))))

    def unit(self) -> float:
        """Return a number from 0 to 1."""
        return self._random()


def build_catalogue(vocabulary: Vocabulary, *, seed: int = SEED) -> tuple[Product, ...]:
    """Make every product of the shop.

    Returns:
        The products by ``product_id``; the same seed gives the same products on every machine.
    """
    dice = Dice(seed)
    products: list[Product] = []
    families: dict[str, list[str]] = {}
    for kind in _accessories_last(vocabulary.types.values()):
        models: dict[str, str] = {}
        for _ in range(kind.products):
            product = _make(kind, len(products), dice, families, models)
            products.append(product)
            families.setdefault(kind.key, []).append(product.family)
    return tuple(products)


def write_products(file: Path, products: Iterable[Product]) -> None:
    """Write a line for each product: its ``id``, and what is indexed."""
    with file.open("w", encoding="utf-8", newline="\n") as lines:
        for product in products:
            row = {"id": product.product_id, **product.document()}
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def _accessories_last(types: Iterable[ProductType]) -> list[ProductType]:
    return sorted(types, key=lambda kind: bool(kind.accessory_of))


def _make(
    kind: ProductType,
    number: int,
    dice: Dice,
    families: Mapping[str, Sequence[str]],
    models: dict[str, str],
) -> Product:
    brand, line = dice.pick(kind.brands), dice.pick(kind.lines)
    chosen = {name: _choose(spec, dice, families) for name, spec in kind.attributes.items()}
    words = {name: _spoken(written) for name, (_, written) in chosen.items()}
    words |= {"brand": brand, "line": line}
    title = dice.pick(kind.titles).format_map(words)
    family = f"{brand} {line}"
    model = models.setdefault(family, _model_code(family, dice))
    return Product(
        product_id=f"P{number:05d}",
        type=kind.key,
        title=title[0].upper() + title[1:],
        brand=brand,
        family=family,
        department=kind.department,
        category=kind.category,
        description=_describe(kind, words, dice),
        attributes={name: values for name, (values, _) in chosen.items()} | {"brand": (brand,)},
        details=tuple(_detail(name, written) for name, (_, written) in chosen.items()),
        sku=f"{model}-{number:05d}",
        ean=_ean(number, dice),
        model=model,
        price=_price(kind.price, dice),
        rating=round(5 - 2 * dice.unit() ** 2, 1),
        reviews=int(math.exp(7 * dice.unit())) - 1,
    )


def _choose(
    spec: Attribute, dice: Dice, families: Mapping[str, Sequence[str]]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return canonical values and how this supplier writes them."""
    if spec.family_of:
        family = dice.pick(families[spec.family_of])
        return (family,), (family,)
    values = tuple(spec.forms)
    if spec.several:
        start = dice.below(len(values) - 2)
        run = values[start : start + 3 + dice.below(3)]
        return run, run
    value = dice.pick(values)
    return (value,), (dice.pick(spec.forms[value]),)


def _spoken(written: tuple[str, ...]) -> str:
    return written[0] if len(written) == 1 else f"{written[0]} to {written[-1]}"


def _detail(name: str, written: tuple[str, ...]) -> str:
    text = " ".join(written)
    return text if text.startswith(name) else f"{name} {text}"


def _describe(kind: ProductType, words: Mapping[str, str], dice: Dice) -> str:
    about = dice.sample(kind.describes, 2 + dice.below(2))
    remark = dice.sample(kind.remarks, dice.below(2))
    return " ".join(sentence.format_map(words) for sentence in (*about, *remark))


def _model_code(family: str, dice: Dice) -> str:
    letters = "".join(word[0] for word in family.split() if word[0].isalpha()).upper()
    return f"{letters[:3]}{dice.pick(string.ascii_uppercase)}-{1000 + dice.below(9000)}"


def _ean(number: int, dice: Dice) -> str:
    digits = f"{IN_STORE_EAN_PREFIX}{dice.below(100_000):05d}{number:05d}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"


def _price(bounds: tuple[float, float], dice: Dice) -> float:
    low, high = bounds
    return math.floor(low * math.pow(high / low, dice.unit())) + 0.99
