"""Checkpoints that a training goes on from as if it had never stopped."""

import json
import random
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from qrmiddleware.distill.lists import START, Position
from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from torch.nn import Module
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LambdaLR

_NAME = re.compile(r"step-(\d{8})")
_STATE = "state.json"
_LEARNT = "learnt.pt"  # read back with weights_only: tensors and plain values, no code


@dataclass(frozen=True, slots=True)
class Learning:
    """What changes while a training runs.

    Attributes:
        model: May be wrapped by the accelerator.
    """

    accelerator: "Accelerator"
    model: "Module"
    optimizer: "Optimizer"
    schedule: "LambdaLR"


@dataclass(frozen=True, slots=True)
class Progressed:
    """How far a training got: steps done, and where its next batch begins."""

    step: int = 0
    position: Position = START


def save_checkpoint(
    folder: Path, learning: Learning, progressed: Progressed, *, settings: Mapping[str, Any]
) -> Path:
    """Write weights, optimiser, schedule, chance and position; then drop older checkpoints.

    Of a model that learns in part, only the weights that learn are written.

    All processes call it. Nothing is there under its name before everything is: a run that is
    killed while it saves resumes from the checkpoint before.

    Args:
        folder: Of the run; made where it is missing.
        learning: What to save.
        progressed: Where to go on.
        settings: What the run was told, in JSON's types; a resumed run must be told the same.

    Returns:
        The checkpoint's folder.
    """
    import torch

    accelerator = learning.accelerator
    final = folder / f"step-{progressed.step:08d}"
    draft = folder / f"{final.name}.draft"
    if accelerator.is_main_process:
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
    accelerator.wait_for_everyone()
    torch.save(_chance(), draft / _chance_file(accelerator))
    if accelerator.is_main_process:
        learnt = {
            "model": _learnt(accelerator.unwrap_model(learning.model)),
            "optimizer": learning.optimizer.state_dict(),
            "schedule": learning.schedule.state_dict(),
        }
        torch.save(learnt, draft / _LEARNT)
        state = {"progressed": asdict(progressed), "settings": dict(settings)}
        (draft / _STATE).write_text(json.dumps(state, indent=2), encoding="utf-8")
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        shutil.rmtree(final, ignore_errors=True)
        draft.rename(final)
        _drop_all_but(final)
    accelerator.wait_for_everyone()
    return final


def resume(folder: Path, learning: Learning, *, settings: Mapping[str, Any]) -> Progressed:
    """Load a run's newest whole checkpoint, if it has one; all processes call it.

    Returns:
        Where to go on; the beginning where there is no checkpoint.

    Raises:
        ConfigError: If the run was begun with other settings or another number of processes, or
            its checkpoint is damaged, changed, or of another network.
    """
    import torch

    found = newest_checkpoint(folder)
    if found is None:
        return Progressed()
    with _readable(found):
        state = json.loads((found / _STATE).read_text(encoding="utf-8"))
        progressed = state["progressed"]
        at = Progressed(progressed["step"], Position(**progressed["position"]))
        before = dict(state["settings"])
    _check_settings(found, before, settings)
    processes = len(list(found.glob("chance-*.pt")))
    if processes != learning.accelerator.num_processes:
        message = (
            f"{found} was written by {processes} processes and there are"
            f" {learning.accelerator.num_processes}: resume with as many, or begin in a new folder"
        )
        raise ConfigError(message)
    with _readable(found):
        learnt = torch.load(found / _LEARNT, map_location="cpu", weights_only=True)
        model = learning.accelerator.unwrap_model(learning.model)
        _load_learnt(model, learnt["model"], found)
        learning.optimizer.load_state_dict(learnt["optimizer"])
        learning.schedule.load_state_dict(learnt["schedule"])
        chance = found / _chance_file(learning.accelerator)
        _set_chance(torch.load(chance, map_location="cpu", weights_only=True))
    return at


@contextmanager
def _readable(found: Path) -> Iterator[None]:
    """Say which checkpoint it is that cannot be gone on from."""
    try:
        yield
    except (OSError, EOFError, UnpicklingError, ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        problem = f"was changed or is damaged ({reason})"
    except RuntimeError as error:  # torch's, for a broken archive as for weights that do not fit
        problem = f"is damaged, or of another network ({str(error).splitlines()[0]})"
    else:
        return
    message = f"{found} {problem}: remove it, and the training begins anew"
    raise ConfigError(message)


def newest_checkpoint(folder: Path) -> Path | None:
    """Find the checkpoint with the most steps; drafts of a killed run do not count."""
    if not folder.is_dir():
        return None
    return max((path for path in folder.iterdir() if _NAME.fullmatch(path.name)), default=None)


def _learnt(model: "Module") -> dict[str, Any]:
    """Return a model's weights and buffers, but for frozen weights: the base model has those."""
    frozen = _frozen(model)
    return {name: value for name, value in model.state_dict().items() if name not in frozen}


def _load_learnt(model: "Module", learnt: Mapping[str, Any], found: Path) -> None:
    result = model.load_state_dict(learnt, strict=False)
    missing = sorted(set(result.missing_keys) - _frozen(model))
    if missing or result.unexpected_keys:
        name = [*missing, *result.unexpected_keys][0]
        message = (
            f"{found} is of a model in which others of the weights learn, such as {name}: resume "
            "with the same settings, or begin in a new folder"
        )
        raise ConfigError(message)


def _frozen(model: "Module") -> set[str]:
    weights = model.named_parameters(remove_duplicate=False)
    return {name for name, weight in weights if not weight.requires_grad}


def _drop_all_but(kept: Path) -> None:
    for path in kept.parent.iterdir():
        if path != kept and _NAME.fullmatch(path.name.removesuffix(".draft")):
            shutil.rmtree(path)


def _check_settings(found: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    now = json.loads(json.dumps(dict(now)))
    changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if changed:
        first = changed[0]
        message = (
            f"{found} was begun with {first} {before.get(first)!r}, and now it is"
            f" {now.get(first)!r}: resume with the same settings, or begin in a new folder"
        )
        raise ConfigError(message)


def _chance_file(accelerator: "Accelerator") -> str:
    return f"chance-{accelerator.process_index}.pt"


def _chance() -> dict[str, Any]:
    """Return the state of the generators that layers and samplers draw from."""
    import torch

    version, numbers, gauss = random.getstate()
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    python = [version, list(numbers), gauss]
    return {"python": python, "torch": torch.get_rng_state(), "cuda": cuda}


def _set_chance(state: Mapping[str, Any]) -> None:
    import torch

    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    torch.set_rng_state(state["torch"])
    if state["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all(state["cuda"])
