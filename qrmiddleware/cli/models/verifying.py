"""``qrm models verify``: whether a student still is, and says, what it was and said."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from qrmiddleware.cli.console import err, out
from qrmiddleware.cli.models.thresholds import (
    CORRELATION,
    DIFFERENCE,
    EQUAL,
    CorrelationOption,
    DifferenceOption,
    EqualOption,
    ProbesOption,
    VerdictsOption,
    probes_from,
    thresholds_of,
)
from qrmiddleware.distill.exporting.libraries import SERVING, need_libraries
from qrmiddleware.students.folder import StudentFolder, read_student
from qrmiddleware.students.manifest import Parity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrmiddleware.distill.exporting.parity import Thresholds
    from qrmiddleware.distill.exporting.probes import Probe


def verify(
    folder: Annotated[Path, typer.Argument(help="Folder of a student.")],
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Checkpoint that it was made of: compare with that once more."),
    ] = None,
    probes: ProbesOption = None,
    float32_difference: DifferenceOption = DIFFERENCE,
    correlation: CorrelationOption = CORRELATION,
    equal_outputs: EqualOption = EQUAL,
    equal_verdicts: VerdictsOption = EQUAL,
) -> None:
    """Check a student's hashes, load it on the CPU, and let it answer probes.

    Exit code 0 if all is well; 2 with what is not. Needs the extra students; with --checkpoint
    also the extra distill.

    Examples:

        qrm models verify models/margin

        qrm models verify models/margin --checkpoint ./checkpoint --probes probes.tsv
    """
    need_libraries(SERVING, extra="students")
    if checkpoint is not None:
        need_libraries()
    student = read_student(folder)
    _say(f"{len(student.manifest.files)} files are those that {student.manifest.name!r} lists")
    asked = probes_from(probes)
    _say(_answers(student, asked))
    if checkpoint is not None:
        thresholds = thresholds_of(float32_difference, correlation, equal_outputs, equal_verdicts)
        with err.status(f"comparing with {checkpoint}"):
            parity = _compare(checkpoint, student, asked, thresholds)
        _say(f"it says what {checkpoint} says: {describe_parity(parity)}")


def describe_parity(parity: Parity) -> str:
    """Say how a student compares with its checkpoint, in a line."""
    parts = [f"{parity.probes} probes", f"largest difference {parity.float32_difference:.2g}"]
    if parity.correlation is not None:
        parts.append(f"correlation {parity.correlation:.4f} as stored")
    if parity.equal_outputs is not None:
        parts.append(f"{parity.equal_outputs:.1%} equal outputs as stored")
    if parity.equal_verdicts is not None:
        parts.append(f"{parity.equal_verdicts:.1%} equal verdicts as stored")
    return ", ".join(parts)


def _answers(student: StudentFolder, probes: "Sequence[Probe]") -> str:
    from qrmiddleware.cli.models.answering import answer  # noqa: PLC0415 - loads numpy

    return answer(student, probes)


def _compare(
    checkpoint: Path,
    student: StudentFolder,
    probes: "Sequence[Probe]",
    thresholds: "Thresholds",
) -> Parity:
    from qrmiddleware.distill.exporting.export import measure_again  # noqa: PLC0415 - loads numpy
    from qrmiddleware.distill.exporting.parity import check_parity  # noqa: PLC0415 - as above

    manifest = student.manifest
    parity = measure_again(checkpoint, student, probes)
    check_parity(parity, manifest.kind, thresholds, stored=manifest.stored, name=str(student.path))
    return parity


def _say(line: str) -> None:
    out.print(f"[green]ok[/] {escape(line)}", highlight=False, soft_wrap=True)
