"""The loop that everything learns in: seeded, resumable, on one process or several."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeAlias, TypeVar

from qrmiddleware.distill.checkpoints import Learning, Progressed, resume, save_checkpoint
from qrmiddleware.distill.lists import Position, own_share
from qrmiddleware.distill.training import (
    adamw,
    best_precision,
    learn,
    linear_schedule,
    reporting,
    seed_everything,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

T = TypeVar("T")

WARMUP: Final = 0.08
"""Share of the steps in which the rate still rises."""
SAVE_EVERY: Final = 200
"""Steps between checkpoints."""

Batches: TypeAlias = Callable[[Position], Iterator[tuple[tuple[T, ...], Position]]]
"""Batches without end from a position on, each with the position after it."""
Computed: TypeAlias = "Tensor | Iterable[Tensor]"


@dataclass(frozen=True, slots=True)
class Lessons(Generic[T]):
    """What is learnt from.

    Attributes:
        batches: The same from the same position on, in every process.
        loss: Of a model, as accelerate made it, and a process's share of a batch: a scalar, or
            parts that add up to it.
    """

    batches: Batches[T]
    loss: Callable[[Any, Sequence[T]], Computed]


@dataclass(frozen=True, slots=True)
class Course:
    """How a training runs.

    Attributes:
        steps: Updates of the weights.
        rate: The highest learning rate.
        seed: Of everything that is drawn.
        what: Is trained, for the progress bar.
        settings: Which a resumed run must have been begun with, in JSON's types.
    """

    steps: int
    rate: float
    seed: int
    what: str
    settings: Mapping[str, Any]


def train(model: "Module", lessons: Lessons[T], course: Course, *, checkpoints: Path) -> None:
    """Train a model in place; goes on from the newest checkpoint, if there is one.

    Args:
        model: Learns; ready to be asked afterwards.
        lessons: What from.
        course: How.
        checkpoints: Folder of this training alone; its content is replaced as it goes.

    Raises:
        ConfigError: If the checkpoint there was begun with other settings.
        FloatingPointError: If the loss is no number any more.
    """
    from accelerate import Accelerator  # noqa: PLC0415 loads torch

    seed_everything(course.seed)
    accelerator = Accelerator(mixed_precision=best_precision())
    optimizer = adamw(model, rate=course.rate)
    schedule = linear_schedule(
        optimizer, warmup_steps=int(WARMUP * course.steps), steps=course.steps
    )
    prepared, optimizer = accelerator.prepare(model, optimizer)
    learning = Learning(accelerator, prepared, optimizer, schedule)
    done = resume(checkpoints, learning, settings=course.settings)
    prepared.train()
    shown = accelerator.is_main_process
    with reporting(course.what, steps=course.steps, done=done.step, shown=shown) as report:
        endless = lessons.batches(done.position)
        for step in range(done.step + 1, course.steps + 1):
            batch, position = next(endless)
            mine = own_share(
                batch,
                process=accelerator.process_index,
                processes=accelerator.num_processes,
            )
            told = learn(
                lessons.loss(prepared, mine),
                accelerator=accelerator,
                model=prepared,
                optimizer=optimizer,
                schedule=schedule,
            )
            report(step, told)
            if step % SAVE_EVERY == 0 or step == course.steps:
                save_checkpoint(
                    checkpoints, learning, Progressed(step, position), settings=course.settings
                )
    model.eval()
