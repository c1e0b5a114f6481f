"""Losses of teachers and students: pure functions on tensors, in float32 or better."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of a teacher's logits over the whole training set.

    A student that starts from small weights answers near 0; a teacher's raw logits may reach ±10,
    and the first hundreds of steps are then spent on growing the weights. Standardised logits
    keep every margin's sign and every ratio of margins.
    """

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def measured(cls, logits: Sequence[float]) -> Self:
        """Measure the scale of all of a teacher's logits.

        Raises:
            ValueError: If there are none, one is not finite, or all are the same.
        """
        if not logits:
            message = "a scale is measured on a teacher's logits, and there are none"
            raise ValueError(message)
        mean = math.fsum(logits) / len(logits)
        variance = math.fsum((logit - mean) ** 2 for logit in logits) / len(logits)
        if not math.isfinite(variance) or variance == 0:
            message = (
                f"{len(logits)} logits have mean {mean} and variance {variance}: a scale needs"
                " finite logits that differ"
            )
            raise ValueError(message)
        return cls(mean, math.sqrt(variance))

    def apply(self, logits: "Tensor") -> "Tensor":
        """Return ``(logits - mean) / deviation``."""
        return (logits - self.mean) / self.deviation


RAW = Scale()
"""Leaves logits as the teacher gave them."""


def soft_bce(logits: "Tensor", targets: "Tensor", *, mask: "Tensor | None" = None) -> "Tensor":
    """Binary cross-entropy against graded targets.

    The teacher's loss with targets from a table of labels, such as 1 / .5 / 0 / 0 for
    exact / substitute / complement / irrelevant, and the soft-label baseline of students with the
    teacher's own probabilities as targets.

    Args:
        logits: Before the sigmoid, any shape.
        targets: Shares of relevance, 0..1, same shape.
        mask: False where a list is padded; same shape.

    Returns:
        The mean over what the mask keeps, in nats; 0 where it keeps nothing.

    Raises:
        ValueError: If shapes differ or there is nothing to learn from.

    Source: Walmart, arXiv:2505.07105 (abstract: a "classification model with soft targets");
    that the classifier is binary with graded targets is our reading.
    """
    from torch.nn.functional import binary_cross_entropy_with_logits

    _check(logits, targets, mask)
    answers, wanted = _full(logits, mask), _full(targets, mask)
    return _mean(binary_cross_entropy_with_logits(answers, wanted, reduction="none"), mask)


def hard_bce(
    logits: "Tensor", targets: "Tensor", *, threshold: float = 0.5, mask: "Tensor | None" = None
) -> "Tensor":
    """Binary cross-entropy against targets that are rounded to relevant or not.

    The no-distillation baseline: labels alone, no teacher's doubt.

    Args:
        logits: Before the sigmoid, any shape.
        targets: Shares of relevance, 0..1, same shape.
        threshold: Targets of at least this much count as relevant.
        mask: False where a list is padded; same shape.

    Returns:
        The mean over what the mask keeps, in nats; 0 where it keeps nothing.

    Raises:
        ValueError: If shapes differ or there is nothing to learn from.
    """
    return soft_bce(logits, (targets >= threshold).to(logits.dtype), mask=mask)


def hard_cross_entropy(logits: "Tensor", labels: "Tensor") -> "Tensor":
    """Cross-entropy of a classifier against one label each.

    Args:
        logits: Before the softmax, shape (pairs, classes).
        labels: Index of the true class, shape (pairs,); -100 leaves a pair out.

    Returns:
        The mean over the pairs that are not left out, in nats; 0 where all are.

    Raises:
        ValueError: If shapes do not fit or there is nothing to learn from.
    """
    from torch.nn.functional import cross_entropy

    if logits.dim() != _PAIRED or labels.shape != logits.shape[:1] or not labels.numel():
        message = (
            f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)}:"
            " (pairs, classes) and (pairs,) are needed, with at least one pair"
        )
        raise ValueError(message)
    kept = labels != _LEFT_OUT
    total = cross_entropy(_full(logits), labels, ignore_index=_LEFT_OUT, reduction="sum")
    return total / kept.sum().clamp(min=1)


def soft_cross_entropy(logits: "Tensor", targets: "Tensor") -> "Tensor":
    """Cross-entropy of a classifier against a distribution over its classes.

    Args:
        logits: Before the softmax, shape (pairs, classes).
        targets: Probabilities that sum to 1 in each row, same shape.

    Returns:
        The mean over pairs, in nats; its least possible value is the targets' entropy.

    Raises:
        ValueError: If shapes differ or there is nothing to learn from.

    Source: Hinton et al. 2015, arXiv:1503.02531, at temperature 1.
    """
    from torch.nn.functional import log_softmax

    _check(logits, targets, None)
    return -(_full(targets) * log_softmax(_full(logits), dim=-1)).sum(-1).mean()


def distribution_kl(student: "Tensor", teacher: "Tensor", *, temperature: float = 1.0) -> "Tensor":
    """Divergence of a student's classes from a teacher's, both softened.

    Args:
        student: Logits before the softmax, shape (pairs, classes).
        teacher: Likewise, or log-probabilities; no gradient flows into them.
        temperature: Divides both; above 1 the teacher's small probabilities count for more. The
            loss is multiplied by its square, so that gradients stay as large.

    Returns:
        The mean of KL(teacher || student) over pairs, in nats; 0 where both say the same.

    Raises:
        ValueError: If shapes differ, there is nothing to learn from, or the temperature is not
            positive.

    Source: Hinton et al. 2015, arXiv:1503.02531, section 2.
    """
    from torch.nn.functional import kl_div, log_softmax

    _check(student, teacher, None)
    if not temperature > 0:
        message = f"temperature {temperature}: it has to be positive"
        raise ValueError(message)
    said = log_softmax(_full(student) / temperature, dim=-1)
    wanted = log_softmax(_full(teacher.detach()) / temperature, dim=-1)
    return kl_div(said, wanted, reduction="batchmean", log_target=True) * temperature**2


def alignment(
    standard: "Tensor",
    augmented: "Tensor",
    *,
    temperature: float = 0.1,
    classes: "Tensor | None" = None,
    symmetric: bool = False,
    stop_gradient: bool = True,
) -> "Tensor":
    """Contrast of two views in a batch: each should find its own other view among all.

    -log of exp(cos(standard i, augmented i) / t) over the sum of exp(cos(standard i, augmented j)
    / t) for all j.

    Args:
        standard: Vectors of any length, shape (pairs, width).
        augmented: Of the same pairs, same shape.
        temperature: t.
        classes: Class of each pair, shape (pairs,): other pairs of the same class are then no
            negatives, since nothing says that their vectors should differ.
        symmetric: Mean of this and of each augmented view finding its standard one.
        stop_gradient: Let ``augmented`` be a target that does not move towards ``standard``.

    Returns:
        The mean over pairs, in nats.

    Raises:
        ValueError: If shapes do not fit, or there is nothing to learn from.

    Source: InfoNCE, van den Oord et al. 2018, arXiv:1807.03748, equation 4, between the views of
    CRSD, arXiv:2510.11056 (abstract: contrastive); temperature, stopped gradient and what counts
    as a negative are our reading.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    _check(standard, augmented, None)
    if standard.dim() != _PAIRED or (classes is not None and classes.shape != standard.shape[:1]):
        message = (
            f"views of shape {tuple(standard.shape)}: (pairs, width) is needed, and a class each"
        )
        raise ValueError(message)
    targets = augmented.detach() if stop_gradient else augmented
    ours, theirs = (normalize(_full(view), dim=-1) for view in (standard, targets))
    cosines = ours @ theirs.T / temperature
    own = torch.arange(len(cosines), device=cosines.device)
    if classes is not None:
        same = (classes[:, None] == classes[None, :]) & (own[:, None] != own[None, :])
        cosines = cosines.masked_fill(same, -torch.inf)
    loss = cross_entropy(cosines, own)
    return (loss + cross_entropy(cosines.T, own)) / 2 if symmetric else loss


def pointwise_mse(
    student: "Tensor", teacher: "Tensor", *, mask: "Tensor | None" = None, scale: Scale = RAW
) -> "Tensor":
    """Mean squared difference between the student's and the teacher's logits.

    Unlike margins, the teacher's own shift has to be learnt as well.

    Args:
        student: Logits, any shape.
        teacher: Logits, same shape.
        mask: False where a list is padded; same shape.
        scale: Of the teacher's logits over the training set; the student learns the scaled ones.

    Returns:
        The loss, in squared teacher logits after scaling; 0 where the mask keeps nothing.

    Raises:
        ValueError: If shapes differ or there is nothing to learn from.
    """
    _check(student, teacher, mask)
    return _mean((_full(student, mask) - scale.apply(_full(teacher, mask))) ** 2, mask)


def margin_mse(
    student: "Tensor",
    teacher: "Tensor",
    *,
    mask: "Tensor | None" = None,
    smallest_margin: float = 0.0,
    scale: Scale = RAW,
) -> "Tensor":
    """Mean squared difference between the student's and the teacher's margins.

    A margin is score(query, one product) - score(query, another), taken over all pairs i < j of
    each query's list. Only margins are matched, so the two models may score on differently
    shifted scales, another shift for each query.

    Args:
        student: Logits, shape (queries, hits).
        teacher: Logits, same shape.
        mask: False where a list is padded; same shape.
        smallest_margin: Pairs whose teacher's margin, after scaling, is smaller than this are left
            out; 0 keeps ties too, whose products the student learns to score alike.
        scale: Of the teacher's logits over the training set; the student learns the scaled ones.

    Returns:
        The mean over all pairs of all queries, in squared teacher logits after scaling; 0 where
        no pair is left. A query with more hits has more pairs and so weighs more.

    Raises:
        ValueError: If shapes differ, are not (queries, hits) or hold nothing.

    Source: Walmart, arXiv:2505.07105 (abstract: "the relevance margin between pairs of products
    for a given query using MSE loss"); all pairs of a list, logits rather than probabilities,
    the least margin and the scaling are our reading. For a list of two it is Margin-MSE,
    Hofstätter et al. 2020, arXiv:2010.02666.
    """
    import torch

    _check(student, teacher, mask)
    if student.dim() != _PAIRED:
        message = f"logits of shape {tuple(student.shape)}: (queries, hits) is needed"
        raise ValueError(message)
    hits = student.shape[1]
    first, second = torch.triu_indices(hits, hits, offset=1, device=student.device)
    wanted = _margins(scale.apply(_full(teacher, mask)), first, second)
    kept = wanted.abs() >= smallest_margin
    if mask is not None:
        kept = kept & mask[:, first] & mask[:, second]
    return _mean((_margins(_full(student, mask), first, second) - wanted) ** 2, kept)


_PAIRED = 2  # dimensions of (queries, hits), and of (pairs, classes)
_LEFT_OUT = -100


def _margins(logits: "Tensor", first: "Tensor", second: "Tensor") -> "Tensor":
    return logits[:, first] - logits[:, second]


def _full(values: "Tensor", mask: "Tensor | None" = None) -> "Tensor":
    """Return float64 as it is and anything smaller as float32, whatever autocast left.

    Padding becomes 0 here, before any arithmetic: a NaN in it would reach gradients otherwise.
    """
    import torch

    full = values if values.dtype == torch.float64 else values.float()
    return full if mask is None else full.masked_fill(~mask, 0.0)


def _mean(values: "Tensor", mask: "Tensor | None") -> "Tensor":
    """Average what the mask keeps."""
    if mask is None:
        return values.mean()
    return (values * mask).sum() / mask.sum().clamp(min=1)


def _check(logits: "Tensor", targets: "Tensor", mask: "Tensor | None") -> None:
    shapes = {tuple(values.shape) for values in (logits, targets, mask) if values is not None}
    if len(shapes) > 1 or not logits.numel():
        found = ", ".join(str(shape) for shape in sorted(shapes))
        message = f"shapes {found}: logits, targets and mask need one shape and at least one value"
        raise ValueError(message)
