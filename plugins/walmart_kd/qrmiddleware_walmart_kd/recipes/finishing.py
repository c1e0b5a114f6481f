"""From a trained cross-encoder to the folder that ``plugin: walmart_kd`` serves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qrmiddleware.distill.calibrating import fit_calibration
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.probes import Probe
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.students.manifest import Calibration, Inputs, Manifest, Provenance
from qrmiddleware_walmart_kd.recipes.gathering import Gathered
from qrmiddleware_walmart_kd.recipes.train import Fitting, logits_of

RECIPE = "walmart_kd"
PROBES = 60


def calibrate(
    encoder: Encoder,
    lists: Sequence[QueryList],
    texts: Mapping[str, str],
    *,
    fitting: Fitting,
) -> Calibration | None:
    """Fit the calibration on judged lists; ``None`` where nothing is judged.

    Args:
        encoder: Trained.
        lists: With targets 0..1.
        texts: By ``doc_id``.
        fitting: How the encoder reads.
    """
    logits = logits_of(encoder, lists, texts, fitting=fitting)
    targets = [candidate.target for item in lists for candidate in item.candidates]
    if not targets:
        return None
    return fit_calibration([logit for row in logits for logit in row], targets)


def export(
    checkpoint: Path,
    target: Path,
    *,
    gathered: Gathered,
    fitting: Fitting,
    calibration: Calibration | None,
    probes: Sequence[Probe],
    base: str,
    teacher: str,
    settings: Mapping[str, Any],
    licence: str = "",
    description: str = "",
    languages: Sequence[str] = (),
    replace: bool = False,
) -> Manifest:
    """Write the student's folder, if it says what the checkpoint says.

    Raises:
        ConfigError: If it does not, or something lies at ``target`` that is not to be replaced.
    """
    provenance = Provenance(
        recipe=RECIPE,
        base=base,
        teacher=teacher,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=fitting.seed,
        data=gathered.data,
        seen_folds=gathered.seen_folds,
        settings={**settings, "fitting": asdict(fitting)},
        licence=licence,
    )
    return export_student(
        checkpoint,
        target,
        kind="cross_encoder",
        description=description,
        languages=languages,
        inputs=Inputs(
            fields=gathered.text_fields,
            max_query_tokens=fitting.max_query_tokens,
            max_tokens=fitting.max_tokens,
        ),
        calibration=calibration,
        provenance=provenance,
        probes=probes,
        replace=replace,
    )


def probes_of(
    lists: Sequence[QueryList], texts: Mapping[str, str], *, count: int = PROBES
) -> list[Probe]:
    """Take pairs of the training to compare the export on: what it will be asked is like them."""
    pairs = (
        (item.query, texts[candidate.doc_id]) for item in lists for candidate in item.candidates[:2]
    )
    return [probe for probe, _ in zip(pairs, range(count), strict=False)]
