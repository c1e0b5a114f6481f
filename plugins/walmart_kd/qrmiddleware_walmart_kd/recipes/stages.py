"""The stages of a training; each reads what the one before left in the folder of the training."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qrmiddleware.distill.label_store import LabelStore, read_labels
from qrmiddleware.distill.labelling import Tally, label_all
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.lists import QueryList
from qrmiddleware.distill.lora import Lora
from qrmiddleware.distill.modelling import Encoder, load_classifier
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.reading import Reading, write_reading
from qrmiddleware.distill.teachers.classifier import ClassifierOptions, ClassifierTeacher
from qrmiddleware.distill.training import best_precision, is_main_process, machine
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.beginning import Tiny, begin
from qrmiddleware.recipes.finishing import calibrate, export, probes_of
from qrmiddleware.recipes.fitting import Fitting, fit, list_loss
from qrmiddleware.recipes.gathering import (
    CATALOGUE_LABELS,
    JUDGMENT_LABELS,
    PAIRS,
    read_gathered,
    read_texts,
)
from qrmiddleware.recipes.targets import first_lists, lists_of, mean_targets
from qrmiddleware.students.manifest import Manifest

if TYPE_CHECKING:
    from qrmiddleware.distill.placing import Precision
from qrmiddleware_walmart_kd.recipes.train import RECIPE, LossName, learnt_lists, loss_for

WARM: Final = "warm"
TEACHER: Final = "teacher"
TEACHER_LABELS: Final = "teacher.labels.jsonl"
CHECKPOINTS: Final = "checkpoints"


@dataclass(frozen=True, slots=True)
class StudentPlan:
    """What a student is, and what it learns from.

    Attributes:
        fitting: How it learns and reads.
        loss: What it learns by.
        base: Checkpoint that it begins with, ``minilm``, or a size to begin from scratch with.
        layers: Of the checkpoint, how many of the first, or which; all if ``None``.
        share: Of the manufactured queries, 0..1; the first ones, so that a larger share holds a
            smaller one.
        labels: Files of the teachers' labels, averaged if there are several; the trained
            teacher's if empty.
    """

    fitting: Fitting
    loss: LossName = "margin"
    base: str | Tiny = "minilm"
    layers: int | tuple[int, ...] | None = 2
    share: float = 1.0
    labels: tuple[Path, ...] = field(default=())


def warm_up(
    work: Path,
    base: str | Tiny,
    *,
    fitting: Fitting,
    labels: Sequence[Path] = (),
    to: Path | None = None,
) -> Path:
    """Teach a checkpoint what the catalogue says of its products, before it sees a judgment.

    The abstract knows no such stage: judged pairs are few here, and a general checkpoint does not
    know this shop's kinds of products.

    Args:
        work: Folder of the training.
        base: Checkpoint, or a size to begin from scratch with.
        fitting: How it learns.
        labels: Files of labels that need no judgments, averaged; the catalogue's if empty.
        to: Where the checkpoint goes; ``warm`` in the folder if not given.

    Returns:
        The checkpoint's folder.
    """
    target = to or work / WARM
    lists = _weak_lists(work, labels)
    encoder = (
        begin(work, base, seed=fitting.seed)
        if isinstance(base, Tiny)
        else load_classifier(base, seed=fitting.seed)
    )
    _fit(work, encoder, lists, "soft", fitting=fitting, what="warming up the teacher")
    _save_teacher(encoder, target, fitting)
    return target


def teach(
    work: Path,
    base: str,
    *,
    fitting: Fitting,
    labels: Sequence[Path] = (),
    to: Path | None = None,
    lora: Lora | None = None,
    recompute: bool = False,
) -> Path:
    """Train the teacher: a classifier with soft targets, on judgments beside weaker labels.

    Args:
        work: Folder of the training.
        base: Checkpoint, such as ``warm_up`` leaves.
        fitting: How it learns; its ``judged_share`` says how much is judged.
        labels: As for ``warm_up``.
        to: Where the checkpoint goes; ``teacher`` in the folder if not given.
        lora: Adapters that learn in the place of all weights; merged into them in the end.
        recompute: Compute twice and keep less for it.

    Returns:
        The checkpoint's folder.

    Raises:
        ConfigError: If nothing is judged.
    """
    target = to or work / TEACHER
    judged = lists_of(read_labels(work / JUDGMENT_LABELS), logits=False)
    if not judged:
        message = f"{work / JUDGMENT_LABELS} is empty: a teacher is trained on judgments"
        raise ConfigError(message)
    weak = [] if fitting.judged_share == 1 else _weak_lists(work, labels)
    encoder = load_classifier(base, seed=fitting.seed, lora=lora, recompute=recompute)
    _fit(work, encoder, [*weak, *judged], "soft", fitting=fitting, what="training the teacher")
    _save_teacher(encoder, target, fitting)
    return target


def _save_teacher(encoder: Encoder, target: Path, fitting: Fitting) -> None:
    if not is_main_process():
        return
    encoder.save(target)
    reading = Reading(prompt=encoder.prompt, max_query_tokens=fitting.max_query_tokens)
    write_reading(target, reading)


def _weak_lists(work: Path, files: Sequence[Path]) -> list[QueryList]:
    files = files or (work / CATALOGUE_LABELS,)
    lists = mean_targets([read_labels(file) for file in files])
    if not lists:
        message = (
            f"no pair is labelled in {' and '.join(map(str, files))}; where the catalogue's titles "
            "tell no kinds, begin with judgments: `qrm walmart-kd teach --judged-share 1`"
        )
        raise ConfigError(message)
    return lists


def label(
    work: Path,
    checkpoint: Path,
    *,
    max_tokens: int,
    to: Path | None = None,
    tell: Callable[[int, int], object] = lambda _done, _total: None,
) -> Tally:
    """Have a teacher label all pairs, the judged ones too; goes on where it was interrupted.

    ``qrm label`` does the same with other teachers, such as a language model behind an endpoint.
    """
    precision: Precision = "bfloat16" if best_precision() == "bf16" else "auto"
    options = ClassifierOptions(str(checkpoint), precision=precision, max_tokens=max_tokens)
    pairs = list(read_pairs(work / PAIRS))

    def watch(tally: Tally) -> None:
        tell(tally.known + tally.repeated + tally.labelled + tally.failed, len(pairs))

    with LabelStore(to or work / TEACHER_LABELS) as store:
        return label_all(ClassifierTeacher(options), pairs, store, watch)


def learn_student(work: Path, plan: StudentPlan, *, checkpoint: Path) -> Encoder:
    """Train a student on what the teachers say, and keep it as a Hugging Face checkpoint.

    Raises:
        ConfigError: If there are no labels, or of too few kinds for the loss.
    """
    encoder = begin(work, plan.base, layers=plan.layers, seed=plan.fitting.seed)
    _fit(
        work,
        encoder,
        student_lists(work, plan),
        plan.loss,
        fitting=plan.fitting,
        what=f"training a student ({plan.loss})",
        run=checkpoint.name,
    )
    if is_main_process():
        encoder.save(checkpoint)
    return encoder


def student_lists(work: Path, plan: StudentPlan) -> list[QueryList]:
    """Return what a student learns from: the share of queries, with the teachers' targets."""
    return first_lists(learnt_lists(plan.loss, read_teachers(work, plan.labels)), plan.share)


def read_teachers(work: Path, files: Sequence[Path]) -> list[tuple[Label, ...]]:
    """Read the labels of each teacher: of files, or the trained teacher's if there are none.

    Raises:
        ConfigError: If a teacher has labelled nothing.
    """
    files = files or (work / TEACHER_LABELS,)
    teachers = [read_labels(file) if file.exists() else () for file in files]
    for file, labels in zip(files, teachers, strict=True):
        if not labels:
            message = f"{file} has no labels: label the pairs first, with `qrm walmart-kd label`"
            raise ConfigError(message)
    return teachers


def finish(
    work: Path,
    plan: StudentPlan,
    encoder: Encoder,
    target: Path,
    *,
    checkpoint: Path,
    replace: bool = False,
    licence: str = "",
    description: str = "",
) -> Manifest:
    """Calibrate a student on the judgments, and export it.

    Raises:
        ConfigError: If the export does not say what the checkpoint says.
    """
    gathered, texts = read_gathered(work), read_texts(work)
    judged = lists_of(read_labels(work / JUDGMENT_LABELS), logits=False)
    files = plan.labels or (work / TEACHER_LABELS,)
    names = {label.teacher for file in files for label in read_labels(file)}
    settings: dict[str, Any] = asdict(plan) | {"machine": machine()}
    settings["labels"] = [file.name for file in files]
    del settings["fitting"]
    return export(
        checkpoint,
        target,
        recipe=RECIPE,
        gathered=gathered,
        fitting=plan.fitting,
        calibration=calibrate(encoder, judged, texts, fitting=plan.fitting),
        probes=probes_of(student_lists(work, plan), texts),
        base="scratch" if isinstance(plan.base, Tiny) else plan.base,
        teacher=", ".join(sorted(names)),
        settings=settings,
        licence=licence,
        description=description,
        replace=replace,
    )


def _fit(
    work: Path,
    encoder: Encoder,
    lists: Sequence[QueryList],
    loss: LossName,
    *,
    fitting: Fitting,
    what: str,
    run: str = "",
) -> None:
    fit(
        encoder,
        lists,
        loss=list_loss(encoder, read_texts(work), loss_for(loss, lists), fitting=fitting),
        fitting=fitting,
        checkpoints=work / CHECKPOINTS / (run or what.replace(" ", "-")),
        what=what,
    )
