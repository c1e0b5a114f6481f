"""The gate of every export: does the student say what its checkpoint says?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Kind, Parity

Numbers = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a conversion must reach; below, nothing is written.

    Attributes:
        float32_difference: Most that a number of the float32 conversion may differ.
        correlation: Least rank correlation of a cross-encoder's scores as stored.
        cosine: Least mean cosine of a bi-encoder's vectors as stored.
        equal_outputs: Least share of a generator's greedy outputs as stored that are equal.
        equal_verdicts: Least share of a cross-encoder's verdicts on aspects as stored that are.
    """

    float32_difference: float = 1e-3
    correlation: float = 0.98
    cosine: float = 0.98
    equal_outputs: float = 0.9
    equal_verdicts: float = 0.9


DEFAULTS: Final = Thresholds()


def check_parity(
    parity: Parity, kind: Kind, thresholds: Thresholds, *, stored: str, name: str
) -> None:
    """Let a conversion pass, or not.

    Raises:
        ConfigError: If it differs by more than it may, naming all that does.
    """
    problems: list[str] = []
    if not parity.float32_difference <= thresholds.float32_difference:
        problems.append(
            f"in float32 it differs by up to {parity.float32_difference:.3g}, and may by "
            f"{thresholds.float32_difference:g}: the conversion itself is wrong"
        )
    what, found, least = {
        "cross_encoder": (
            "the scores' rank correlation",
            parity.correlation,
            thresholds.correlation,
        ),
        "bi_encoder": ("the vectors' mean cosine", parity.correlation, thresholds.cosine),
        "generator": (
            "the share of equal greedy outputs",
            parity.equal_outputs,
            thresholds.equal_outputs,
        ),
    }[kind]
    if found is None or not found >= least:
        shown = "undefined, since all are equal" if found is None else f"{found:.4f}"
        problems.append(
            f"as {stored}, {what} is {shown}, and must be {least:g}: store float16 or float32, "
            "or allow less"
        )
    verdicts = parity.equal_verdicts
    if verdicts is not None and not verdicts >= thresholds.equal_verdicts:
        problems.append(
            f"as {stored}, the share of equal verdicts on aspects is {verdicts:.4f}, and must be "
            f"{thresholds.equal_verdicts:g}: store float16 or float32, or allow less"
        )
    if problems:
        listed = "; ".join(problems)
        message = f"{name} is not what its checkpoint is, on {parity.probes} probes: {listed}"
        raise ConfigError(message)


def largest_difference(ours: Numbers, theirs: Numbers) -> float:
    """Return the largest absolute difference; infinite where shapes differ or NaN stands.

    The same number in both, infinities included, is no difference.
    """
    if ours.shape != theirs.shape:
        return float("inf")
    apart = np.abs(ours[ours != theirs] - theirs[ours != theirs])
    return float(np.nan_to_num(apart, nan=np.inf).max(initial=0.0))


def rank_correlation(ours: Numbers, theirs: Numbers) -> float | None:
    """Return Spearman's coefficient, ties sharing their mean rank; ``None`` if either is flat."""
    ranks = [_ranks(values) for values in (ours, theirs)]
    if any(not each.std() for each in ranks) or not np.isfinite([ours, theirs]).all():
        return None
    return float(np.asarray(np.corrcoef(np.stack(ranks)))[0, 1])


def _ranks(values: Numbers) -> Numbers:
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[places], dtype=np.float64)


def mean_cosine(ours: Numbers, theirs: Numbers) -> float:
    """Return the mean cosine of vectors row by row; a zero vector's is 0."""
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    products = (ours * theirs).sum(axis=1)
    return float(
        np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0).mean()
    )


def share_equal(ours: Sequence[object], theirs: Sequence[object]) -> float:
    """Return the share of places at which both are equal."""
    return sum(a == b for a, b in zip(ours, theirs, strict=True)) / max(1, len(ours))
