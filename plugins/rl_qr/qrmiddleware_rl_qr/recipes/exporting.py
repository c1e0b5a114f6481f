"""From a checkpoint that rewrites to the folder of a generator that is served."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from qrmiddleware.distill.exporting.describing import Stored
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.parity import Thresholds
from qrmiddleware.distill.exporting.probes import LEAST, Probe, default_probes
from qrmiddleware.distill.rewriting.rewrite_form import RewriteForm, read_rewrite_form
from qrmiddleware.distill.rewriting.rows import RewritePair
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.manifest import Manifest, Provenance

RECIPE: Final = "rl_qr"
PROBES: Final = 200
THRESHOLDS: Final = Thresholds(equal_outputs=0.95)
"""Greedy rewrites as stored equal the checkpoint's on at least this share of the probes."""


def form_of(checkpoint: str) -> RewriteForm:
    """Return how a checkpoint was taught to rewrite.

    Raises:
        ConfigError: If it was not.
    """
    form = read_rewrite_form(checkpoint)
    if form is None:
        message = (
            f"{checkpoint} was not taught to rewrite: `qrm rl-qr teacher` and `qrm rl-qr distill` "
            "make checkpoints that say how they are asked"
        )
        raise ConfigError(message)
    return form


def export_rewriter(
    checkpoint: Path,
    target: Path,
    *,
    pairs: Sequence[RewritePair],
    teacher: str = "",
    seed: int = 0,
    settings: Mapping[str, Any] | None = None,
    data: Mapping[str, str] | None = None,
    quality: Mapping[str, float] | None = None,
    licence: str = "",
    name: str = "",
    stored: Stored = "int8",
    replace: bool = False,
) -> Manifest:
    """Write a generator's folder, if it writes what the checkpoint writes.

    Args:
        checkpoint: That was taught to rewrite.
        target: Folder to make.
        pairs: Queries and rewrites to compare the two on, such as those of the training.
        teacher: Who it learnt from.
        seed: Of its training.
        settings: What the recipe was told.
        data: SHA-256 of the training files by name.
        quality: Measured figures by name.
        licence: Of the weights.
        name: Of the student; the target's folder's if empty.
        stored: Precision of its weights.
        replace: Whether a student that lies at ``target`` gives way.

    Raises:
        ConfigError: If the checkpoint was not taught to rewrite, its conversion differs, or
            something lies at ``target`` that is not to be replaced.
    """
    form = form_of(str(checkpoint))
    return export_student(
        checkpoint,
        target,
        kind="generator",
        name=name or target.resolve().name,
        stored=stored,
        inputs=form.inputs,
        provenance=Provenance(
            recipe=RECIPE,
            teacher=teacher,
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            seed=seed,
            data=dict(data or {}),
            settings=dict(settings or {}),
            licence=licence,
        ),
        quality=quality,
        probes=_probes(pairs),
        thresholds=THRESHOLDS,
        replace=replace,
    )


def _probes(pairs: Sequence[RewritePair]) -> list[Probe]:
    """Take what the student will be asked, and the exporter's own where there is too little."""
    found = list(islice(dict.fromkeys((pair.query, pair.rewrite) for pair in pairs), PROBES))
    return found if len(found) >= LEAST else [*found, *default_probes()[: LEAST - len(found)]]
