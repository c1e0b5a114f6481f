"""Margin distillation as in Walmart's arXiv:2505.07105, read from its abstract: what is learnt.

Teacher and student are cross-encoders and learn in one loop, `qrmiddleware.recipes.fitting`; only
what they learn from and the loss differ. The abstract says: the teacher is a classifier with soft
targets, the student learns margins between two products of a query by their mean squared error,
on many more pairs than the teacher, which the teacher labels. The rest is our reading, and stands
as a constant here or as an argument.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.distill.losses import RAW, Scale, hard_bce, margin_mse, pointwise_mse, soft_bce
from qrmiddleware.recipes.targets import mean_of_teachers, mean_targets

if TYPE_CHECKING:
    from torch import Tensor

LossName: TypeAlias = Literal["margin", "pointwise", "soft", "hard"]
LOSSES: Final[tuple[LossName, ...]] = get_args(LossName)
LOGIT_LOSSES: Final = ("margin", "pointwise")
"""These compare logits; the others compare with probabilities."""
RECIPE: Final = "walmart_kd"
RELEVANT: Final = 0.5
"""The target from which the hard-label baseline calls a product relevant."""


def learnt_lists(loss: LossName, teachers: Sequence[Sequence[Label]]) -> list[QueryList]:
    """Return what a student learns from: the teachers' targets on the loss's scale."""
    return mean_of_teachers(teachers) if loss in LOGIT_LOSSES else mean_targets(teachers)


def loss_for(name: LossName, lists: Sequence[QueryList]) -> "Callable[..., Tensor]":
    """Return the loss of (student, teacher, mask), all of shape (queries, hits).

    Margins and single logits are compared with the teacher's standardised over ``lists``: raw
    ones reach so far from 0 that a student spends its first steps on growing.
    """
    if name in LOGIT_LOSSES:
        targets = [candidate.target for item in lists for candidate in item.candidates]
        scale = Scale.measured(targets) if len(set(targets)) > 1 else RAW
        compared = margin_mse if name == "margin" else pointwise_mse
        return lambda student, teacher, mask: compared(student, teacher, mask=mask, scale=scale)
    if name == "soft":
        return lambda student, teacher, mask: soft_bce(student, teacher, mask=mask)
    return lambda student, teacher, mask: hard_bce(student, teacher >= RELEVANT, mask=mask)
