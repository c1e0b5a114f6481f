"""Losses of language models on responses: pure functions on tensors, in float32 or better."""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

_LEFT_OUT: Final = -100
_LOGITS: Final = 3  # dimensions of (rows, tokens, vocabulary)


def response_cross_entropy(
    logits: "Tensor", labels: "Tensor", *, tokens: int | None = None
) -> "Tensor":
    """Next-token cross-entropy over responses; every token counts alike, whatever its row's length.

    Args:
        logits: For each token that should come, shape (rows, tokens, vocabulary).
        labels: Ids of these, shape (rows, tokens); -100 leaves one out, as a prompt's and padding.
        tokens: What the sum is divided by, where these rows are part of a batch; the tokens here
            that are not left out if ``None``.

    Returns:
        In nats a token; 0 where all are left out.

    Raises:
        ValueError: If shapes do not fit or there is nothing to learn from.
    """
    from torch.nn.functional import cross_entropy

    _check(logits, labels)
    total = cross_entropy(
        _full(logits.flatten(0, 1)), labels.flatten(), ignore_index=_LEFT_OUT, reduction="sum"
    )
    return total / max(int((labels != _LEFT_OUT).sum()) if tokens is None else tokens, 1)


def response_log_probabilities(
    logits: "Tensor", labels: "Tensor", *, normalised: bool = False
) -> "Tensor":
    """Sum the log-probabilities of each response's tokens.

    Args:
        logits: As of ``response_cross_entropy``.
        labels: Likewise.
        normalised: Their mean instead, so that long responses are not less likely for it alone.

    Returns:
        Shape (rows,), in nats; 0 of a row that is left out altogether.

    Raises:
        ValueError: If shapes do not fit or there is nothing to score.
    """
    from torch.nn.functional import cross_entropy

    _check(logits, labels)
    each = -cross_entropy(
        _full(logits).transpose(1, 2), labels, ignore_index=_LEFT_OUT, reduction="none"
    )
    total = each.sum(-1)
    return total / (labels != _LEFT_OUT).sum(-1).clamp(min=1) if normalised else total


def dpo(
    chosen: "Tensor",
    rejected: "Tensor",
    *,
    reference_chosen: "Tensor | None" = None,
    reference_rejected: "Tensor | None" = None,
    beta: float = 0.1,
) -> "Tensor":
    """Direct preference optimisation: make a response likelier than another, by a soft margin.

    -log sigmoid(beta ((chosen - reference chosen) - (rejected - reference rejected))).

    Args:
        chosen: Log-probabilities of the preferred responses, shape (pairs,).
        rejected: Of the others, same shape.
        reference_chosen: What the model that it began as says of them; no gradient flows into it.
            Without it no model holds the one that learns back, which is then best given mean
            log-probabilities instead of sums.
        reference_rejected: Likewise; both or none.
        beta: How soon a margin is enough; small ones let the model move further away.

    Returns:
        The mean over pairs, in nats; log 2 where nothing has changed yet.

    Raises:
        ValueError: If shapes differ, there is no pair, or one reference is missing.

    Source: Rafailov et al. 2023, arXiv:2305.18290, equation 7.
    """
    from torch.nn.functional import logsigmoid

    if (reference_chosen is None) is not (reference_rejected is None):
        message = "a reference needs both, what it says of chosen and of rejected responses"
        raise ValueError(message)
    told = [each for each in (reference_chosen, reference_rejected) if each is not None]
    shapes = {tuple(each.shape) for each in (chosen, rejected, *told)}
    if len(shapes) > 1 or chosen.dim() != 1 or not chosen.numel():
        found = ", ".join(map(str, sorted(shapes)))
        message = f"log-probabilities of shape {found}: all need one shape (pairs,), with a pair"
        raise ValueError(message)
    margins = _full(chosen) - _full(rejected)
    if reference_chosen is not None and reference_rejected is not None:
        margins = margins - (_full(reference_chosen) - _full(reference_rejected)).detach()
    return -logsigmoid(beta * margins).mean()


def preference_ranking(
    log_probabilities: "Tensor", rewards: "Tensor", *, temperatures: bool = True
) -> "Tensor":
    """Preference ranking optimisation (PRO): make responses likelier, the more they are worth.

    Every response is to be told from all that are worth less, by a softmax over both:

        -log( exp(s_k / T_k) / (exp(s_k / T_k) + sum over r_i < r_k of exp(s_i / T_ki)) )

    with T_ki = 1 / (r_k - r_i) and T_k the least of these. Responses of equal worth are not told
    from each other, so that the order of the list says nothing. The loss depends on the scale of
    rewards: bring them to one, such as 0..1, over a whole data set.

    Args:
        log_probabilities: Of the responses to one prompt, shape (responses,); means over their
            tokens, lest long ones count for less.
        rewards: What each is worth, same shape; no gradient flows into them.
        temperatures: Soften by how far apart two are; without, 1 stands for all (Plackett-Luce,
            where no two are alike).

    Returns:
        The sum over responses, in nats; 0 where all are worth the same, which teaches nothing.

    Raises:
        ValueError: If shapes differ or there is nothing to rank.

    Source: Song et al. 2024, arXiv:2306.17492 (PRO); with length-normalised log-probabilities,
    Peng et al. 2023, arXiv:2311.03758 (BEQUE).
    """
    if log_probabilities.dim() != 1 or rewards.shape != log_probabilities.shape or not len(rewards):
        message = (
            f"log-probabilities of shape {tuple(log_probabilities.shape)} and rewards of shape "
            f"{tuple(rewards.shape)}: both need one shape (responses,), with a response"
        )
        raise ValueError(message)
    scores = _full(log_probabilities)
    worth = rewards.detach().to(scores)
    gaps = worth[:, None] - worth[None, :]
    above = (gaps > 0).any(1)  # what is worth least is told from nothing, and has no gradient
    gaps = gaps[above]
    inverse = gaps if temperatures else (gaps > 0).to(scores)
    own = scores[above] * inverse.amax(1)
    others = (scores * inverse).masked_fill(gaps <= 0, float("-inf"))
    return (own.logaddexp(others.logsumexp(1)) - own).sum()


def _full(values: "Tensor") -> "Tensor":
    """Return float64 as it is and anything smaller as float32, whatever autocast left."""
    import torch

    return values if values.dtype == torch.float64 else values.float()


def _check(logits: "Tensor", labels: "Tensor") -> None:
    if logits.dim() != _LOGITS or labels.shape != logits.shape[:2] or not labels.numel():
        message = (
            f"logits of shape {tuple(logits.shape)} and labels of shape {tuple(labels.shape)}: "
            "(rows, tokens, vocabulary) and (rows, tokens) are needed, with at least one token"
        )
        raise ValueError(message)
