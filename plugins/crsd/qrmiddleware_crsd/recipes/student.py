"""Contrastive reasoning self-distillation, arXiv:2510.11056, read from its abstract.

One student reads every pair twice: as it will be asked (the standard view: query and text), and
with a teacher's reasons behind the text (the augmented view). The abstract says that the
augmented view teaches the standard one, by contrast, within one model; so that reasons cost
nothing when it is asked. Our reading, with every choice an option or a constant here:

    loss = CE(standard) + a CE(augmented) + s KL(augmented || standard) + c alignment

CE is against the teacher's probabilities of classes; KL is softened by a temperature, and no
gradient flows into the augmented view from it nor from the alignment, which is InfoNCE in the
batch between the two views' first tokens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qrmiddleware.distill.batching import Encoded, pair_views
from qrmiddleware.distill.chains import reasons_alone
from qrmiddleware.distill.classes import Classes
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.distill.losses import alignment, distribution_kl, soft_cross_entropy
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.recipes.fitting import FORWARD_TOKENS, Fitting, Loss, rows_of
from qrmiddleware.recipes.reasoned import LossOf, ReasonedPlan

if TYPE_CHECKING:
    from torch import Tensor

RECIPE: Final = "crsd"
Key: TypeAlias = tuple[str, str]
"""Query and ``doc_id``."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part of the loss weighs; 0 leaves it out, and with it what it would compute.

    Attributes:
        augmented: Cross-entropy of the augmented view.
        distilled: Divergence of the standard view from the augmented one.
        aligned: Contrast between the two views.
        softening: Temperature of the divergence.
        temperature: Of the contrast.
        apart: Pairs of the same class are negatives of each other, too.
        reason_tokens: Of a reason at most; what comes later is cut off.
    """

    augmented: float = 1.0
    distilled: float = 1.0
    aligned: float = 0.2
    softening: float = 2.0
    temperature: float = 0.1
    apart: bool = False
    reason_tokens: int = 64

    @property
    def reads_reasons(self) -> bool:
        """Whether any part needs the augmented view."""
        return any((self.augmented, self.distilled, self.aligned))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the teacher says of a pair.

    Attributes:
        shares: Probability of each class, in the classes' order.
        reason: Why, without what it comes to.
    """

    shares: tuple[float, ...]
    reason: str


def answers_of(
    labels: Iterable[Label], classes: Classes, *, concluded: bool = False
) -> dict[Key, Answer]:
    """Collect what a teacher says, by query and product.

    Args:
        labels: With a class or probabilities each.
        classes: Theirs.
        concluded: Leave a reason's conclusion in: a leak, since it names the class, and there
            to measure how much of one.

    Raises:
        ValueError: If a label has no class, or one that is not among ``classes``.
    """
    found: dict[Key, Answer] = {}
    for label in labels:
        shares = label.shares(classes.codes)
        reason = label.reason if concluded else reasons_alone(label.reason)
        found[label.query, label.doc_id] = Answer(shares, reason)
    return found


def augmented(
    encoder: Encoder, rows: Sequence[Encoded], reasons: Sequence[str], *, most: int
) -> list[Encoded]:
    """Put reasons behind pairs: ``[CLS] query [SEP] text [SEP] reason [SEP]``.

    A pair keeps all its tokens, so that both views read the same of it; a reason without words
    leaves it as it is.

    Args:
        encoder: Whose tokens they are.
        rows: Standard views.
        reasons: One each.
        most: Tokens of a reason.
    """
    if not rows:
        return []
    ids = encoder.tokenizer(list(reasons), add_special_tokens=False, verbose=False)["input_ids"]
    after = encoder.frame.after
    return [
        Encoded((*row.ids, *reason[:most], *after), row.first) if reason else row
        for row, reason in zip(rows, ids, strict=True)
    ]


def crsd_loss(
    encoder: Encoder,
    texts: Mapping[str, str],
    answers: Mapping[Key, Answer],
    *,
    weights: Weights,
    fitting: Fitting,
) -> Loss:
    """Return the loss of a batch of queries with their products.

    Args:
        encoder: Learns; it has a logit for each class.
        texts: By ``doc_id``, what is read of a product.
        answers: Of every pair of the batches.
        weights: Of the parts.
        fitting: How the standard view is read.
    """
    pad = encoder.tokenizer.pad_token_id

    def loss(model: Any, batch: Sequence[QueryList]) -> "Tensor":  # noqa: ANN401 wrapped
        import torch

        rows = [row for item in batch for row in rows_of(encoder, item, texts, fitting=fitting)]
        told = [answers[item.query, each.doc_id] for item in batch for each in item.candidates]
        logits, views = pair_views(model, rows, pad=pad, budget=FORWARD_TOKENS)
        shares = torch.tensor([each.shares for each in told], device=logits.device)
        total = soft_cross_entropy(logits, shares)
        if not weights.reads_reasons:
            return total
        reasons = [each.reason for each in told]
        longer = augmented(encoder, rows, reasons, most=weights.reason_tokens)
        reasoned, targets = pair_views(model, longer, pad=pad, budget=FORWARD_TOKENS)
        if weights.augmented:
            total = total + weights.augmented * soft_cross_entropy(reasoned, shares)
        if weights.distilled:
            softened = distribution_kl(logits, reasoned, temperature=weights.softening)
            total = total + weights.distilled * softened
        if weights.aligned:
            contrast = alignment(
                views,
                targets,
                temperature=weights.temperature,
                classes=None if weights.apart else shares.argmax(dim=1),
            )
            total = total + weights.aligned * contrast
        return total

    return loss


def loss_of_labels(plan: ReasonedPlan, weights: Weights, *, concluded: bool) -> LossOf:
    """Return what makes the loss of an encoder, texts and labels."""

    def make(encoder: Encoder, texts: Mapping[str, str], labels: Sequence[Label]) -> Loss:
        answers = answers_of(labels, plan.classes, concluded=concluded)
        return crsd_loss(encoder, texts, answers, weights=weights, fitting=plan.fitting)

    return make
