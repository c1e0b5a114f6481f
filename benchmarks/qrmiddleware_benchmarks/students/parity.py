"""Whether runtimes say the same: nobody needs to know how fast a wrong answer is."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from qrmiddleware_benchmarks.students.costs import Precision
from qrmiddleware_benchmarks.students.errors import StudentsError

Numbers = npt.NDArray[np.float32]

EXACT = 1e-3
"""Largest difference that float32 may show."""
ALIKE = 0.9
"""Least correlation that a narrower precision must have."""
_ENOUGH = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far an arm's outputs are from those of torch in float32.

    Attributes:
        difference: The largest, absolute.
        correlation: Pearson's over all outputs; none for fewer than ten of them.
    """

    difference: float
    correlation: float | None

    def or_else(self, other: "Agreement") -> "Agreement":
        """Take the correlation of another comparison where this one was of too few outputs."""
        return (
            self if self.correlation is not None else replace(self, correlation=other.correlation)
        )


def agreement(arm: str, precision: Precision, outputs: Numbers, reference: Numbers) -> Agreement:
    """Compare an arm's outputs with the reference's.

    Raises:
        StudentsError: If they differ in shape, are not finite, differ by more than ``EXACT`` in
            float32, or correlate by less than ``ALIKE`` in a narrower precision.
    """
    if outputs.shape != reference.shape:
        message = f"{arm} gives outputs of shape {outputs.shape}, and torch {reference.shape}"
        raise StudentsError(message)
    if not np.isfinite(outputs).all():
        message = f"{arm} gives outputs that are not finite"
        raise StudentsError(message)
    difference = float(np.abs(outputs - reference).max())
    if precision is Precision.FLOAT32 and difference > EXACT:
        message = f"{arm} differs from torch float32 by {difference:.2g}, allowed is {EXACT:g}"
        raise StudentsError(message)
    found = _correlation(outputs.ravel(), reference.ravel())
    if precision is not Precision.FLOAT32 and found is not None and found < ALIKE:
        message = f"{arm} correlates with torch float32 by {found:.3f} only, least is {ALIKE:g}"
        raise StudentsError(message)
    return Agreement(difference, found)


def _correlation(left: Numbers, right: Numbers) -> float | None:
    if left.size < _ENOUGH or not (left.std() and right.std()):
        return None
    return float(np.corrcoef(left.astype(np.float64), right.astype(np.float64))[0, 1])
