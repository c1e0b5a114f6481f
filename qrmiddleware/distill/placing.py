"""Where a checkpoint is computed that is only asked, and in what."""

from typing import TYPE_CHECKING, Literal, TypeAlias

from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    import torch

Device: TypeAlias = Literal["auto", "cpu", "cuda"]
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]


def device_of(wanted: Device) -> str:
    """Return torch's name of a device; ``auto`` takes a GPU where there is one.

    Raises:
        ConfigError: If a GPU is wanted and there is none.
    """
    import torch

    cuda = torch.cuda.is_available()
    if wanted == "cuda" and not cuda:
        message = "there is no GPU that torch can use; leave the device to auto, or say cpu"
        raise ConfigError(message)
    return "cuda" if cuda and wanted != "cpu" else "cpu"


def dtype_of(wanted: Precision, device: str) -> "torch.dtype":
    """Return torch's type of numbers; ``auto`` takes bfloat16 on a GPU that has it."""
    import torch

    if wanted == "auto":
        return (
            torch.bfloat16 if device == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
        )
    return torch.bfloat16 if wanted == "bfloat16" else torch.float32
