"""Losses of a language model that learns from another one's probabilities, or from rewards.

Pure functions on tensors, in float32 or better; ``LEFT_OUT`` (-100) in labels leaves tokens out, as
those of prompts and padding.
"""

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from torch import Tensor

_LEFT_OUT: Final = -100
_EVEN: Final = 1e-6  # a group whose rewards differ less has no better and no worse response


def reverse_kl(
    student: "Tensor",
    teacher: "Tensor",
    labels: "Tensor",
    *,
    temperature: float = 1.0,
    tokens: int | None = None,
) -> "Tensor":
    """KL(student || teacher): what the student says must be likely to the teacher.

    It seeks the teacher's likeliest ways on, and leaves others out, where the forward direction
    would spread over all of them.

    Args:
        student: Logits, shape (rows, tokens, vocabulary).
        teacher: Likewise; no gradient flows into it.
        labels: Which tokens count, shape (rows, tokens).
        temperature: Softens both.
        tokens: What the sum is divided by, where these rows are part of a batch; the tokens here
            that are not left out if ``None``.

    Returns:
        In nats a token; 0 where all are left out.

    Raises:
        ValueError: If shapes do not fit or the temperature is not above 0.

    Source: Gu et al. 2023, arXiv:2306.08543 (MiniLLM); token by token as in Agarwal et al. 2023,
    arXiv:2306.13649 (GKD).
    """
    ours, theirs = _both(student, teacher, labels, temperature)
    each = (ours.exp() * (ours - theirs)).sum(-1)
    return _mean(each, labels, tokens)


def forward_kl(
    student: "Tensor",
    teacher: "Tensor",
    labels: "Tensor",
    *,
    temperature: float = 1.0,
    tokens: int | None = None,
) -> "Tensor":
    """KL(teacher || student): whatever the teacher may say must be likely to the student.

    Arguments, result and errors are those of ``reverse_kl``.
    """
    ours, theirs = _both(student, teacher, labels, temperature)
    each = (theirs.exp() * (theirs - ours)).sum(-1)
    return _mean(each, labels, tokens)


def token_log_probabilities(logits: "Tensor", labels: "Tensor") -> "Tensor":
    """Return each token's log-probability, shape (rows, tokens); 0 where it is left out."""
    from torch.nn.functional import cross_entropy

    return -cross_entropy(
        _full(logits).transpose(1, 2), labels, ignore_index=_LEFT_OUT, reduction="none"
    )


def group_advantages(rewards: "Tensor") -> "Tensor":
    """Say how much better each response is than others to its prompt, in standard deviations.

    Args:
        rewards: Shape (prompts, responses).

    Returns:
        Same shape, each row of mean 0; all 0 where a prompt's rewards are equal.

    Raises:
        ValueError: If there are fewer than two responses to a prompt.

    Source: Shao et al. 2024, arXiv:2402.03300 (GRPO), equation 3's outcome supervision.
    """
    import torch

    if rewards.dim() != 2 or rewards.shape[1] < 2:  # noqa: PLR2004 one has none to be better than
        message = f"rewards of shape {tuple(rewards.shape)}: (prompts, at least 2 responses)"
        raise ValueError(message)
    rewards = _full(rewards)
    apart = rewards - rewards.mean(1, keepdim=True)
    spread = rewards.std(1, correction=0, keepdim=True)
    return torch.where(spread > _EVEN, apart / spread.clamp(min=_EVEN), torch.zeros_like(apart))


def grpo(
    now: "Tensor",
    then: "Tensor",
    reference: "Tensor",
    advantages: "Tensor",
    kept: "Tensor",
    *,
    clip: float = 0.2,
    leash: float = 0.04,
) -> "Tensor":
    """Clipped policy objective with a leash to a reference, to be made small.

    A token's ratio exp(now - then) is worth its response's advantage, but beyond 1 ± ``clip`` no
    more; the leash is exp(reference - now) - (reference - now) - 1 a token, which is never below 0
    and estimates KL(now || reference). Each response counts alike, whatever its length.

    Args:
        now: Log-probabilities of drawn tokens, shape (responses, tokens).
        then: By the model that drew them; no gradient flows into it.
        reference: By the model that is held on to; likewise.
        advantages: Of the responses, shape (responses,).
        kept: Which tokens count, shape (responses, tokens), 0 or 1.
        clip: How far a ratio may go.
        leash: Weight of the leash.

    Returns:
        The mean over responses.

    Raises:
        ValueError: If shapes do not fit.

    Source: Shao et al. 2024, arXiv:2402.03300, equations 3 and 4.
    """
    import torch

    shapes = {tuple(each.shape) for each in (now, then, reference, kept)}
    if len(shapes) > 1 or now.dim() != 2 or advantages.shape != now.shape[:1]:  # noqa: PLR2004
        message = (
            f"tokens of shape {', '.join(map(str, sorted(shapes)))} and advantages of shape "
            f"{tuple(advantages.shape)}: (responses, tokens) and (responses,) are needed"
        )
        raise ValueError(message)
    now, then, reference = _full(now), _full(then).detach(), _full(reference).detach()
    worth = _full(advantages).detach().unsqueeze(1)
    ratio = (now - then).exp()
    gained = torch.minimum(ratio * worth, ratio.clamp(1 - clip, 1 + clip) * worth)
    away = (reference - now).exp() - (reference - now) - 1
    weight = kept.to(now.dtype)
    each = (gained - leash * away) * weight
    return -(each.sum(1) / weight.sum(1).clamp(min=1)).mean()


def _both(
    student: "Tensor", teacher: "Tensor", labels: "Tensor", temperature: float
) -> "tuple[Tensor, Tensor]":
    if student.shape != teacher.shape or labels.shape != student.shape[:-1] or student.dim() != 3:  # noqa: PLR2004
        message = (
            f"logits of shapes {tuple(student.shape)} and {tuple(teacher.shape)}, labels of shape "
            f"{tuple(labels.shape)}: (rows, tokens, vocabulary) twice and (rows, tokens)"
        )
        raise ValueError(message)
    if temperature <= 0:
        message = f"a temperature of {temperature}: it is above 0"
        raise ValueError(message)
    ours = (_full(student) / temperature).log_softmax(-1)
    theirs = (_full(teacher).detach() / temperature).log_softmax(-1)
    return ours, theirs


def _mean(each: "Tensor", labels: "Tensor", tokens: int | None) -> "Tensor":
    kept = labels != _LEFT_OUT
    return (each * kept).sum() / max(int(kept.sum()) if tokens is None else tokens, 1)


def _full(values: "Tensor") -> "Tensor":
    """Return float64 as it is and anything smaller as float32, whatever autocast left."""
    import torch

    return values if values.dtype == torch.float64 else values.float()
