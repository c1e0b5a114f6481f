"""A teacher that reasons over a catalogue's own fields, and writes its chain down.

It is no language model and does not pretend to be one: kind, brand, article numbers and other
words of a query are looked up in the product, by rules that everybody can read below. It stands
in where no language model is to be had, behind the same interface, and shows what reasons alone
are worth to a student.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from qrmiddleware.distill.catalogue import Record
from qrmiddleware.distill.chains import Chain, Step, Verdict
from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.labels import Label, Outcome, Pair, Unlabelled, expected_gain
from qrmiddleware.distill.phrases import Floors, Types, find_types
from qrmiddleware.distill.teachers.catalogue import stems, stems_of

VERSION: Final = 1
"""Counts up when the rules below change: labels of two versions do not mix."""
DOUBT: Final = 0.02
"""Probability of each class that the rules do not conclude."""
_FOR: Final = "for"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for, in stems.

    Attributes:
        category: Kind of product; empty if it names none that the catalogue has.
        brand: A brand of the catalogue.
        model: Words with digits: article numbers, sizes.
        attributes: All other words.
    """

    category: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Product:
    """What a product is, in stems."""

    categories: tuple[tuple[str, ...], ...]
    brand: tuple[str, ...]
    words: frozenset[str]


class Reasoner:
    """Labels pairs by comparing aspect by aspect; the reason of a label is its chain.

    Conclusions: of another kind, but told to go with the kind asked for, is a complement, and
    irrelevant otherwise; of that kind, exact if nothing that the query names is different, else a
    substitute.

    Args:
        records: The whole catalogue.
        floors: What counts as a kind of product.
        types: The kinds, if they were found by these floors before.
    """

    classes: Classes = ESCI

    def __init__(
        self,
        records: Sequence[Record],
        *,
        floors: Floors | None = None,
        types: Types | None = None,
    ) -> None:
        kinds = (types or find_types(records, floors or Floors())).of_product
        self._products = {
            record.doc_id: _Product(
                tuple(stems(kind) for kind in kinds[record.doc_id]),
                stems(record.brand),
                stems_of(record),
            )
            for record in records
        }
        products = self._products.values()
        self._categories = {kind for product in products for kind in product.categories}
        self._heads = {kind[-1] for kind in self._categories}
        self._brands = {product.brand for product in products} - {()}
        told = sha256(repr(floors).encode())
        for record in records:
            told.update(f"{record.doc_id}\0{record.title}\0".encode(errors="surrogatepass"))
        self._name = f"reasoner:{VERSION}:{told.hexdigest()[:8]}"

    @property
    def name(self) -> str:
        """Version of the rules, and a hash of the catalogue."""
        return self._name

    def label(self, pairs: Sequence[Pair]) -> Iterator[Outcome]:
        """Label the pairs whose query names a kind, a brand or an article number it knows."""
        for pair in pairs:
            if pair.doc_id not in self._products:
                yield Unlabelled(pair, "not in the catalogue", pair.doc_id)
                continue
            chain = self.reason(pair.query, pair.doc_id)
            if chain is None:
                yield Unlabelled(
                    pair, "nothing to compare", "the catalogue does not tell what is asked for"
                )
                continue
            shares = self._probabilities(chain)
            yield Label(
                pair=pair.key,
                query=pair.query,
                doc_id=pair.doc_id,
                teacher=self._name,
                target=expected_gain(shares, self.classes.gains),
                grade=chain.conclusion,
                probabilities=shares,
                reason=str(chain),
            )

    def reason(self, query: str, doc_id: str) -> Chain | None:
        """Compare a product with a query.

        ``None`` if the query names nothing that the catalogue has, or a kind, and nothing tells
        of which kind the product is.

        Raises:
            KeyError: If the catalogue has no such product.
        """
        asked, product = self.read(query), self._products[doc_id]
        if not (asked.category or asked.brand or asked.model):
            return None
        if asked.category and not product.categories:
            return None
        steps = (
            _category(asked, product),
            _brand(asked, product),
            _named("model", asked.model, product),
            _named("attribute", asked.attributes, product),
        )
        return Chain(steps, self._conclude(asked, product, steps))

    def read(self, query: str) -> Asked:
        """Take a query apart: the longest brand, then the longest kind at its end.

        What stands behind an English "for" is no kind: in "case for notebook" it is a case.
        """
        words = stems(query)
        brand = max(
            (brand for brand in self._brands if _place(brand, words) is not None),
            key=len,
            default=(),
        )
        left = _without(brand, words)
        model = tuple(word for word in left if any(letter.isdigit() for letter in word))
        rest = tuple(word for word in left if word not in model)
        place = rest.index(_FOR) if _FOR in rest[1:] else len(rest)
        before, after = rest[:place], rest[place + 1 :]
        category = next(
            (
                before[first:]
                for first in range(len(before))
                if before[first:] in self._categories
                or (first == len(before) - 1 and before[first] in self._heads)
            ),
            (),
        )
        others = (*before[: len(before) - len(category)], *after)
        return Asked(category, brand, model, others)

    def _conclude(self, asked: Asked, product: _Product, steps: Sequence[Step]) -> str:
        verdicts = {step.aspect: step.verdict for step in steps}
        differs = Verdict.MISMATCH in {verdicts[each] for each in ("brand", "model", "attribute")}
        if verdicts["category"] is Verdict.MISMATCH:
            if any(kind[-1] == asked.category[-1] for kind in product.categories):
                return "S"
            return "C" if product.words.issuperset(asked.category) else "I"
        if verdicts["category"] is Verdict.MATCH:
            return "S" if differs else "E"
        if verdicts["brand"] is Verdict.MISMATCH:
            return "C" if product.words.issuperset(asked.brand) else "I"
        return "I" if verdicts["model"] is Verdict.MISMATCH else "S" if differs else "E"

    def _probabilities(self, chain: Chain) -> dict[str, float]:
        codes = self.classes.codes
        sure = 1.0 - DOUBT * (len(codes) - 1)
        return {code: sure if code == chain.conclusion else DOUBT for code in codes}


def _category(asked: Asked, product: _Product) -> Step:
    wanted = " ".join(asked.category)
    if not asked.category:
        return Step("category", Verdict.UNSPECIFIED)
    found = " ".join(product.categories[0])
    matches = any(kind[-len(asked.category) :] == asked.category for kind in product.categories)
    verdict = Verdict.MATCH if matches else Verdict.MISMATCH
    return Step("category", verdict, f"asked for {wanted}, found {found}")


def _brand(asked: Asked, product: _Product) -> Step:
    if not asked.brand:
        return Step("brand", Verdict.UNSPECIFIED)
    verdict = Verdict.MATCH if product.brand == asked.brand else Verdict.MISMATCH
    found = " ".join(product.brand) or "none"
    return Step("brand", verdict, f"asked for {' '.join(asked.brand)}, found {found}")


def _named(aspect: str, wanted: Sequence[str], product: _Product) -> Step:
    if not wanted:
        return Step(aspect, Verdict.UNSPECIFIED)
    missing = [word for word in wanted if word not in product.words]
    if missing:
        return Step(aspect, Verdict.MISMATCH, f"without {', '.join(missing)}")
    return Step(aspect, Verdict.MATCH, f"with {', '.join(wanted)}")


def _place(phrase: tuple[str, ...], words: tuple[str, ...]) -> int | None:
    size = len(phrase)
    return next((n for n in range(len(words)) if words[n : n + size] == phrase), None)


def _without(phrase: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    place = _place(phrase, words) if phrase else None
    return words if place is None else (*words[:place], *words[place + len(phrase) :])
