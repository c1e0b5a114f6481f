"""Group-relative policy optimisation: drawn rewrites become likelier by how much better they are.

Source: Shao et al. 2024, arXiv:2402.03300 (GRPO); the alternative to preferences.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qrmiddleware.distill.batching import token_batches
from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import LEFT_OUT, TokenRow
from qrmiddleware.distill.causal.scoring import response_logits
from qrmiddleware.distill.distillation_losses import (
    group_advantages,
    grpo,
    token_log_probabilities,
)
from qrmiddleware.recipes.causal import (
    CausalFitting,
    course_of,
    endless_batches,
    own_device,
    parts_of,
)
from qrmiddleware.recipes.loop import Lessons, train

if TYPE_CHECKING:
    from torch import Tensor

_BUDGET: Final = 8192
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Drawn:
    """A response that was drawn, and its reward."""

    row: TokenRow
    reward: float


@dataclass(frozen=True, slots=True)
class _Held:
    """A response, and what two models said of each of its tokens before anything was learnt."""

    row: TokenRow
    advantage: float
    then: tuple[float, ...]
    reference: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Pull:
    """How far a policy may go.

    Attributes:
        clip: A token's probability may change by this share and still be rewarded for it.
        leash: Weight of staying near the reference.
    """

    clip: float = 0.2
    leash: float = 0.04


def learn_policy(
    lm: CausalLm,
    groups: Sequence[Sequence[Drawn]],
    reference: CausalLm,
    *,
    fitting: CausalFitting,
    pull: Pull,
    checkpoints: Path,
) -> int:
    """Teach a language model by the rewards of what it drew, in place.

    Goes on from the newest checkpoint, if there is one.

    Args:
        lm: Drew the responses, and learns; as it was loaded.
        groups: Responses to one prompt each; a group whose rewards are equal teaches nothing.
        reference: Holds it back; has its tokens.
        fitting: How; its rows are responses.
        pull: How far it may go.
        checkpoints: Folder of this training alone; its content is replaced as it goes.

    Returns:
        How many responses were learnt from.

    Raises:
        ConfigError: If there are none, or the checkpoint there is of another training.
        FloatingPointError: If the loss is no number any more.
    """
    rows, advantages = _weighed(groups, fitting.max_tokens)
    then = _token_log_probabilities(lm, rows)
    held = [
        _Held(*item)
        for item in zip(
            rows, advantages, then, _token_log_probabilities(reference, rows), strict=True
        )
    ]

    def loss(model: Any, batch: Sequence[_Held]) -> "Iterator[Tensor]":  # noqa: ANN401 wrapped
        for part in parts_of(batch, fitting.at_once):
            yield _loss(model, part, pad=lm.pad, pull=pull) * (len(part) / len(batch))

    course = course_of(
        lm,
        fitting,
        rows,
        "learning from rewards",
        clip=pull.clip,
        leash=pull.leash,
        reference=reference.base,
    )
    train(lm.model, Lessons(endless_batches(held, fitting), loss), course, checkpoints=checkpoints)
    return len(held)


def _weighed(
    groups: Sequence[Sequence[Drawn]], max_tokens: int
) -> tuple[list[TokenRow], list[float]]:
    import torch

    rows: list[TokenRow] = []
    advantages: list[float] = []
    for group in groups:
        if len(group) < _LEAST:
            continue
        told = group_advantages(torch.tensor([[each.reward for each in group]]))[0].tolist()
        for each, advantage in zip(group, told, strict=True):
            if advantage and len(each.row.ids) <= max_tokens:
                rows.append(each.row)
                advantages.append(advantage)
    return rows, advantages


def _token_log_probabilities(lm: CausalLm, rows: Sequence[TokenRow]) -> list[tuple[float, ...]]:
    """Score each token of responses, without gradients."""
    import torch

    lm.model.to(own_device()).eval()
    found: dict[int, tuple[float, ...]] = {}
    with torch.inference_mode():
        for group in token_batches([len(row.ids) for row in rows], budget=_BUDGET):
            logits, labels = response_logits(lm.model, [rows[n] for n in group], pad=lm.pad)
            told = token_log_probabilities(logits, labels)
            for number, each, wanted in zip(group, told, labels, strict=True):
                found[number] = tuple(each[wanted != LEFT_OUT].tolist())
    return [found[number] for number in range(len(rows))]


def _loss(model: Any, part: Sequence[_Held], *, pad: int, pull: Pull) -> "Tensor":  # noqa: ANN401 wrapped
    import torch

    logits, labels = response_logits(model, [held.row for held in part], pad=pad)
    now = token_log_probabilities(logits, labels)
    kept = labels != LEFT_OUT
    then, reference = torch.zeros_like(now), torch.zeros_like(now)
    then[kept] = torch.tensor([x for held in part for x in held.then], device=now.device)
    reference[kept] = torch.tensor([x for held in part for x in held.reference], device=now.device)
    advantages = torch.tensor([held.advantage for held in part], device=now.device)
    return grpo(now, then, reference, advantages, kept.float(), clip=pull.clip, leash=pull.leash)
