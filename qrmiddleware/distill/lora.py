"""Low-rank adapters (LoRA): a large model learns through few weights, with peft."""

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

ALPHA_PER_RANK: Final = 2
"""How strongly adapters count: their product is multiplied by it."""


@dataclass(frozen=True, slots=True)
class Lora:
    """Which adapters learn.

    Attributes:
        rank: Width of an adapter.
        targets: Names of the linear layers that get one; empty takes those that peft knows for
            the architecture, which are the attention's queries and values in most.
        dropout: Of what an adapter reads.
    """

    rank: int
    targets: tuple[str, ...] = ()
    dropout: float = 0.05


def add_lora(model: "PreTrainedModel", lora: Lora, *, learns_head: bool = True) -> "PeftModel":
    """Freeze a model but for new adapters and its head.

    The adapters are drawn from torch's chance; as they begin, the model says what it said before.

    Args:
        model: Classifier or language model.
        lora: Which adapters.
        learns_head: Its head learns in full, as a classifier's that is new must; else it is frozen
            as the rest is.

    Raises:
        ConfigError: If peft is missing, or the model has no such layers.

    Source: Hu et al. 2021, arXiv:2106.09685.
    """
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        message = "LoRA needs peft: pip install 'qrmiddleware[lora]'"
        raise ConfigError(message) from error
    head = head_modules(model)
    config = LoraConfig(
        r=lora.rank,
        lora_alpha=ALPHA_PER_RANK * lora.rank,
        lora_dropout=lora.dropout,
        target_modules=list(lora.targets) or None,
        modules_to_save=head if learns_head else None,
        exclude_modules=rf"({'|'.join(map(re.escape, head))})(\..*)?",
    )
    try:
        with warnings.catch_warnings():  # peft asks transformers by names of before
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, config)
    except ValueError as error:
        wanted = f"of the names {', '.join(lora.targets)}" if lora.targets else "that peft knows"
        message = (
            f"a {model.config.model_type!r} has no layers {wanted}, for adapters; say which of its "
            f"linear layers get some (--lora-targets): {', '.join(_linear_layers(model, head))}"
        )
        raise ConfigError(message) from error


def _linear_layers(model: "PreTrainedModel", head: list[str]) -> list[str]:
    from torch.nn import Linear

    return sorted(
        {
            name.rpartition(".")[2]
            for name, module in model.named_modules()
            if isinstance(module, Linear) and name.partition(".")[0] not in head
        }
    )


def head_modules(model: "PreTrainedModel") -> list[str]:
    """Name a model's parts outside its base model: a classifier's are new, or of another task."""
    return [
        name
        for name, module in model.named_children()
        if name != model.base_model_prefix and any(True for _ in module.parameters())
    ]


def without_lora(model: "PreTrainedModel | PeftModel") -> "PreTrainedModel":
    """Add what the adapters have learnt to the weights, in place, and take the adapters out.

    A model without adapters is returned as it is.
    """
    merge = getattr(model, "merge_and_unload", None)
    return model if merge is None else merge()
