"""Training a student from a folder of gathered pairs, and finishing it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.training import is_main_process, machine
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.beginning import Tiny, begin
from qrmiddleware.recipes.finishing import export, probes_of
from qrmiddleware.recipes.fitting import Fitting, fit
from qrmiddleware.recipes.gathering import REASON_LABELS, read_gathered, read_texts
from qrmiddleware.recipes.targets import first_lists, lists_of
from qrmiddleware.students.manifest import Manifest
from qrmiddleware_crsd.recipes.student import RECIPE, Weights, answers_of, crsd_loss

CHECKPOINTS: Final = "checkpoints"


@dataclass(frozen=True, slots=True)
class StudentPlan:
    """What a student is, and what it learns from.

    Attributes:
        fitting: How it learns and reads.
        weights: Of the parts of its loss.
        base: Checkpoint that it begins with, ``minilm``, or a size to begin from scratch with.
        layers: Of the checkpoint, how many of the first, or which; all if ``None``.
        share: Of the queries, 0..1.
        labels: File of the teacher's labels with classes and reasons; the reasoner's if ``None``.
        classes: Which these are.
        concluded: Whether reasons keep their conclusion.
    """

    fitting: Fitting
    weights: Weights = field(default_factory=Weights)
    base: str | Tiny = "minilm"
    layers: int | tuple[int, ...] | None = 2
    share: float = 1.0
    labels: Path | None = None
    classes: Classes = ESCI
    concluded: bool = False


def learn_student(
    work: Path, plan: StudentPlan, target: Path, *, replace: bool = False, licence: str = ""
) -> Manifest | None:
    """Train a student on classes and reasons, and write its folder.

    Args:
        work: Folder of the training.
        plan: What is trained.
        target: Folder to make.
        replace: Whether a student that lies there gives way.
        licence: Of the weights.

    Returns:
        What was made; ``None`` in all processes that learn along but the main one.

    Raises:
        ConfigError: If there are no labels, or the export does not say what was trained.
    """
    labels, texts, gathered = _labels(work, plan), read_texts(work), read_gathered(work)
    lists = first_lists(lists_of(labels, logits=False), plan.share)
    answers = answers_of(labels, plan.classes, concluded=plan.concluded)
    count = len(plan.classes.codes)
    encoder = begin(work, plan.base, layers=plan.layers, num_labels=count, seed=plan.fitting.seed)
    name = target.resolve().name
    fit(
        encoder,
        lists,
        loss=crsd_loss(encoder, texts, answers, weights=plan.weights, fitting=plan.fitting),
        fitting=plan.fitting,
        checkpoints=work / CHECKPOINTS / name,
        what="training a student (crsd)",
    )
    if not is_main_process():
        return None
    checkpoint = work / "students" / name
    encoder.save(checkpoint)
    return export(
        checkpoint,
        target,
        recipe=RECIPE,
        gathered=gathered,
        fitting=plan.fitting,
        classes=plan.classes,
        probes=probes_of(lists, texts),
        base="scratch" if isinstance(plan.base, Tiny) else plan.base,
        teacher=", ".join(sorted({label.teacher for label in labels})),
        settings={
            "weights": asdict(plan.weights),
            "layers": plan.layers,
            "share": plan.share,
            "concluded": plan.concluded,
            "machine": machine(),
        },
        licence=licence,
        replace=replace,
    )


def _labels(work: Path, plan: StudentPlan) -> Sequence[Label]:
    file = plan.labels or work / REASON_LABELS
    labels = read_labels(file) if file.exists() else ()
    if not labels:
        message = (
            f"{file} has no labels: `qrm crsd gather` writes the reasoner's, `qrm label llm` those "
            "of a language model"
        )
        raise ConfigError(message)
    return labels
