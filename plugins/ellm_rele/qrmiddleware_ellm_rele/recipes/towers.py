"""The representation-based student of MKD: a bi-encoder whose queries learn scores and reasons.

Vectors of products are made beforehand, so that only the query's may learn
(`qrmiddleware.recipes.query_layer`). What a cross-encoder has logits for is read off both vectors
here, by helpers that are dropped in the end: classes off their cosine, verdicts off their product
number by number. That is our reading; the abstract says no more than that there is such a student.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qrmiddleware.distill.chains import ASPECTS, Verdict
from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.losses import distribution_kl, hard_cross_entropy, margin_mse
from qrmiddleware.recipes.gathering import read_gathered, read_texts
from qrmiddleware.recipes.query_layer import (
    LayerBatch,
    LayerFitting,
    LayerLoss,
    embed,
    fit_layer,
    write_with_layer,
)
from qrmiddleware.recipes.reasoned import read_reasoned
from qrmiddleware.recipes.targets import first_lists, lists_of
from qrmiddleware.students.manifest import Manifest
from qrmiddleware_ellm_rele.recipes.student import (
    RECIPE,
    VERDICTS,
    Answer,
    Key,
    Weights,
    answers_of,
    verdict_loss,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Parameter

_LEAST: Final = 1e-6  # of a probability, before its logarithm
_NEARNESS: Final = {Verdict.MATCH: 1.0, Verdict.MISMATCH: -1.0}
"""What a cosine speaks for in the beginning: helpers that knew nothing could learn verdicts of any
direction, and leave vectors that match apart."""


def learn_queries(
    work: Path,
    base: Path,
    target: Path,
    *,
    weights: Weights,
    fitting: LayerFitting,
    labels: Path | None = None,
    share: float = 1.0,
    classes: Classes = ESCI,
    replace: bool = False,
) -> Manifest:
    """Train the layer, and write the student: the base's files with another head.

    Args:
        work: Folder of the training.
        base: A student that is a bi-encoder.
        target: Folder to make.
        weights: Of the loss's parts.
        fitting: How the layer learns.
        labels: File of the teacher's labels with classes and reasons; the reasoner's if ``None``.
        share: Of the queries, 0..1.
        classes: Which these are.
        replace: Whether a student that lies there gives way.

    Raises:
        ConfigError: If there are no labels of these classes, or the base is no bi-encoder.
    """
    told = read_reasoned(work, labels, classes, recipe=RECIPE)
    lists = first_lists(lists_of(told, logits=False), share)
    vectors = embed(base, lists, read_texts(work))
    width = len(next(iter(vectors.queries.values())))
    loss, helpers = tower_loss(answers_of(told, classes), classes, weights=weights, width=width)
    weight = fit_layer(
        lists, vectors, loss=loss, fitting=fitting, what="learning queries (mkd)", helpers=helpers
    )
    return write_with_layer(
        base,
        target,
        weight,
        recipe=RECIPE,
        teacher=", ".join(sorted({label.teacher for label in told})),
        gathered=read_gathered(work),
        settings={"weights": asdict(weights), "layer": asdict(fitting), "share": share},
        seed=fitting.seed,
        replace=replace,
    )


def tower_loss(
    answers: Mapping[Key, Answer], classes: Classes, *, weights: Weights, width: int
) -> "tuple[LayerLoss, list[Parameter]]":
    """Return the loss of a batch, and the helpers that learn along.

    Args:
        answers: Of every pair of the batches.
        classes: With what they are worth.
        weights: Of the parts.
        width: Of a vector.
    """
    import torch
    from torch.nn import Parameter

    gains = torch.tensor([each.gain for each in classes])
    slopes = Parameter(gains - gains.mean())
    middles = Parameter(torch.zeros(len(gains)))
    nearness = torch.tensor([_NEARNESS.get(each, 0.0) for each in VERDICTS])
    aspects = Parameter(nearness.repeat(width, len(ASPECTS)))

    def loss(batch: LayerBatch) -> "Tensor":
        told = [
            answers[item.query, each.doc_id] for item in batch.lists for each in item.candidates
        ]
        shares = torch.tensor([each.shares for each in told])
        logits = batch.scores[batch.mask][:, None] * slopes + middles
        total = weights.hard * hard_cross_entropy(logits, shares.argmax(dim=1))
        if weights.distribution:
            wanted = shares.clamp(min=_LEAST).log()
            diverging = distribution_kl(logits, wanted, temperature=weights.softening)
            total = total + weights.distribution * diverging
        if weights.order:
            worth = torch.zeros_like(batch.wanted)
            worth[batch.mask] = shares @ gains
            total = total + weights.order * margin_mse(batch.scores, worth, mask=batch.mask)
        if weights.reasoning:
            verdicts = torch.tensor([each.verdicts for each in told])
            helped = batch.joined[batch.mask] @ aspects
            total = total + weights.reasoning * verdict_loss(helped, verdicts)
        return total

    return loss, [slopes, middles, aspects]
