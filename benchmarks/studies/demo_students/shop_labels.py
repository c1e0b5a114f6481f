"""What there is to say of the demo's pairs: a target for all, and classes with reasons.

The shop is invented: its judgments, and its catalogue where nobody judged, are exact. So they are
the truth, and the reasoner, which guesses from words what they know, only says why.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Label, expected_gain
from qrmiddleware.recipes.gathering import CATALOGUE_LABELS, JUDGMENT_LABELS, REASON_LABELS

CERTAIN: Final = 0.98
"""Target of what answers a search fully: margins between certainties would drown all others."""
DOUBT: Final = 0.02
"""Probability of a class that the truth rules out; the reasoner's own."""
AGREED: Final = 0.25
"""Probability that the truth must give a reason's conclusion, lest the reason is left out."""


def write_targets(work: Path) -> Path:
    """Write targets alone, near 0 and 1 at the ends; returns the file."""
    held = (
        replace(label, target=1 - CERTAIN + (2 * CERTAIN - 1) * label.target)
        for label in truth(work)
    )
    return _write(work / "targets.labels.jsonl", held)


def write_classes(work: Path) -> Path:
    """Write classes, with the reasoner's chain where it does not contradict them; the file."""
    reasons = {label.pair: label for label in read_labels(work / REASON_LABELS)}
    reasoner = next(iter(reasons.values())).teacher
    told = (_with_classes(label, reasons.get(label.pair), reasoner) for label in truth(work))
    return _write(work / "classes.labels.jsonl", told)


def truth(work: Path) -> Iterator[Label]:
    """Join judgments and the catalogue's word; the latter only for queries that nobody judged."""
    judged = list(read_labels(work / JUDGMENT_LABELS))
    known = {label.query for label in judged}
    weak = read_labels(work / CATALOGUE_LABELS)
    yield from (label for label in weak if label.query not in known)
    yield from judged


def classes_of(target: float, concluded: str) -> Mapping[str, float]:
    """Return probabilities of classes that are worth about a target.

    What is worth less than a substitute may be one in part, or an accessory, which judgments do
    not tell apart and the reasoner does.

    Args:
        target: 0..1.
        concluded: The reasoner's class; empty if it has none.
    """
    if target >= ESCI.gains["S"]:
        exact = 2 * target - 1
        known = {"E": exact, "S": 1 - exact}
    elif concluded == "C":
        known = {"S": target, "C": 1 - target}
    else:
        known = {"S": 2 * target, "I": 1 - 2 * target}
    sure = 1 - DOUBT * len(ESCI.codes)
    return {code: DOUBT + sure * known.get(code, 0.0) for code in ESCI.codes}


def _with_classes(label: Label, reasoned: Label | None, reasoner: str) -> Label:
    concluded = "" if reasoned is None else reasoned.grade
    shares = classes_of(label.target, concluded)
    agreed = reasoned is not None and shares[concluded] >= AGREED
    return replace(
        label,
        teacher=f"{label.teacher}+{reasoner}",
        target=expected_gain(shares, ESCI.gains),
        grade=max(shares, key=shares.__getitem__),
        probabilities=shares,
        reason=reasoned.reason if reasoned is not None and agreed else "",
    )


def _write(file: Path, labels: Iterable[Label]) -> Path:
    lines = (msgspec.json.encode(label) + b"\n" for label in labels)
    file.write_bytes(b"".join(lines))
    return file
