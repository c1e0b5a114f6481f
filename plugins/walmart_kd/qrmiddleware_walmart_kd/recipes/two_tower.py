"""The two-tower student: a bi-encoder whose queries learn the teacher's margins.

Our reading: the abstract's student is a cross-encoder. This one learns by the same losses, and
only a layer over the vector of the query (`qrmiddleware.recipes.query_layer`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.recipes.gathering import read_gathered, read_texts
from qrmiddleware.recipes.query_layer import (
    LayerFitting,
    LayerLoss,
    embed,
    fit_layer,
    write_with_layer,
)
from qrmiddleware.recipes.targets import first_lists
from qrmiddleware.students.manifest import Manifest
from qrmiddleware_walmart_kd.recipes.train import RECIPE, LossName, learnt_lists, loss_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Towers(LayerFitting):
    """How the layer learns, and from what.

    Attributes:
        loss: What it learns by.
        share: Of the queries, 0..1; the first ones, so that a larger share holds a smaller one.
    """

    loss: LossName = "margin"
    share: float = 1.0


def learn_queries(
    work: Path,
    base: Path,
    target: Path,
    *,
    teachers: Sequence[Sequence[Label]],
    towers: Towers,
    replace: bool = False,
) -> Manifest:
    """Train the layer, and write the student: the base's files with another head.

    Args:
        work: Folder of the training.
        base: A student that is a bi-encoder.
        target: Folder to make.
        teachers: Labels of each; averaged if there are several.
        towers: How.
        replace: Whether a student that lies there gives way.

    Raises:
        ConfigError: If the base is no bi-encoder, or has a layer for queries already.
    """
    lists = first_lists(learnt_lists(towers.loss, teachers), towers.share)
    weight = fit_layer(
        lists,
        embed(base, lists, read_texts(work)),
        loss=layer_loss(towers.loss, lists),
        fitting=towers,
        what=f"learning queries ({towers.loss})",
    )
    return write_with_layer(
        base,
        target,
        weight,
        recipe=RECIPE,
        teacher=", ".join(sorted({label.teacher for labels in teachers for label in labels})),
        gathered=read_gathered(work),
        settings={"two_tower": asdict(towers)},
        seed=towers.seed,
        replace=replace,
    )


def layer_loss(name: LossName, lists: Sequence[QueryList]) -> LayerLoss:
    """Return a loss of cross-encoders as one of the layer's scores."""
    compared = loss_for(name, lists)
    return lambda batch: compared(batch.scores, batch.wanted, batch.mask)
