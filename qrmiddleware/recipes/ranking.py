"""How language models learn from lists: responses to one prompt, each worth something."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import TokenRow, learnt_tokens
from qrmiddleware.distill.causal.scoring import response_logits
from qrmiddleware.distill.sequence_losses import (
    preference_ranking,
    response_cross_entropy,
    response_log_probabilities,
)
from qrmiddleware.recipes.causal import CausalFitting, course_of, endless_batches, parts_of
from qrmiddleware.recipes.loop import Lessons, train

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ranked:
    """Responses to one prompt, with what each is worth.

    Attributes:
        target: What is learnt as such: the best one, or another that is better than all.
        rows: The responses.
        rewards: One each, on one scale over all lists.
    """

    target: TokenRow
    rows: tuple[TokenRow, ...]
    rewards: tuple[float, ...]

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return max(len(row.ids) for row in (self.target, *self.rows))


def learn_rankings(
    lm: CausalLm,
    lists: Sequence[Ranked],
    *,
    fitting: CausalFitting,
    weight: float,
    checkpoints: Path,
    what: str,
) -> int:
    """Teach a language model which responses are worth more (PRO), in place.

    The loss is the targets' cross-entropy, token by token, and ``weight`` times the mean over
    lists of the ranking's. No reference holds the model back: the targets do. Goes on from the
    newest checkpoint, if there is one.

    Args:
        lm: Learns.
        lists: What from; rows of a batch and passes are whole lists.
        fitting: How.
        weight: Of the ranking; with 0 the targets alone are learnt.
        checkpoints: Folder of this training alone; its content is replaced as it goes.
        what: Is trained, for the progress bar.

    Returns:
        How many lists were left out, for a row is too long.

    Raises:
        ConfigError: If none is left, or the checkpoint there is of another training.
        FloatingPointError: If the loss is no number any more.
    """
    kept = [each for each in lists if each.longest <= fitting.max_tokens]

    def loss(model: Any, batch: Sequence[Ranked]) -> "Iterator[Tensor]":  # noqa: ANN401 wrapped
        tokens = learnt_tokens(each.target for each in batch)
        for part in parts_of(batch, fitting.at_once):
            targets = [each.target for each in part]
            ranked = [row for each in part for row in each.rows] if weight else []
            logits, labels = response_logits(model, [*targets, *ranked], pad=lm.pad)
            own = response_cross_entropy(logits[: len(part)], labels[: len(part)], tokens=tokens)
            if not weight:
                yield own
                continue
            told = response_log_probabilities(
                logits[len(part) :], labels[len(part) :], normalised=True
            )
            yield own + weight / len(batch) * _ranking(told, part)

    rows = [row for each in kept for row in (each.target, *each.rows)]
    rewards = sha256(repr([each.rewards for each in kept]).encode()).hexdigest()
    course = course_of(lm, fitting, rows, what, weight=weight, rewards=rewards)
    train(lm.model, Lessons(endless_batches(kept, fitting), loss), course, checkpoints=checkpoints)
    return len(lists) - len(kept)


def _ranking(told: "Tensor", part: Sequence[Ranked]) -> "Tensor":
    """Sum the losses of lists, whose log-probabilities stand one list after the other."""
    import torch

    scores = told.split([len(each.rows) for each in part])
    return torch.stack(
        [
            preference_ranking(own, torch.tensor(each.rewards, device=told.device))
            for own, each in zip(scores, part, strict=True)
        ]
    ).sum()
