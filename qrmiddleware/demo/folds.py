"""Parts the judged searches, so that a model may be trained on some and measured on others."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from qrmiddleware.demo.catalogue import Product
from qrmiddleware.demo.judgments import JudgedQuery
from qrmiddleware.demo.vocabulary import ProductType

FOLDS: Final = 4


def into_folds(
    queries: Sequence[JudgedQuery], products: Iterable[Product], types: Mapping[str, ProductType]
) -> tuple[JudgedQuery, ...]:
    """Give every search its fold, from 0.

    All searches for a type of product are in one fold, whatever they call it, along with those
    for its substitutes, its accessories, and types that share a name with it. So what was learnt
    in one fold says nothing of the products asked for in another. The largest groups are
    dealt first, each to the fold with the fewest searches.
    """
    named = {
        name: product.type
        for product in products
        for name in (product.sku, product.ean, product.model)
    }
    asked = [query.types or (named[query.identifier],) for query in queries]
    group_of = _groups([*map(_related, types.values()), *asked])
    sizes = Counter(group_of[keys[0]] for keys in asked)
    full = [0] * FOLDS
    fold_of: dict[str, int] = {}
    for group, size in sizes.most_common():
        fold_of[group] = full.index(min(full))
        full[fold_of[group]] += size
    return tuple(
        replace(query, fold=fold_of[group_of[keys[0]]])
        for query, keys in zip(queries, asked, strict=True)
    )


def _related(kind: ProductType) -> tuple[str, ...]:
    families = (spec.family_of for spec in kind.attributes.values() if spec.family_of)
    return (kind.key, *kind.substitutes, *kind.accessory_of, *families)


def _groups(together: Iterable[tuple[str, ...]]) -> dict[str, str]:
    """Return by key the name of its group: keys that stand together anywhere share one."""
    members: dict[str, list[str]] = {}
    for keys in together:
        joined = dict.fromkeys(key for one in keys for key in members.get(one, [one]))
        group = list(joined)
        members |= dict.fromkeys(group, group)
    return {key: group[0] for key, group in members.items()}
