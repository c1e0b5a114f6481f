"""Which runtimes are compared, with which weights, and how each may use the cores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.shapes import Task

CTRANSLATE2, TORCH, ONNXRUNTIME = "ctranslate2", "torch", "onnxruntime"
QRMIDDLEWARE = "qrmiddleware"
"""What serving runs: CTranslate2 behind a queue that cuts and spreads the rows by itself."""
_MANY_ROWS = 32
_FEW_ROWS = 8


@dataclass(frozen=True, slots=True)
class Arm:
    """A runtime with weights of one precision."""

    runtime: str
    precision: Precision

    def __str__(self) -> str:
        return f"{self.runtime} {self.precision}"


@dataclass(frozen=True, slots=True)
class Plan:
    """One way to use the cores for a batch.

    Attributes:
        parts: The batch, sorted by length, is cut into so many; 1 leaves it as it is.
        workers: Parts that are computed at the same time.
        threads: Of the runtime, for each part.
    """

    parts: int
    workers: int
    threads: int

    def __str__(self) -> str:
        return f"{self.parts} x {self.workers} x {self.threads}"


REFERENCE = Arm(TORCH, Precision.FLOAT32)
_CPU_ARMS = (
    Arm(CTRANSLATE2, Precision.INT8),
    Arm(CTRANSLATE2, Precision.FLOAT32),
    Arm(QRMIDDLEWARE, Precision.INT8),
    Arm(QRMIDDLEWARE, Precision.FLOAT32),
    REFERENCE,
    Arm(TORCH, Precision.INT8),
    Arm(ONNXRUNTIME, Precision.FLOAT32),
    Arm(ONNXRUNTIME, Precision.INT8),
)
_CUDA_ARMS = (
    Arm(CTRANSLATE2, Precision.INT8),
    Arm(CTRANSLATE2, Precision.FLOAT16),
    Arm(CTRANSLATE2, Precision.FLOAT32),
    REFERENCE,
    Arm(TORCH, Precision.FLOAT16),
)


def arms_on(device: str) -> tuple[Arm, ...]:
    """List the arms of a device, the one to compare with first.

    ONNX Runtime is not asked on a GPU (that is another distribution, which excludes this one),
    nor is qrmiddleware (it has nothing to spread there), and torch's dynamic int8 does not exist.
    """
    return _CUDA_ARMS if device == "cuda" else _CPU_ARMS


def can_run(arm: Arm, task: Task) -> bool:
    """Tell whether an arm is asked for a task: ONNX Runtime generates with another library.

    What generates in qrmiddleware is CTranslate2 as it is.
    """
    return arm.runtime not in {ONNXRUNTIME, QRMIDDLEWARE} or task is not Task.GENERATOR


def ways(arm: Arm, rows: int, cores: int) -> list[Plan]:
    """List the plans that an arm tries; qrmiddleware gets a batch whole and has its own."""
    return [Plan(1, 1, cores)] if arm.runtime == QRMIDDLEWARE else plans(rows, cores)


def plans(rows: int, cores: int) -> list[Plan]:
    """List the ways to try: whole or in parts, threads inside of a part or parts side by side."""
    found = [Plan(1, 1, cores)]
    if rows >= _MANY_ROWS:
        found.append(Plan(4, 1, cores))
    if cores > 1:
        if rows <= _FEW_ROWS:
            found.append(Plan(1, 1, 1))
        if rows >= _MANY_ROWS:
            found.append(Plan(4 * cores, cores, 1))
        elif rows >= cores:
            found.append(Plan(cores, cores, 1))
    return found


def cut(lengths: Sequence[int], parts: int) -> list[list[int]]:
    """Cut rows into parts of like length, longest first; one part keeps the order.

    Returns:
        Row numbers; every row is in exactly one part.
    """
    if parts == 1:
        return [list(range(len(lengths)))]
    order = np.argsort(np.negative(lengths), kind="stable")
    return [part.tolist() for part in np.array_split(order, min(parts, len(lengths)))]
