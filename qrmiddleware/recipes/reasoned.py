"""Training a student on a teacher's classes and reasons, from gathered pairs to its folder."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from qrmiddleware.distill.chains import Chain, ChainError
from qrmiddleware.distill.classes import ESCI, Classes
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Label
from qrmiddleware.distill.modelling import Encoder
from qrmiddleware.distill.training import is_main_process, machine
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.beginning import Tiny, begin
from qrmiddleware.recipes.finishing import export, probes_of
from qrmiddleware.recipes.fitting import Fitting, Loss, fit
from qrmiddleware.recipes.gathering import REASON_LABELS, read_gathered, read_texts
from qrmiddleware.recipes.targets import first_lists, lists_of
from qrmiddleware.students.manifest import Manifest

CHECKPOINTS: Final = "checkpoints"
LossOf: TypeAlias = Callable[[Encoder, Mapping[str, str], Sequence[Label]], Loss]
"""Makes the loss of an encoder, texts by ``doc_id``, and the labels that are learnt from."""


@dataclass(frozen=True, slots=True)
class ReasonedPlan:
    """What a student is, and whom it learns from.

    Attributes:
        recipe: Whose idea its loss is; the plugin's name.
        fitting: How it learns and reads.
        base: Checkpoint that it begins with, ``minilm``, or a size to begin from scratch with.
        layers: Of the checkpoint, how many of the first, or which; all if ``None``.
        share: Of the queries, 0..1.
        labels: File of the teacher's labels with classes and reasons; the reasoner's if ``None``.
        classes: Which these are.
        aspects: What logits behind those of the classes learn verdicts on, if any label's reason
            is a chain; the student keeps them, to say why.
        verdicts: On each aspect, in the order of the logits.
        settings: For the provenance, what else was told.
    """

    recipe: str
    fitting: Fitting
    base: str | Tiny = "minilm"
    layers: int | tuple[int, ...] | None = 2
    share: float = 1.0
    labels: Path | None = None
    classes: Classes = ESCI
    aspects: tuple[str, ...] = ()
    verdicts: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def learn_reasoned(
    work: Path,
    plan: ReasonedPlan,
    target: Path,
    *,
    loss_of: LossOf,
    replace: bool = False,
    licence: str = "",
) -> Manifest | None:
    """Train a student, and write its folder.

    Args:
        work: Folder of the training.
        plan: What is trained.
        target: Folder to make.
        loss_of: What it learns by.
        replace: Whether a student that lies there gives way.
        licence: Of the weights.

    Returns:
        What was made; ``None`` in all processes that learn along but the main one.

    Raises:
        ConfigError: If there are no labels of these classes, or the export does not say what was
            trained.
    """
    labels = read_reasoned(work, plan.labels, plan.classes, recipe=plan.recipe)
    texts, gathered = read_texts(work), read_gathered(work)
    lists = first_lists(lists_of(labels, logits=False), plan.share)
    aspects, verdicts = (plan.aspects, plan.verdicts) if _reasoned(labels, plan) else ((), ())
    encoder = begin(
        work,
        plan.base,
        layers=plan.layers,
        num_labels=len(plan.classes.codes) + len(aspects) * len(verdicts),
        seed=plan.fitting.seed,
    )
    name = target.resolve().name
    fit(
        encoder,
        lists,
        loss=loss_of(encoder, texts, labels),
        fitting=plan.fitting,
        checkpoints=work / CHECKPOINTS / name,
        what=f"training a student ({plan.recipe})",
    )
    if not is_main_process():
        return None
    checkpoint = work / "students" / name
    encoder.save(checkpoint)
    return export(
        checkpoint,
        target,
        recipe=plan.recipe,
        gathered=gathered,
        fitting=plan.fitting,
        classes=plan.classes,
        aspects=aspects,
        verdicts=verdicts,
        probes=probes_of(lists, texts),
        base="scratch" if isinstance(plan.base, Tiny) else plan.base,
        teacher=", ".join(sorted({label.teacher for label in labels})),
        settings={
            **plan.settings,
            "layers": plan.layers,
            "share": plan.share,
            "machine": machine(),
        },
        licence=licence,
        replace=replace,
    )


def read_reasoned(
    work: Path, file: Path | None, classes: Classes, *, recipe: str
) -> Sequence[Label]:
    """Read what a teacher says with reasons.

    Args:
        work: Folder of the training.
        file: Of the labels; the reasoner's if ``None``.
        classes: Which there may be.
        recipe: Who asks, for the error.

    Raises:
        ConfigError: If there are none, or one is of none of the classes.
    """
    file = file or work / REASON_LABELS
    labels = read_labels(file) if file.exists() else ()
    if not labels:
        message = (
            f"{file} has no labels: `qrm {recipe.replace('_', '-')} gather` writes the "
            "reasoner's, `qrm label llm` those of a language model"
        )
        raise ConfigError(message)
    try:
        for label in labels:
            label.shares(classes.codes)
    except ValueError as error:
        message = f"{file}: {error}"
        raise ConfigError(message) from error
    return labels


def _reasoned(labels: Sequence[Label], plan: ReasonedPlan) -> bool:
    """Whether any label has a chain from which verdicts can be learnt."""
    return any(_is_chain(label.reason, plan) for label in labels)


def _is_chain(reason: str, plan: ReasonedPlan) -> bool:
    try:
        Chain.read(reason, plan.classes, aspects=plan.aspects)
    except ChainError:
        return False
    return bool(plan.aspects)
