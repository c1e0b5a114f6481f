"""What there is to say of the words that the demo's shoppers type: pairs, from judgments alone.

As a log with clicks would tell: what answers a search best is called something by the catalogue.
Of the searches that are held out nothing is read but their texts, to keep them out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from weighing import HELD_OUT

from qrmiddleware.demo.catalogue import Dice, Product, write_products
from qrmiddleware.demo.folder import PRODUCTS
from qrmiddleware.demo.judgments import EXACT, JudgedQuery, judge_unfit, write_judgments
from qrmiddleware.demo.stock import Stock
from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.distill.splits import query_key, refuse_leaks

CLICKS: Final = "judgments"
"""Source of a pair whose query a shopper typed."""
COMPOSED: Final = "judgments:composed"
"""Source of one whose query is such a word beside what products are."""
AGREED: Final = 0.6
"""Share of the best answers that one kind must have, to be what is meant."""
WHOLE: Final = 0.9
"""Share of a kind's products that answer its name."""
KEY: Final = query_key(stems=True)


@dataclass(frozen=True, slots=True)
class Wordings:
    """What shoppers of the other folds teach.

    Attributes:
        pairs: Of what they typed, and of what is composed with their words.
        judged: The queries of these pairs, and all that they typed; each with its judgments.
    """

    pairs: tuple[RewritePair, ...]
    judged: Stock


def shop_wordings(stock: Stock, *, composed: int, seed: int) -> Wordings:
    """Make pairs from the judgments of all folds but the one that is held out.

    Args:
        stock: The shop.
        composed: Queries for each word that shoppers have for a kind of product, at most.
        seed: Of what is composed.
    """
    held_out = {KEY(query.text) for query in stock.queries if query.fold == HELD_OUT}
    seen = tuple(query for query in stock.queries if query.fold != HELD_OUT)
    meant = {query.text: kind for query in seen if (kind := _kind_meant(query, stock))}
    names = {text: kind for text, kind in meant.items() if _names(text, kind, stock, seen)}
    known = {word for product in stock.products for word in KEY(_text(product)).split()}
    pairs = [
        RewritePair(query=text, rewrite=_reworded(text, kind, names, known), source=CLICKS)
        for text, kind in meant.items()
        if not set(KEY(kind).split()) <= set(KEY(text).split())
    ]
    queries, qrels = list(seen), {each.query_id: stock.qrels[each.query_id] for each in seen}
    for query, pair, grades in _composed(names, stock, composed, Dice(seed)):
        pairs.append(pair)
        queries.append(query)
        qrels[query.query_id] = grades
    free = (each for each in pairs if not {KEY(each.query), KEY(each.rewrite)} & held_out)
    judged = [query for query in queries if KEY(query.text) not in held_out]
    judgments = {query.query_id: qrels[query.query_id] for query in judged}
    return Wordings(tuple(free), replace(stock, queries=tuple(judged), qrels=judgments))


def write_judged(stock: Stock, folder: Path) -> Path:
    """Write queries, judgments and products, as ``qrm feedback`` reads them; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    unfit = judge_unfit(stock.queries, stock.products, stock.qrels)
    write_judgments(folder, stock.queries, stock.qrels, unfit)
    write_products(folder / PRODUCTS, stock.products)
    return folder


def write_unchanged(stock: Stock, made: Path, kept: Iterable[Path], file: Path) -> Path:
    """Write as their own rewrites the queries that nothing was kept of; the plugin drops these.

    So a generator learns to leave alone what the engine understands.

    Args:
        stock: Judged queries, none of them held out.
        made: Pairs of manufactured queries.
        kept: Pairs that an engine bears out.
        file: To write.
    """
    better = {pair.query for each in kept for pair in read_rows(each, RewritePair)}
    mended = {
        pair.query for pair in read_rows(made, RewritePair) if pair.source == "catalogue:spelling"
    }
    fine = dict.fromkeys(
        (
            *(query.text for query in stock.queries),
            *(pair.query for pair in read_rows(made, RewritePair)),
        )
    )
    texts = (text for text in fine if text not in better and text not in mended)
    write_rows(file, (RewritePair(query=text, rewrite=text, source="unchanged") for text in texts))
    return file


def refuse_held_out(stock: Stock, files: Iterable[Path]) -> None:
    """Refuse pairs that have a search of the fold that is held out on either side.

    Raises:
        ConfigError: If there is one; names it.
    """
    held_out = [query.text for query in stock.queries if query.fold == HELD_OUT]
    for file in files:
        pairs = list(read_rows(file, RewritePair))
        texts = (text for pair in pairs for text in (pair.query, pair.rewrite))
        refuse_leaks(texts, held_out, stems=True)


def _kind_meant(query: JudgedQuery, stock: Stock) -> str:
    """Return the category that most of a search's best answers are in; empty if none is."""
    best = _best(query, stock)
    counts = Counter(each.category.lower() for each in stock.products if each.product_id in best)
    for kind, count in counts.most_common(1):
        if count >= AGREED * len(best) and not query.identifier:
            return kind
    return ""


def _best(query: JudgedQuery, stock: Stock) -> set[str]:
    grades = stock.qrels[query.query_id]
    return {product_id for product_id, grade in grades.items() if grade == EXACT}


def _names(text: str, kind: str, stock: Stock, seen: Iterable[JudgedQuery]) -> bool:
    """Tell whether a search is another name of a kind: all of its products answer it."""
    if set(KEY(kind).split()) <= set(KEY(text).split()):
        return False
    best = next(_best(query, stock) for query in seen if query.text == text)
    of_kind = [each.product_id in best for each in stock.products if each.category.lower() == kind]
    return sum(of_kind) >= WHOLE * len(of_kind)


def _text(product: Product) -> str:
    told = product.document()
    return " ".join((product.title, product.category, told["description"], *told["details"]))


def _reworded(text: str, kind: str, names: Mapping[str, str], known: set[str]) -> str:
    """Put a kind's name in the place of a shopper's word; alone where that cannot be told."""
    for name in sorted(names, key=len, reverse=True):
        if names[name] == kind and f" {name} " in f" {text} ":
            return f" {text} ".replace(f" {name} ", f" {kind} ").strip()
    words = text.split()
    new = [word for word in words if not set(KEY(word).split()) <= known]
    if not new:
        return kind
    said = set(KEY(kind).split())
    rest = [word for word in words if word not in new and KEY(word) not in said]
    return " ".join((*rest, kind))


def _composed(
    names: Mapping[str, str], stock: Stock, most: int, dice: Dice
) -> Iterator[tuple[JudgedQuery, RewritePair, Mapping[str, int]]]:
    """Yield queries such as "green couch", with their pairs and what the catalogue says of them."""
    of_kind: dict[str, list[Product]] = {}
    for product in stock.products:
        of_kind.setdefault(product.category.lower(), []).append(product)
    for name, kind in names.items():
        products = of_kind[kind]
        values = {
            value.lower(): attribute
            for product in dice.sample(products, most)
            for attribute, several in product.attributes.items()
            for value in several
            if not set(KEY(value).split()) & set(KEY(f"{kind} {name}").split())
        }
        for value in dice.sample(list(values), most):
            pair = RewritePair(query=f"{value} {name}", rewrite=f"{value} {kind}", source=COMPOSED)
            grades = {
                each.product_id: EXACT
                if value in {one.lower() for one in each.attributes.get(values[value], ())}
                else 1
                for each in products
            }
            yield JudgedQuery(f"C {pair.query}", pair.query, "composed"), pair, grades
