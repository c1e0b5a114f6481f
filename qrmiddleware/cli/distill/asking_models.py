"""``qrm label classifier`` and ``student``: a checkpoint or a student labels pairs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.cli.distill.labelling import (
    FailureLimitOption,
    GainOption,
    LabelsOption,
    PairsArgument,
    labels_file,
    run_teacher,
)
from qrmiddleware.distill.classes import read_gains
from qrmiddleware.distill.teachers.classifier import ClassifierOptions, ClassifierTeacher
from qrmiddleware.distill.teachers.student import StudentTeacher
from qrmiddleware.errors import ConfigError


class DeviceChoice(StrEnum):
    """Where a checkpoint is computed."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


class PrecisionChoice(StrEnum):
    """What it is computed in."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


DeviceOption = Annotated[DeviceChoice, typer.Option(help="Where it is computed.")]
PrecisionOption = Annotated[
    PrecisionChoice, typer.Option(help="In what; auto takes bfloat16 on a GPU that has it.")
]


def label_by_classifier(
    pairs: PairsArgument,
    checkpoint: Annotated[
        str, typer.Option(help="Folder of a Hugging Face checkpoint, or its name at the hub.")
    ],
    labels: LabelsOption = None,
    gain: GainOption = None,
    device: DeviceOption = DeviceChoice.AUTO,
    precision: PrecisionOption = PrecisionChoice.AUTO,
    batch_tokens: Annotated[
        int, typer.Option(min=16, help="Tokens of a batch, padding included.")
    ] = 8192,
    max_tokens: Annotated[
        int, typer.Option(min=8, help="Of query and text together; what is longer is cut.")
    ] = 256,
    failure_limit: FailureLimitOption = 0.2,
) -> None:
    """Label pairs with a sequence classifier or cross-encoder from Hugging Face.

    Classes become a target by what they are worth (`--gain`); exact, substitute, complement and
    irrelevant are known. A single logit is kept, and its sigmoid is the target. Weights are read
    from safetensors only. Needs the extra `distill`.

    Examples:

        qrm label classifier pairs.jsonl --checkpoint ./teacher

        qrm label classifier pairs.jsonl --checkpoint ./nli --gain entailment=1
        --gain neutral=0.5 --gain contradiction=0 --device cuda
    """
    options = ClassifierOptions(
        checkpoint,
        read_gains(gain or ()),
        device.value,
        precision.value,
        batch_tokens,
        max_tokens,
    )
    teacher = ClassifierTeacher(options)
    run_teacher(teacher, pairs, labels_file(pairs, labels), failure_limit)


def label_by_student(
    pairs: PairsArgument,
    student: Annotated[Path, typer.Option(help="Folder of a cross-encoder or bi-encoder.")],
    labels: LabelsOption = None,
    failure_limit: FailureLimitOption = 0.2,
) -> None:
    """Label pairs with a student that is there already: the teacher of a smaller one.

    Needs the extra `students`, and no torch.

    Examples:

        qrm label student pairs.jsonl --student ./models/relevance
    """
    try:
        from qrmiddleware.students.opening import open_student  # noqa: PLC0415 extra `students`
    except ImportError as error:
        message = "a student as teacher needs ctranslate2: pip install 'qrmiddleware[students]'"
        raise ConfigError(message) from error
    from qrmiddleware.students.folder import read_student, student_hash  # noqa: PLC0415 as above

    fingerprint = student_hash(read_student(student, expect={"cross_encoder", "bi_encoder"}))
    opened = open_student(student)
    try:
        teacher = StudentTeacher(opened, fingerprint)
        run_teacher(teacher, pairs, labels_file(pairs, labels), failure_limit)
    finally:
        opened.close()
