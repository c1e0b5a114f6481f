"""Titles of products that users of a query interacted with strongly, by what judgments say."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qrmiddleware.distill.splits import FoldedQuery
from qrmiddleware.recipes.gathering import Material, Source
from qrmiddleware_beque.recipes.instructions import Title


@dataclass(frozen=True, slots=True)
class Titles:
    """What judgments have to tell.

    Attributes:
        titles: Of the training's queries.
        held_out: All queries of the folds that are kept out.
        seen_folds: The others.
    """

    titles: tuple[Title, ...]
    held_out: tuple[str, ...]
    seen_folds: tuple[int, ...]


def read_titles(
    data: Path,
    *,
    hold_out: tuple[int, ...] = (),
    field: str = "title",
    most: int = 1,
    catalogue: Path | None = None,
) -> Titles:
    """Take each query's best judged products: those with the highest grade there is.

    Clicks and purchases are read as judgments, where they are in a format of ``qrm eval``.

    Args:
        data: Judgments and catalogue, in a format of ``qrm eval``.
        hold_out: Folds that nothing is learnt of.
        field: Of a product, that its title stands in.
        most: Titles of one query.
        catalogue: Of the products, if it lies elsewhere.

    Raises:
        ConfigError: If there is no such field or fold.
    """
    material = Material(Source(data, catalogue, text_fields=(field,)))
    split = material.split(hold_out)
    return Titles(
        tuple(title for query in split.training for title in _of(material, query, most)),
        tuple(query.query for query in split.held_out),
        split.seen_folds,
    )


def _of(material: Material, query: FoldedQuery, most: int) -> Iterator[Title]:
    qrels = material.judged.qrels[query.query_id]
    highest = max(material.judged.gains)
    best = sorted(doc_id for doc_id, grade in qrels.items() if grade >= highest)
    known = [material.texts[doc_id] for doc_id in best if material.texts.get(doc_id)]
    return (Title(query=query.query, title=text) for text in known[:most])
