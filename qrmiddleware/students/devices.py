"""Where a student computes, and in which precision."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Literal

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.settings import RuntimeSettings

_BEST: Final = {
    "cpu": ("int8", "int8_float32", "float32"),
    "cuda": ("int8_float16", "float16", "int8", "float32"),
}
_ON_CPU: Final = {
    "int8_float16": "int8",
    "int8_bfloat16": "int8",
    "float16": "float32",
    "bfloat16": "float32",
}
CPU_BATCH_TOKENS: Final = 256
"""Measured on one processor: batches of 1024 took up to twice as long a token, none less."""
GPU_BATCH_TOKENS: Final = 16_384
_MISSING_CUBLAS: Final = (
    "CTranslate2 loads the library libcublas.so.12 when it first computes: "
    "`pip install nvidia-cublas-cu12`, and add the folder nvidia/cublas/lib of that package "
    "to LD_LIBRARY_PATH before the start"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Hardware and precision.

    Attributes:
        device: As CTranslate2 names it.
        indexes: Numbers of the GPUs; a CPU is ``(0,)``.
        compute_type: A precision that the device has.
    """

    device: Literal["cpu", "cuda"]
    indexes: tuple[int, ...]
    compute_type: str

    @property
    def batch_tokens(self) -> int:
        """Tokens of one batch at best."""
        return GPU_BATCH_TOKENS if self.device == "cuda" else CPU_BATCH_TOKENS

    def __str__(self) -> str:
        if self.device == "cpu":
            return f"cpu, {self.compute_type}"
        return f"cuda {','.join(map(str, self.indexes))}, {self.compute_type}"


def load_ctranslate2() -> Any:  # noqa: ANN401 - a module
    """Import CTranslate2.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        return import_module("ctranslate2")
    except ImportError as error:
        message = f"students need CTranslate2 ({error}): pip install 'qrmiddleware[students]'"
        raise ConfigError(message) from error


def choose_place(settings: RuntimeSettings, ctranslate2: Any) -> Place:  # noqa: ANN401 - a module
    """Take the GPU that is wanted, or that ``auto`` finds; warns where a wanted one is missing.

    Raises:
        ConfigError: If there are GPUs but not the one of this number, or the precision is none
            that the device has.
    """
    if settings.device == "cpu":
        return on_cpu(settings, ctranslate2)
    count = ctranslate2.get_cuda_device_count()
    if not count:
        if settings.device == "cuda":
            warn_of_cpu("CTranslate2 finds no GPU (is the NVIDIA driver installed?)")
        return on_cpu(settings, ctranslate2)
    if max(settings.device_indexes) >= count:
        message = (
            f"device_indexes {list(settings.device_indexes)}: CTranslate2 finds {count} GPUs, "
            f"numbered from 0"
        )
        raise ConfigError(message)
    known = ctranslate2.get_supported_compute_types("cuda", settings.device_indexes[0])
    compute_type = _compute_type("cuda", settings.compute_type, known)
    return Place("cuda", settings.device_indexes, compute_type)


def on_cpu(settings: RuntimeSettings, ctranslate2: Any) -> Place:  # noqa: ANN401 - a module
    """Take the CPU, with the precision next to what is set for a GPU.

    Raises:
        ConfigError: If the precision is none that the processor has.
    """
    wanted = _ON_CPU.get(settings.compute_type, settings.compute_type)
    known = ctranslate2.get_supported_compute_types("cpu")
    return Place("cpu", (0,), _compute_type("cpu", wanted, known))


def warn_of_cpu(reason: str) -> None:
    """Say that a student runs on the CPU against expectation."""
    warnings.warn(f"the student runs on the CPU: {reason}", RuntimeWarning, stacklevel=2)


def is_gpu_failure(error: Exception) -> bool:
    """Tell whether the GPU is gone or unusable; one that is merely full is neither."""
    text = str(error).lower()
    fails = any(name in text for name in ("cuda", "cublas", "cudnn"))
    return isinstance(error, RuntimeError) and fails and "out of memory" not in text


def explain_gpu_failure(error: Exception) -> str:
    """Say what CTranslate2 said of a GPU, and what to do where that is known."""
    text = str(error)
    return f"{text}. {_MISSING_CUBLAS}" if "libcublas" in text else text


def _compute_type(device: str, wanted: str, known: Sequence[str]) -> str:
    if wanted == "auto":
        return next((each for each in _BEST[device] if each in known), "float32")
    if wanted not in known:
        message = (
            f"compute_type {wanted}: this machine's {device} has {', '.join(sorted(known))}; "
            f"auto takes the best of them"
        )
        raise ConfigError(message)
    return wanted
