"""Calibration: what share of the hits with a student's logit is relevant."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from qrmiddleware.students.manifest import Calibration

_ROUNDS: Final = 100
_SMALL: Final = 1e-10
_RIDGE: Final = 1e-3
"""Keeps the slope finite where logits tell relevant from irrelevant without a mistake."""


def fit_calibration(logits: Sequence[float], targets: Sequence[float]) -> Calibration:
    """Fit sigmoid(slope · logit + intercept) to graded targets, by Newton's method.

    Args:
        logits: A student's, of pairs that training may see.
        targets: Of the same pairs, 0..1.

    Raises:
        ValueError: If there are none, as many of one as of the other, or one is not finite.

    Source: Platt 1999, Probabilistic outputs for support vector machines; targets are shares of
    relevance instead of 0 and 1, and a small ridge stands in for his smoothed targets.
    """
    x, y = np.asarray(logits, dtype=np.float64), np.asarray(targets, dtype=np.float64)
    if x.shape != y.shape or not x.size:
        message = f"{x.size} logits and {y.size} targets: give as many, and at least one"
        raise ValueError(message)
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        message = "a logit or target is not finite"
        raise ValueError(message)
    middle, spread = x.mean(), x.std() or 1.0
    inputs = np.stack([(x - middle) / spread, np.ones_like(x)], axis=1)
    weights = np.zeros(2)
    ridge = np.array([_RIDGE, _SMALL]) * x.size
    for _ in range(_ROUNDS):
        shares = 1 / (1 + np.exp(-np.clip(inputs @ weights, -50, 50)))
        gradient = inputs.T @ (shares - y) + ridge * weights
        curvature = (inputs * (shares * (1 - shares))[:, None]).T @ inputs + np.diag(ridge)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if np.abs(step).max() < _SMALL:
            break
    slope = float(weights[0] / spread)
    return Calibration(slope=slope, intercept=float(weights[1] - slope * middle))
