"""How well scores order products: pairwise accuracy and AUC.

nDCG and its kin are in ``qrmiddleware.evaluation``.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def pairwise_accuracy(lists: Iterable[tuple[Sequence[float], Sequence[float]]]) -> float:
    """Share of pairs of a query's products that scores order as targets do.

    Pairs of equal targets are left out. Equal scores of unequal targets count one half, so that a
    constant scorer has .5 and not 0 or 1.

    Args:
        lists: (scores, targets) of each query, in the same order of products.

    Returns:
        0..1 over all pairs of all queries; NaN where no two targets differ.

    Raises:
        ValueError: If a list has not one score for each target, or a score is NaN.
    """
    right = total = 0.0
    for scores, targets in lists:
        got, wanted = _checked(scores, targets)
        better = wanted[:, None] > wanted[None, :]
        agreement = np.sign(got[:, None] - got[None, :])[better]
        right += float((agreement + 1).sum()) / 2
        total += agreement.size
    return right / total if total else float("nan")


def auc(scores: Sequence[float], relevant: Sequence[bool]) -> float:
    """Chance that a relevant product scores above another, all queries together.

    Returns:
        0..1, equal scores counted one half; NaN where all are relevant or none is.

    Raises:
        ValueError: If there is not one score for each label, or a score is NaN.

    Source: Mann and Whitney 1947; AUC = U / (relevant x others).
    """
    got, labels = _checked(scores, [float(label) for label in relevant])
    positive = labels > 0
    count, others = int(positive.sum()), int((~positive).sum())
    if not count or not others:
        return float("nan")
    _, place, repeats = np.unique(got, return_inverse=True, return_counts=True)
    last = np.cumsum(repeats)
    ranks = (last - (repeats - 1) / 2)[place]
    u = float(ranks[positive].sum()) - count * (count + 1) / 2
    return u / (count * others)


def _checked(scores: Sequence[float], targets: Sequence[float]) -> tuple[Floats, Floats]:
    got, wanted = np.asarray(scores, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if got.ndim != 1 or got.shape != wanted.shape:
        message = f"scores of shape {got.shape} for targets of shape {wanted.shape}: one each"
        raise ValueError(message)
    if np.isnan(got).any():
        message = f"score {int(np.isnan(got).argmax())} of {got.size} is NaN"
        raise ValueError(message)
    return got, wanted
