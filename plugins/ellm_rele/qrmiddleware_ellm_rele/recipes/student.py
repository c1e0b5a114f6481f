"""Multi-dimensional knowledge distillation (MKD), arXiv:2411.13045, read from its abstract.

The abstract says that a teacher that reasons step by step (ELLM-rele) passes on its distribution
of relevance scores and its chain of thought, to interaction-based and to representation-based
students. This is the interaction-based one, a cross-encoder. How a chain becomes something to
learn is not told; our reading, with every choice an option or a constant here:

    loss = h CE(class) + d KL(teacher || student) + o order + r mean over aspects of CE(verdict)

CE is against the class that the teacher names, KL against its probabilities, softened; order is
the squared difference of the margins, within a query, of what products are worth; and each aspect
of the chain (category, brand, model, attribute) has three logits beside the classes' that learn
its verdict. The student keeps them as a layer of their own beside the classes', which is computed
only where somebody asks why: a search costs what it costs with a plain one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from qrmiddleware.distill.batching import in_lists, pair_logits
from qrmiddleware.distill.chains import ASPECTS, Chain, ChainError, Verdict
from qrmiddleware.distill.classes import Classes
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.distill.losses import distribution_kl, hard_cross_entropy, margin_mse
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.recipes.fitting import FORWARD_TOKENS, Fitting, Loss, rows_of
from qrmiddleware.recipes.reasoned import LossOf, ReasonedPlan

if TYPE_CHECKING:
    from torch import Tensor

RECIPE: Final = "ellm_rele"
VERDICTS: Final = tuple(Verdict)
HELPERS: Final = len(ASPECTS) * len(VERDICTS)
"""Logits behind those of the classes: a verdict each, aspect by aspect."""
_UNTOLD: Final = -100  # of a verdict: left out of the loss
_LEAST: Final = 1e-6  # of a probability, before its logarithm
Key: TypeAlias = tuple[str, str]
"""Query and ``doc_id``."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each part of the loss weighs; 0 leaves it out.

    Attributes:
        hard: Cross-entropy of the class that the teacher names.
        distribution: Divergence from its probabilities.
        order: Margins within a query.
        reasoning: Verdicts on aspects.
        softening: Temperature of the divergence.
    """

    hard: float = 1.0
    distribution: float = 1.0
    order: float = 1.0
    reasoning: float = 0.5
    softening: float = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the teacher says of a pair.

    Attributes:
        shares: Probability of each class, in the classes' order.
        verdicts: Place in ``VERDICTS`` for each aspect; -100 where it gives no chain.
    """

    shares: tuple[float, ...]
    verdicts: tuple[int, ...]


def answers_of(labels: Iterable[Label], classes: Classes) -> dict[Key, Answer]:
    """Collect what a teacher says, by query and product.

    A reason that is no chain teaches classes only.

    Raises:
        ValueError: If a label has no class, or one that is not among ``classes``.
    """
    found: dict[Key, Answer] = {}
    for label in labels:
        shares = label.shares(classes.codes)
        found[label.query, label.doc_id] = Answer(shares, _verdicts(label.reason, classes))
    return found


def mkd_loss(
    encoder: Encoder,
    texts: Mapping[str, str],
    answers: Mapping[Key, Answer],
    *,
    classes: Classes,
    weights: Weights,
    fitting: Fitting,
) -> Loss:
    """Return the loss of a batch of queries with their products.

    Args:
        encoder: Learns; it has a logit for each class, and behind them ``HELPERS`` more, or none
            where no verdict is to be learnt.
        texts: By ``doc_id``, what is read of a product.
        answers: Of every pair of the batches.
        classes: With what they are worth.
        weights: Of the parts.
        fitting: How pairs are read.
    """
    count = len(classes.codes)
    pad = encoder.tokenizer.pad_token_id

    def loss(model: Any, batch: Sequence[QueryList]) -> "Tensor":  # noqa: ANN401 wrapped
        import torch

        rows = [row for item in batch for row in rows_of(encoder, item, texts, fitting=fitting)]
        told = [answers[item.query, each.doc_id] for item in batch for each in item.candidates]
        every = pair_logits(model, rows, pad=pad, budget=FORWARD_TOKENS)
        logits, helpers = every[:, :count], every[:, count:]
        shares = torch.tensor([each.shares for each in told], device=every.device)
        verdicts = torch.tensor([each.verdicts for each in told], device=every.device)
        gains = torch.tensor([each.gain for each in classes], device=every.device)
        total = weights.hard * hard_cross_entropy(logits, shares.argmax(dim=1))
        if weights.distribution:
            wanted = shares.clamp(min=_LEAST).log()
            diverging = distribution_kl(logits, wanted, temperature=weights.softening)
            total = total + weights.distribution * diverging
        if weights.order:
            sizes = [len(item.candidates) for item in batch]
            total = total + weights.order * order_loss(logits, shares, gains, sizes)
        if weights.reasoning and helpers.shape[1]:
            total = total + weights.reasoning * verdict_loss(helpers, verdicts)
        return total

    return loss


def order_loss(
    logits: "Tensor", shares: "Tensor", gains: "Tensor", sizes: Sequence[int]
) -> "Tensor":
    """Compare the margins of what products of a query are worth, to student and teacher.

    Args:
        logits: Of classes, shape (pairs, classes).
        shares: The teacher's probabilities, same shape.
        gains: What a class is worth, shape (classes,).
        sizes: Pairs of each query, one query after the other.
    """
    said, mask = in_lists(logits.softmax(dim=1) @ gains, sizes)
    wanted, _ = in_lists(shares @ gains, sizes)
    return margin_mse(said, wanted, mask=mask)


def verdict_loss(helpers: "Tensor", verdicts: "Tensor") -> "Tensor":
    """Return the cross-entropy of all verdicts that are told.

    Args:
        helpers: Shape (pairs, aspects x verdicts).
        verdicts: Place of the true one, shape (pairs, aspects); -100 where none is told.
    """
    return hard_cross_entropy(helpers.reshape(-1, len(VERDICTS)), verdicts.reshape(-1))


def loss_of_labels(plan: ReasonedPlan, weights: Weights) -> LossOf:
    """Return what makes the loss of an encoder, texts and labels."""

    def make(encoder: Encoder, texts: Mapping[str, str], labels: Sequence[Label]) -> Loss:
        answers = answers_of(labels, plan.classes)
        return mkd_loss(
            encoder, texts, answers, classes=plan.classes, weights=weights, fitting=plan.fitting
        )

    return make


def _verdicts(reason: str, classes: Classes) -> tuple[int, ...]:
    try:
        chain = Chain.read(reason, classes)
    except ChainError:
        return (_UNTOLD,) * len(ASPECTS)
    return tuple(VERDICTS.index(chain.verdicts[aspect]) for aspect in ASPECTS)
