"""From a checkpoint to a student's folder, or to nothing where the two do not agree."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from qrmiddleware.distill.exporting.checkpoint import read_checkpoint
from qrmiddleware.distill.exporting.converter import convert_network
from qrmiddleware.distill.exporting.describing import (
    Stored,
    Wishes,
    describe,
    describe_network,
    pooling_of,
)
from qrmiddleware.distill.exporting.heads import HeadWeights, classifier_head, dense_head
from qrmiddleware.distill.exporting.libraries import need_libraries
from qrmiddleware.distill.exporting.measuring import measure_parity
from qrmiddleware.distill.exporting.parity import DEFAULTS, Thresholds, check_parity
from qrmiddleware.distill.exporting.probes import Probe, default_probes
from qrmiddleware.distill.exporting.reference import Reference, load_reference
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import StudentFolder, new_student, write_student
from qrmiddleware.students.manifest import (
    HEAD_FILE,
    MODEL_FOLDER,
    TOKENIZER_FILE,
    Calibration,
    Inputs,
    Kind,
    Manifest,
    Parity,
    Pooling,
    Provenance,
)

Told = Callable[[str], None]

STEPS: Final = (
    "loading the checkpoint",
    "converting in float32",
    "converting as it is stored",
    "comparing with the checkpoint",
    "writing",
)
"""What `export_student` tells, one after the other."""


def _silent(_: str) -> None:
    """Tell nobody."""


def export_student(
    checkpoint: Path,
    target: Path,
    *,
    kind: Kind | None = None,
    name: str = "",
    description: str = "",
    languages: Sequence[str] = (),
    labels: Sequence[str] = (),
    gains: Sequence[float] = (),
    aspects: Sequence[str] = (),
    verdicts: Sequence[str] = (),
    pooling: Pooling | None = None,
    stored: Stored = "int8",
    inputs: Inputs | None = None,
    calibration: Calibration | None = None,
    provenance: Provenance | None = None,
    quality: Mapping[str, float] | None = None,
    probes: Sequence[Probe] | None = None,
    thresholds: Thresholds = DEFAULTS,
    replace: bool = False,
    tell: Told = _silent,
) -> Manifest:
    """Make a student of a checkpoint of Hugging Face, if it says what the checkpoint says.

    Args:
        checkpoint: Folder that transformers or sentence-transformers wrote.
        target: Folder to make; it appears when it is complete.
        kind: What it shall be; told by the checkpoint's configuration if not given.
        name: Of the student; the checkpoint's folder's if empty.
        description: For people.
        languages: Codes, such as ``en``.
        labels: Names for a cross-encoder's classes, in the order of its logits; the
            checkpoint's own if empty.
        gains: What each class is worth, 0..1; ESCI's are known, others must be given.
        aspects: Of which a cross-encoder's logits behind those of its classes say something.
        verdicts: What they say; a logit for each verdict on each aspect, aspect by aspect.
        pooling: Of a bi-encoder; what sentence-transformers says if not given, else the mean.
        stored: Precision of the stored weights.
        inputs: What it was trained to read; ``token_types`` and ``lowercase`` are looked up.
        calibration: Of a single logit.
        provenance: Where the weights come from; the checkpoint's name, licence and hashes fill
            what is empty.
        quality: Measured figures by name.
        probes: Queries and texts to compare with; `default_probes` if not given.
        thresholds: What the comparison must reach.
        replace: Whether a student that lies at ``target`` gives way.
        tell: Called with each of `STEPS` when it begins.

    Returns:
        The manifest, as written.

    Raises:
        ConfigError: If the checkpoint cannot be converted, or differs from its conversion by
            more than ``thresholds`` allow. Nothing is written then.
    """
    need_libraries()
    wishes = Wishes(
        name=name,
        description=description,
        languages=tuple(languages),
        labels=tuple(labels),
        gains=tuple(gains),
        aspects=tuple(aspects),
        verdicts=tuple(verdicts),
        pooling=pooling,
        stored=stored,
        inputs=inputs,
        calibration=calibration,
        provenance=provenance or Provenance(),
        quality=dict(quality or {}),
    )
    source = read_checkpoint(checkpoint, kind)
    told = iter(STEPS)
    with (
        new_student(target, replace=replace) as folder,
        tempfile.TemporaryDirectory(prefix="qrm-export-") as scratch,
    ):
        tell(next(told))
        reference = load_reference(source, with_pooler=pooling_of(source, pooling) == "pooler")
        student = describe(reference, wishes)
        _write_parts(reference, student, folder)
        tell(next(told))
        plain = Path(scratch, "float32")
        _convert(reference, student, plain, "float32")
        tell(next(told))
        _convert(reference, student, folder / MODEL_FOLDER, stored)
        tell(next(told))
        draft = write_student(folder, student)
        parity = measure_parity(reference, plain, draft, tuple(probes or default_probes()))
        check_parity(parity, student.kind, thresholds, stored=stored, name=str(checkpoint))
        tell(next(told))
        complete = student.model_copy(update={"parity": parity})
        return write_student(folder, complete, replace=True).manifest


def measure_again(
    checkpoint: Path, student: StudentFolder, probes: Sequence[Probe] | None = None
) -> Parity:
    """Compare a student once more with the checkpoint that it was made of.

    Raises:
        ConfigError: If that cannot be, since they differ in kind or size, or the checkpoint cannot
            be used.
    """
    need_libraries()
    manifest = student.manifest
    source = read_checkpoint(checkpoint, manifest.kind)
    pooling = manifest.architecture.pooling
    reference = load_reference(source, with_pooler=pooling == "pooler")
    theirs = describe_network(reference, pooling)
    if theirs != manifest.architecture:
        message = (
            f"{student.path} was not made of {checkpoint}: its architecture is "
            f"{manifest.architecture}, and the checkpoint's {theirs}"
        )
        raise ConfigError(message)
    with tempfile.TemporaryDirectory(prefix="qrm-export-") as scratch:
        plain = Path(scratch, "float32")
        _convert(reference, manifest, plain, "float32")
        return measure_parity(reference, plain, student, tuple(probes or default_probes()))


def _write_parts(reference: Reference, student: Manifest, folder: Path) -> None:
    reference.tokenizer.backend_tokenizer.save(str(folder / TOKENIZER_FILE))
    head = _head(reference, student)
    if head is not None:
        head.write(folder / HEAD_FILE)


def _head(reference: Reference, student: Manifest) -> HeadWeights | None:
    source = reference.checkpoint
    if student.kind == "cross_encoder" and source.family.head is not None:
        found = classifier_head(reference.model, source.family.head)
        return found.with_aspects(len(student.aspects) * len(student.verdicts))
    surrounding = source.sentence_transformer
    if surrounding is not None and surrounding.dense is not None:
        return dense_head(surrounding.dense)
    return None


def _convert(reference: Reference, student: Manifest, target: Path, stored: Stored) -> None:
    with_pooler = student.architecture.pooling == "pooler"
    convert_network(reference.checkpoint.folder, target, stored=stored, with_pooler=with_pooler)
