"""From a trained cross-encoder to the folder of a student."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from qrmiddleware.distill.calibrating import fit_calibration
from qrmiddleware.distill.classes import Classes
from qrmiddleware.distill.exporting.export import export_student
from qrmiddleware.distill.exporting.probes import LEAST, Probe, default_probes
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.recipes.fitting import Fitting, logits_of
from qrmiddleware.recipes.gathering import Gathered
from qrmiddleware.students.manifest import Calibration, Inputs, Manifest, Provenance

PROBES: Final = 200
"""Pairs on which an export is compared with its checkpoint, at most."""


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
    recipe: str,
    gathered: Gathered,
    fitting: Fitting,
    calibration: Calibration | None = None,
    probes: Sequence[Probe],
    classes: Classes | None = None,
    aspects: Sequence[str] = (),
    verdicts: Sequence[str] = (),
    base: str,
    teacher: str,
    settings: Mapping[str, Any],
    licence: str = "",
    description: str = "",
    languages: Sequence[str] = (),
    replace: bool = False,
) -> Manifest:
    """Write the student's folder, if it says what the checkpoint says.

    With ``classes`` it gives their probabilities, and a score is what they are worth. Logits of
    ``verdicts`` on ``aspects`` stand behind those of classes.

    Raises:
        ConfigError: If it does not, or something lies at ``target`` that is not to be replaced.
    """
    provenance = Provenance(
        recipe=recipe,
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
        labels=[each.name for each in classes] if classes else (),
        gains=[each.gain for each in classes] if classes else (),
        aspects=aspects,
        verdicts=verdicts,
        calibration=calibration,
        provenance=provenance,
        probes=probes,
        replace=replace,
    )


def probes_of(
    lists: Sequence[QueryList], texts: Mapping[str, str], *, count: int = PROBES
) -> list[Probe]:
    """Take pairs of the training to compare the export on: what it will be asked is like them.

    The first product of every query comes first, then the second ones, so that all queries are
    among the probes before any has many. Where the training has few pairs, the exporter's own
    probes fill up what is missing.

    Args:
        lists: What was learnt from.
        texts: By ``doc_id``.
        count: Probes at most.
    """
    longest = max((len(item.candidates) for item in lists), default=0)
    pairs = (
        (item.query, texts[item.candidates[place].doc_id])
        for place in range(longest)
        for item in lists
        if place < len(item.candidates)
    )
    found = list(islice(dict.fromkeys(pairs), count))
    return found if len(found) >= LEAST else [*found, *default_probes()[: LEAST - len(found)]]
