"""On-policy distillation: the student writes, and a teacher says how likely each token was to it.

Source: MiniELM, arXiv:2501.18056, distils by reverse KL; that it is told about the student's own
rewrites is MiniLLM's, arXiv:2306.08543, and GKD's, arXiv:2306.13649.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qrmiddleware.distill.causal.generation import Decoding, respond
from qrmiddleware.distill.causal.models import CausalLm
from qrmiddleware.distill.causal.rows import LEFT_OUT, TokenRow
from qrmiddleware.distill.causal.scoring import response_logits
from qrmiddleware.distill.distillation_losses import reverse_kl
from qrmiddleware.distill.lists import Position
from qrmiddleware.distill.sequence_losses import response_log_probabilities
from qrmiddleware.errors import ConfigError
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

BUDGET: Final = 8192
"""Tokens of a pass that draws, padding and rewrites included."""
_AT_ONCE: Final = 16


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, as both models read it.

    Attributes:
        student: Ids of its prompt.
        teacher: Likewise; it may be asked in other words.
    """

    student: tuple[int, ...]
    teacher: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Apart:
    """How far a student is from its teacher, on rewrites that it draws.

    Attributes:
        reverse_kl: In nats a token.
        teacher_log_probability: Of these rewrites, the mean over tokens, in nats.
    """

    reverse_kl: float
    teacher_log_probability: float


@dataclass(frozen=True, slots=True)
class _Turn:
    """A prompt of a batch, and which batch it is: its rewrites differ from batch to batch."""

    asked: Asked
    batch: int


def check_tokenizers(student: CausalLm, teacher: CausalLm) -> None:
    """Look whether both split texts alike, or no token of one is one of the other.

    Raises:
        ConfigError: If they do not.
    """
    if student.tokenizer.get_vocab() != teacher.tokenizer.get_vocab() or student.end != teacher.end:
        message = (
            "student and teacher have different tokenizers, so that no token of one can be "
            "compared: begin the student from nothing (--scratch), which takes the teacher's, or "
            "stop after the warm-up (--on-policy-steps 0)"
        )
        raise ConfigError(message)


def learn_on_policy(
    student: CausalLm,
    teacher: CausalLm,
    asked: Sequence[Asked],
    *,
    fitting: CausalFitting,
    decoding: Decoding,
    temperature: float = 1.0,
    checkpoints: Path,
) -> None:
    """Teach a student to write what its teacher holds likely, in place.

    Each batch is written anew by the student as it is by then. Goes on from the newest checkpoint
    as if it had never stopped, for what is drawn depends on weights, seed and batch alone.

    Args:
        student: Learns; has the teacher's tokens.
        teacher: Only reads.
        asked: Queries; a batch takes as many as its rows.
        fitting: How.
        decoding: How the student writes; its seed is the fitting's.
        temperature: Softens both in the loss.
        checkpoints: Folder of this training alone; its content is replaced as it goes.

    Raises:
        ConfigError: If tokenizers differ, there is no query, or the checkpoint is of another
            training.
        FloatingPointError: If the loss is no number any more.
    """
    check_tokenizers(student, teacher)
    teacher.model.to(own_device()).eval()
    kept = [each for each in asked if len(each.student) < fitting.max_tokens]
    batches = endless_batches(kept, fitting)

    def turns(start: Position) -> Iterator[tuple[tuple[_Turn, ...], Position]]:
        for batch, position in batches(start):
            yield tuple(_Turn(each, position.batch) for each in batch), position

    def loss(model: Any, batch: Sequence[_Turn]) -> "Iterator[Tensor]":  # noqa: ANN401 wrapped
        seed = fitting.seed * 1_000_003 + batch[0].batch
        rows = _written(student, [turn.asked for turn in batch], replace(decoding, seed=seed))
        model.train()
        tokens = sum(len(ours.ids) - ours.prompt for ours, _ in rows)
        for part in parts_of(rows, fitting.at_once):
            yield _divergence(model, student, teacher, part, temperature=temperature, tokens=tokens)

    read = [TokenRow((*each.student, *each.teacher), len(each.student)) for each in kept]
    course = course_of(
        student,
        fitting,
        read,
        "learning from the teacher",
        temperature=temperature,
        drawn=repr(decoding),
        teacher=teacher.base,
    )
    train(student.model, Lessons(turns, loss), course, checkpoints=checkpoints)


def apart(
    student: CausalLm, teacher: CausalLm, asked: Sequence[Asked], decoding: Decoding
) -> Apart:
    """Measure a student on queries, which should be held out; nothing is learnt."""
    import torch

    for lm in (student, teacher):
        lm.model.to(own_device()).eval()
    rows = _written(student, asked, decoding)
    tokens = sum(len(ours.ids) - ours.prompt for ours, _ in rows)
    divergence, said = 0.0, 0.0
    with torch.inference_mode():
        for part in parts_of(rows, _AT_ONCE):
            divergence += float(
                _divergence(student.model, student, teacher, part, temperature=1.0, tokens=tokens)
            )
            told, labels = response_logits(teacher.model, [row for _, row in part], pad=teacher.pad)
            said += float(response_log_probabilities(told, labels).sum()) / tokens
    return Apart(divergence, said)


def _written(
    student: CausalLm, asked: Sequence[Asked], decoding: Decoding
) -> list[tuple[TokenRow, TokenRow]]:
    """Have the student write; returns what it wrote behind its own prompts and the teacher's."""
    drawn = respond(student, [each.student for each in asked], decoding, budget=BUDGET)
    return [
        (
            TokenRow((*each.student, *said.ids), len(each.student)),
            TokenRow((*each.teacher, *said.ids), len(each.teacher)),
        )
        for each, group in zip(asked, drawn, strict=True)
        for said in group
    ]


def _divergence(
    model: Any,  # noqa: ANN401 may be wrapped by accelerate
    student: CausalLm,
    teacher: CausalLm,
    rows: Sequence[tuple[TokenRow, TokenRow]],
    *,
    temperature: float,
    tokens: int,
) -> "Tensor":
    """Compare both, token by token of the rewrites; prompts may be of different lengths."""
    import torch

    ours, labels = response_logits(model, [row for row, _ in rows], pad=student.pad)
    with torch.no_grad():
        theirs, wanted = response_logits(teacher.model, [row for _, row in rows], pad=teacher.pad)
    known = min(ours.shape[-1], theirs.shape[-1])  # a matrix may have rows that are no token
    return reverse_kl(
        ours[labels != LEFT_OUT][None, :, :known],
        theirs[wanted != LEFT_OUT][None, :, :known],
        labels[labels != LEFT_OUT][None],
        temperature=temperature,
        tokens=tokens,
    )
