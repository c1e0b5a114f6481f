"""The pieces of a training loop on accelerate; the loop itself stands in the recipe."""

import platform
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch import Tensor
    from torch.nn import Module
    from torch.optim import AdamW, Optimizer
    from torch.optim.lr_scheduler import LambdaLR

Precision = Literal["no", "bf16"]


def seed_everything(seed: int) -> None:
    """Seed Python's, NumPy's and torch's chance, on every device."""
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)  # libraries draw from the global state
    torch.manual_seed(seed)


def best_precision() -> Precision:
    """Return ``bf16`` where the first GPU, or the CPU without one, computes in it by itself.

    A CPU that only emulates bfloat16 is slower with it than in float32. What accelerate's
    ``Accelerator(mixed_precision=...)`` takes.
    """
    import torch

    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "no"
    asked = getattr(torch.cpu, "get_capabilities", None)  # the oldest torch here has none
    capabilities = asked() if asked else {}
    native = ("avx512_bf16", "amx_bf16", "bf16")
    return "bf16" if any(capabilities.get(name) for name in native) else "no"


def adamw(
    model: "Module",
    *,
    rate: float,
    weight_decay: float = 0.01,
    betas: tuple[float, float] = (0.9, 0.999),
) -> "AdamW":
    """Make AdamW over a model's parameters that learn.

    Biases and the weights of norms, which are all one-dimensional, do not decay.
    """
    from torch.optim import AdamW

    return AdamW(parameter_groups(model, weight_decay=weight_decay), lr=rate, betas=betas)


def parameter_groups(model: "Module", *, weight_decay: float) -> list[dict[str, Any]]:
    """Split the parameters that learn into those that decay and those that do not."""
    learning = [weights for weights in model.parameters() if weights.requires_grad]
    return [
        {"params": [w for w in learning if w.dim() > 1], "weight_decay": weight_decay},
        {"params": [w for w in learning if w.dim() <= 1], "weight_decay": 0.0},
    ]


def linear_schedule(optimizer: "Optimizer", *, warmup_steps: int, steps: int) -> "LambdaLR":
    """Raise the rate from 0 over the warm-up, then lower it towards 0 at the end.

    Accelerate must not prepare the schedule: it would take a step for every process.

    Args:
        optimizer: As it is before accelerate prepares it.
        warmup_steps: The first steps, while AdamW's averages are still those of a few batches.
        steps: Of the whole training.

    Raises:
        ConfigError: If the warm-up is not shorter than the training.
    """
    from torch.optim.lr_scheduler import LambdaLR

    if not 0 <= warmup_steps < steps:
        message = f"a warm-up of {warmup_steps} steps in a training of {steps}: give a shorter one"
        raise ConfigError(message)
    return LambdaLR(optimizer, lambda step: rate_factor(step, warmup_steps, steps))


def rate_factor(step: int, warmup_steps: int, steps: int) -> float:
    """Return the share of the full rate that a step, counted from 0, learns with."""
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    return max(0.0, (steps - step) / (steps - warmup_steps))


def learn(
    loss: "Tensor | Iterable[Tensor]",
    *,
    accelerator: "Accelerator",
    model: "Module",
    optimizer: "Optimizer",
    schedule: "LambdaLR",
    max_norm: float = 1.0,
) -> float:
    """Do one step of training: backward, clip, step, next rate.

    Args:
        loss: A scalar; float32 or better also under autocast, as ``losses`` gives it. Or several
            that add up to it, each computed when the one before has been taken back: what is kept
            for gradients is then that of one part at a time.
        accelerator: That prepared the model and the optimizer.
        model: Whose gradients are clipped.
        optimizer: Its gradients are cleared afterwards.
        schedule: Moved on by one step.
        max_norm: Gradients together are at most this long.

    Returns:
        The loss.

    Raises:
        FloatingPointError: If the loss is NaN or infinite; the weights are as before.
    """
    import torch

    total = 0.0
    for part in (loss,) if isinstance(loss, torch.Tensor) else loss:
        value = float(part.detach())
        if not abs(value) < float("inf"):
            message = f"the loss is {value}: lower the rate, or look for NaN in the targets"
            raise FloatingPointError(message)
        accelerator.backward(part)
        total += value
    accelerator.clip_grad_norm_(model.parameters(), max_norm)
    optimizer.step()
    schedule.step()
    optimizer.zero_grad(set_to_none=True)
    return total


Report = Callable[[int, float], None]


@contextmanager
def reporting(
    description: str, *, steps: int, done: int = 0, shown: bool = True
) -> Iterator[Report]:
    """Show a training's progress on the standard error.

    Args:
        description: What is being trained.
        steps: Of the whole training.
        done: Steps of it that a checkpoint had.
        shown: False on all processes but the main one.

    Yields:
        A function to call with each step's number, counted from 1, and its loss; the bar shows a
        running mean of about the last fifty. Where no terminal shows a bar, such as in a file,
        there is a line for every tenth of the steps.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not shown, refresh_per_second=2) as progress:
        task = progress.add_task(description, total=steps, completed=done, loss="-")
        yield _running_mean(progress, task, lines=shown and not console.is_terminal)


def _running_mean(progress: Progress, task: TaskID, *, lines: bool) -> Report:
    mean: list[float] = []
    tenths = max(1, int(progress.tasks[task].total or 0) // 10)

    def report(step: int, loss: float) -> None:
        mean[:] = [loss if not mean else mean[0] + (loss - mean[0]) / _MEMORY]
        progress.update(task, completed=step, loss=f"{mean[0]:.4f}")
        if lines and step % tenths == 0:
            told = progress.tasks[task]
            progress.console.print(
                f"{told.description}: {step}/{told.total} steps, loss {mean[0]:.4f}, "
                f"{told.elapsed or 0:.0f} s",
                highlight=False,
                soft_wrap=True,
            )

    return report


_MEMORY = 50  # steps


def is_main_process() -> bool:
    """Tell whether this is the process that writes, of those that learn together."""
    from accelerate import PartialState  # noqa: PLC0415 loads torch

    return bool(PartialState().is_main_process)


def machine() -> str:
    """Describe what a training runs on, for its provenance."""
    import torch

    if torch.cuda.is_available():
        return f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    return f"{torch.get_num_threads()} threads of {platform.processor() or platform.machine()}"
