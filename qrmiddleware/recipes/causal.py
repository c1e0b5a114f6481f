"""How language models learn: from texts and responses, and from preferences between responses."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, Final, TypeVar

from qrmiddleware.distill.causal.models import CausalLm, Size, load_causal, tiny_causal
from qrmiddleware.distill.causal.rows import TokenRow, learnt_tokens
from qrmiddleware.distill.causal.scoring import log_probabilities, response_logits
from qrmiddleware.distill.chance import dice, shuffled
from qrmiddleware.distill.lists import Position
from qrmiddleware.distill.lora import Lora
from qrmiddleware.distill.sequence_losses import (
    dpo,
    response_cross_entropy,
    response_log_probabilities,
)
from qrmiddleware.distill.training import best_precision
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.loop import Batches, Course, Lessons, train

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

_PASS_TOKENS: Final = 8192
"""Of a forward pass without gradients, padding included."""


@dataclass(frozen=True, slots=True)
class CausalFitting:
    """How long and how a language model learns.

    Attributes:
        steps: Updates of the weights.
        rate: The highest learning rate.
        rows: Of a batch: responses, or preferences between two.
        at_once: Of these in one pass; fewer need less memory, and change nothing else.
        max_tokens: Of prompt and response; what is longer is left out.
        seed: Of everything that is drawn.
    """

    steps: int
    rate: float
    rows: int = 16
    at_once: int = 4
    max_tokens: int = 1024
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a training begins with.

    Attributes:
        base: Checkpoint, or a size to begin from scratch with.
        lora: Adapters that learn in the place of all weights.
        recompute: Keep less for the gradients and compute it twice.
    """

    base: str | Size
    lora: Lora | None = None
    recompute: bool = False

    def load(self, texts: Iterable[str], *, seed: int) -> CausalLm:
        """Return the model.

        Args:
            texts: That a vocabulary from scratch is made of.
            seed: Of what is random.

        Raises:
            ConfigError: If it cannot be had; adapters on random weights are refused.
        """
        if not isinstance(self.base, Size):
            return load_causal(self.base, seed=seed, lora=self.lora, recompute=self.recompute)
        if self.lora is not None:
            message = "adapters learn on weights that know something: give a checkpoint"
            raise ConfigError(message)
        return tiny_causal(texts, self.base, seed=seed)

    @property
    def told(self) -> str:
        """How the base is called in settings."""
        return "scratch" if isinstance(self.base, Size) else self.base


@dataclass(frozen=True, slots=True)
class Preferred:
    """Two responses to one prompt, of which the first is the better one."""

    chosen: TokenRow
    rejected: TokenRow

    @property
    def rows(self) -> tuple[TokenRow, TokenRow]:
        """Both."""
        return self.chosen, self.rejected


@dataclass(frozen=True, slots=True)
class _Held:
    """A preference, and how likely the reference holds both responses, if there is one."""

    pair: Preferred
    chosen: float | None = None
    rejected: float | None = None


def learn_rows(
    lm: CausalLm, rows: Sequence[TokenRow], *, fitting: CausalFitting, checkpoints: Path, what: str
) -> int:
    """Teach a language model responses, token by token, in place.

    Goes on from the newest checkpoint, if there is one.

    Args:
        lm: Learns.
        rows: Prompts with responses, or texts.
        fitting: How.
        checkpoints: Folder of this training alone; its content is replaced as it goes.
        what: Is trained, for the progress bar.

    Returns:
        How many rows were left out, for they are too long.

    Raises:
        ConfigError: If none is left, or the checkpoint there is of another training.
        FloatingPointError: If the loss is no number any more.
    """
    kept = [row for row in rows if len(row.ids) <= fitting.max_tokens]

    def loss(model: Any, batch: Sequence[TokenRow]) -> "Iterator[Tensor]":  # noqa: ANN401 wrapped
        tokens = learnt_tokens(batch)
        for part in parts_of(batch, fitting.at_once):
            logits, labels = response_logits(model, part, pad=lm.pad)
            yield response_cross_entropy(logits, labels, tokens=tokens)

    lessons = Lessons(endless_batches(kept, fitting), loss)
    train(lm.model, lessons, course_of(lm, fitting, kept, what), checkpoints=checkpoints)
    return len(rows) - len(kept)


def learn_preferences(
    lm: CausalLm,
    pairs: Sequence[Preferred],
    *,
    fitting: CausalFitting,
    beta: float,
    anchor: float = 0.0,
    reference: CausalLm | None = None,
    reference_free: bool = False,
    checkpoints: Path,
    what: str,
) -> int:
    """Teach a language model which responses are preferred (DPO), in place.

    What the reference says is computed once, before anything is learnt. Goes on from the newest
    checkpoint, if there is one.

    Args:
        lm: Learns; as it was loaded.
        pairs: What from.
        fitting: How.
        beta: Of the loss.
        reference: Holds the model back, and has its tokens; the model as it comes if ``None``.
        reference_free: Nothing holds it back but ``anchor``. Responses then count by their mean
            log-probability a token, or the long ones would move it most.
        anchor: Weight of chosen responses' cross-entropy beside it. DPO alone may make both
            responses less likely, and others likelier.
        checkpoints: Folder of this training alone; its content is replaced as it goes.
        what: Is trained, for the progress bar.

    Returns:
        How many pairs were left out, for they are too long.

    Raises:
        ConfigError: If none is left, or the checkpoint there is of another training.
        FloatingPointError: If the loss is no number any more.
    """
    kept = [pair for pair in pairs if max(len(row.ids) for row in pair.rows) <= fitting.max_tokens]
    held = [_Held(pair) for pair in kept] if reference_free else _held(reference or lm, kept)
    batches = endless_batches(held, fitting)

    def loss(model: Any, batch: Sequence[_Held]) -> "Iterator[Tensor]":  # noqa: ANN401 wrapped
        tokens = learnt_tokens(held.pair.chosen for held in batch)
        for part in parts_of(batch, fitting.at_once):
            logits, labels = response_logits(model, _both(part), pad=lm.pad)
            preferred = _dpo(logits, labels, part, beta=beta) * (len(part) / len(batch))
            own = response_cross_entropy(logits[: len(part)], labels[: len(part)], tokens=tokens)
            yield preferred + anchor * own

    rows = [row for pair in kept for row in pair.rows]
    by = "" if reference_free else (reference or lm).base
    course = course_of(lm, fitting, rows, what, beta=beta, anchor=anchor, reference=by)
    train(lm.model, Lessons(batches, loss), course, checkpoints=checkpoints)
    return len(pairs) - len(kept)


def _both(part: Sequence[_Held]) -> list[TokenRow]:
    """Return all chosen responses, then all rejected ones."""
    return [*(held.pair.chosen for held in part), *(held.pair.rejected for held in part)]


def _dpo(logits: "Tensor", labels: "Tensor", part: Sequence[_Held], *, beta: float) -> "Tensor":
    import torch

    if part[0].chosen is None:
        told = response_log_probabilities(logits, labels, normalised=True)
        return dpo(told[: len(part)], told[len(part) :], beta=beta)
    told = response_log_probabilities(logits, labels)
    return dpo(
        told[: len(part)],
        told[len(part) :],
        reference_chosen=torch.tensor([held.chosen for held in part], device=told.device),
        reference_rejected=torch.tensor([held.rejected for held in part], device=told.device),
        beta=beta,
    )


def _held(lm: CausalLm, pairs: Sequence[Preferred]) -> list[_Held]:
    """Ask the reference, computed in what the training computes in."""
    import torch

    lm.model.to(own_device())
    rows = [row for pair in pairs for row in pair.rows]
    with torch.autocast(
        lm.model.device.type, dtype=torch.bfloat16, enabled=best_precision() == "bf16"
    ):
        told = log_probabilities(lm, rows, budget=_PASS_TOKENS)
    return [_Held(*item) for item in zip(pairs, told[::2], told[1::2], strict=True)]


def own_device() -> "Any":  # noqa: ANN401 torch's
    """Return the device that this process trains on."""
    from accelerate import PartialState  # noqa: PLC0415 loads torch

    return PartialState().device


def endless_batches(items: Sequence[T], fitting: CausalFitting) -> Batches[T]:
    """Take all items once an epoch, each epoch in another order; every batch is full.

    Raises:
        ConfigError: If there is no item, or processes cannot share a batch evenly.
    """
    from accelerate import PartialState  # noqa: PLC0415 loads torch

    processes = PartialState().num_processes
    if fitting.rows % processes:
        message = f"{fitting.rows} rows a batch on {processes} processes: give a multiple of these"
        raise ConfigError(message)
    if not items:
        message = (
            f"nothing to learn from: there is no row of at most {fitting.max_tokens} tokens; allow "
            "more (--max-tokens), or look into what was to be learnt"
        )
        raise ConfigError(message)

    def endless(start: Position) -> Iterator[tuple[tuple[T, ...], Position]]:
        orders: dict[int, list[T]] = {}
        for number in count(start.batch):
            first = number * fitting.rows
            batch = []
            for place in range(first, first + fitting.rows):
                epoch, within = divmod(place, len(items))
                if epoch not in orders:
                    orders = {epoch: shuffled(items, dice(fitting.seed, epoch))}
                batch.append(orders[epoch][within])
            yield tuple(batch), Position(0, number + 1)

    return endless


def parts_of(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Cut items into parts of a size; the last one may be smaller."""
    return (items[start : start + size] for start in range(0, len(items), size))


def course_of(
    lm: CausalLm, fitting: CausalFitting, rows: Sequence[TokenRow], what: str, **more: float | str
) -> Course:
    """Say how a language model learns.

    Args:
        lm: Learns.
        fitting: How.
        rows: What from; a resumed run needs the same.
        what: Is trained, for the progress bar.
        more: That a resumed run must be told alike.
    """
    told = sha256(repr([(row.ids, row.prompt) for row in rows]).encode()).hexdigest()
    settings: Mapping[str, Any] = asdict(fitting) | {
        "what": what,
        "data": told,
        "base": lm.base,
        "lora": lm.lora and asdict(lm.lora),
        **more,
    }
    return Course(fitting.steps, fitting.rate, fitting.seed, what, settings)


def check_place(folder: Path) -> None:
    """Look, before hours of training, whether a checkpoint may be written to a folder.

    Raises:
        ConfigError: If something lies there that is no checkpoint.
    """
    if folder.exists() and not (folder / "config.json").is_file():
        message = f"{folder} is there, and is no checkpoint: name another folder (--to)"
        raise ConfigError(message)


def save_whole(lm: CausalLm, folder: Path, finish: Callable[[Path], None]) -> None:
    """Write a checkpoint that is there only when it is whole; one that lies there gives way.

    Args:
        lm: Its adapters, if any, are merged.
        folder: Of the checkpoint.
        finish: Writes what belongs to it into the folder that it is given.
    """
    check_place(folder)
    draft = folder.with_name(f"{folder.name}.draft")
    rmtree(draft, ignore_errors=True)
    lm.save(draft)
    finish(draft)
    rmtree(folder, ignore_errors=True)
    draft.rename(folder)
