"""Searches with graded judgments that are known from how the catalogue was made."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qrmiddleware.demo.catalogue import Dice, Product
from qrmiddleware.demo.vocabulary import ProductType, Vocabulary, WrittenQuery

EXACT = 3
IDENTIFIER_QUERIES = 4  # of each sort: SKU, EAN and model
UNFIT = 20  # products of a search that are judged 0 in so many words


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One search and what its shopper would be content with.

    Attributes:
        kind: ``"head"``, ``"gap"``, ``"misspelling"``, ``"identifier"``, or the section of the
            searches written by hand.
        remedy: ``"rules"``, ``"table"`` or ``"unsolved"`` for a gap or misspelling, else empty.
        types: Keys of the product types that answer it.
        want: Canonical attribute values asked for.
        identifier: SKU, EAN or model number, where that is what was typed.
        fold: Of the searches, which of the parts it is in.
    """

    query_id: str
    text: str
    kind: str
    remedy: str = ""
    types: tuple[str, ...] = ()
    want: Mapping[str, str] = field(default_factory=dict[str, str])
    identifier: str = ""
    fold: int = 0


def judged_queries(
    vocabulary: Vocabulary, products: Sequence[Product], *, seed: int = 1
) -> tuple[JudgedQuery, ...]:
    """Make the demo's searches, several for each product type."""
    drafts = [
        *_heads(vocabulary),
        *_gaps(vocabulary),
        *_misspellings(vocabulary),
        *(_from_written(query, vocabulary) for query in vocabulary.queries),
        *_identifiers(products, Dice(seed)),
    ]
    return tuple(
        JudgedQuery(f"Q{number:03d}", d.text, d.kind, d.remedy, d.types, d.want, d.identifier)
        for number, d in enumerate(drafts, start=1)
    )


def grade(query: JudgedQuery, product: Product, types: Mapping[str, ProductType]) -> int:
    """Say how well a product answers a search.

    Returns:
        3 for the type asked for with every attribute asked for; 2 or 1 for that type where some
        or all of the attributes differ; 1 for a substitute or an accessory; 0 for the rest.
    """
    if query.identifier:
        return _grade_identifier(query.identifier, product)
    kind = types[product.type]
    if kind.key in query.types:
        met = sum(value in product.attributes.get(name, ()) for name, value in query.want.items())
        return 1 + (2 * met // len(query.want) if query.want else 2)
    return int(_answers(query, kind))


def judge(
    queries: Iterable[JudgedQuery], products: Sequence[Product], vocabulary: Vocabulary
) -> dict[str, dict[str, int]]:
    """Grade every product for every search.

    Returns:
        By query_id and product_id, the grades above 0; what is missing is 0.
    """
    by_type: dict[str, list[Product]] = {}
    for product in products:
        by_type.setdefault(product.type, []).append(product)
    return {
        query.query_id: {
            product.product_id: relevance
            for key in by_type
            if query.identifier or _answers(query, vocabulary.types[key])
            for product in by_type[key]
            if (relevance := grade(query, product, vocabulary.types))
        }
        for query in queries
    }


def judge_unfit(
    queries: Iterable[JudgedQuery],
    products: Sequence[Product],
    qrels: Mapping[str, Mapping[str, int]],
    *,
    seed: int = 2,
) -> dict[str, tuple[str, ...]]:
    """Name products that do not answer a search, above all ones that an engine may well find.

    Returns:
        By query_id, the product_ids of some that have a word of the search in their title, or of
        any if there are too few.
    """
    dice = Dice(seed)
    in_title: dict[str, list[str]] = {}
    for product in products:
        for word in dict.fromkeys(_words(product.title)):
            in_title.setdefault(word, []).append(product.product_id)
    unfit: dict[str, tuple[str, ...]] = {}
    for query in queries:
        fit = qrels[query.query_id]
        found = (doc_id for word in _words(query.text) for doc_id in in_title.get(word, ()))
        chosen = dice.sample(
            [doc_id for doc_id in dict.fromkeys(found) if doc_id not in fit], UNFIT
        )
        if len(chosen) < UNFIT:
            taken = {*fit, *chosen}
            rest = [p.product_id for p in products if p.product_id not in taken]
            chosen += dice.sample(rest, UNFIT - len(chosen))
        unfit[query.query_id] = chosen
    return unfit


def write_judgments(
    folder: Path,
    queries: Iterable[JudgedQuery],
    qrels: Mapping[str, Mapping[str, int]],
    unfit: Mapping[str, Iterable[str]],
) -> None:
    """Write ``queries.jsonl`` and ``judgments.tsv``, as ``qrm eval`` reads them."""
    with (folder / "queries.jsonl").open("w", encoding="utf-8", newline="\n") as file:
        for query in queries:
            row = {
                "id": query.query_id,
                "query": query.text,
                "fold": query.fold,
                "kind": query.kind,
                "remedy": query.remedy,
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    with (folder / "judgments.tsv").open("w", encoding="utf-8", newline="\n") as file:
        file.write("query_id\tproduct_id\tgrade\n")
        for query_id, grades in qrels.items():
            every = [*grades.items(), *((doc_id, 0) for doc_id in unfit[query_id])]
            file.writelines(f"{query_id}\t{doc_id}\t{relevance}\n" for doc_id, relevance in every)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _answers(query: JudgedQuery, kind: ProductType) -> bool:
    near = {kind.key, *kind.substitutes, *kind.accessory_of}
    return not near.isdisjoint(query.types)


def _grade_identifier(identifier: str, product: Product) -> int:
    return EXACT * (identifier in {product.sku, product.ean, product.model})


def _heads(vocabulary: Vocabulary) -> Iterator[JudgedQuery]:
    for kind in vocabulary.types.values():
        if not kind.accessory_of:
            for word in (kind.noun, *kind.also):
                yield JudgedQuery("", word, "head", types=_sold_as(word, vocabulary))


def _gaps(vocabulary: Vocabulary) -> Iterator[JudgedQuery]:
    for kind in vocabulary.types.values():
        for word, remedy in kind.shoppers_say.items():
            yield JudgedQuery("", word, "gap", remedy, (kind.key,))


def _misspellings(vocabulary: Vocabulary) -> Iterator[JudgedQuery]:
    for word, typos in vocabulary.misspellings.items():
        for typed, remedy in typos.items():
            yield JudgedQuery("", typed, "misspelling", remedy, _sold_as(word, vocabulary))


def _from_written(query: WrittenQuery, vocabulary: Vocabulary) -> JudgedQuery:
    gaps = (vocabulary.types[key].shoppers_say.items() for key in query.types)
    remedy = next((remedy for says in gaps for word, remedy in says if word in query.text), "")
    return JudgedQuery("", query.text, query.kind, remedy, query.types, query.want)


def _identifiers(products: Sequence[Product], dice: Dice) -> Iterator[JudgedQuery]:
    for product in dice.sample(products, IDENTIFIER_QUERIES):
        yield JudgedQuery("", product.sku.lower(), "identifier", identifier=product.sku)
    for product in dice.sample(products, IDENTIFIER_QUERIES):
        yield JudgedQuery("", product.ean, "identifier", identifier=product.ean)
    for product in dice.sample(products, IDENTIFIER_QUERIES):
        yield JudgedQuery("", product.model, "identifier", identifier=product.model)


def _sold_as(word: str, vocabulary: Vocabulary) -> tuple[str, ...]:
    return tuple(k.key for k in vocabulary.types.values() if word in (k.noun, *k.also))
