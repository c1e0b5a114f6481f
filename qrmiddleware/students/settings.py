"""How students run: device, precision, threads, batches and bounds; nested as ``runtime:``."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Device = Literal["auto", "cpu", "cuda"]
ComputeType = Literal[
    "auto",
    "int8",
    "int8_float32",
    "int8_float16",
    "int8_bfloat16",
    "float16",
    "bfloat16",
    "float32",
]


class RuntimeSettings(BaseModel):
    """Where and how a student computes; the defaults suit a CPU that also serves searches."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_default=True, use_attribute_docstrings=True
    )

    device: Device = "auto"
    """``auto`` takes a GPU where one works, else the CPU; ``cuda`` warns before it falls back."""
    device_indexes: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (0,)
    """GPUs to spread batches over, by CUDA's numbers; a CPU ignores it."""
    compute_type: ComputeType = "auto"
    """Precision of the arithmetic; ``auto`` is int8 on a CPU and int8_float16 on a GPU."""
    inter_threads: Annotated[int, Field(ge=0, le=256)] = 0
    """Batches computed at once per device; 0 is chosen by measurement at start."""
    intra_threads: Annotated[int, Field(ge=0, le=256)] = 0
    """CPU threads per batch; 0 is chosen by measurement at start."""
    batch_tokens: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Most tokens of one batch, padding included; a row longer than that goes alone.

    0 is 256 on a CPU, where larger batches were measured to be up to twice as slow, and 16384 on
    a GPU, which was not measured.
    """
    max_waiting: Annotated[int, Field(ge=1)] = 4096
    """Rows that may wait for a batch; a call that would go beyond is refused as overload."""
    cache_bytes: Annotated[int, Field(ge=0)] = 64 * 1024 * 1024
    """Bound on each cache of the student: scores, token ids, document vectors; 0 is none."""
