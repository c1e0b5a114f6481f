"""Options that ``qrm models export`` and ``verify`` share: probes, and what must be reached."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qrmiddleware.distill.exporting.parity import Thresholds
    from qrmiddleware.distill.exporting.probes import Probe

ProbesOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="Texts to compare on, at least 50 lines: a query, or query TAB text. Else texts of "
        "shops in ten languages.",
        show_default=False,
    ),
]
DifferenceOption: TypeAlias = Annotated[
    float, typer.Option(min=0.0, help="Most that an output may differ in float32.")
]
CorrelationOption: TypeAlias = Annotated[
    float,
    typer.Option(
        min=-1.0,
        max=1.0,
        help="Least rank correlation of a cross-encoder's scores as stored; least mean cosine "
        "of a bi-encoder's vectors.",
    ),
]
EqualOption: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Least share of a generator's greedy outputs that stay the same."
    ),
]
VerdictsOption: TypeAlias = Annotated[
    float,
    typer.Option(
        min=0.0, max=1.0, help="Least share of a cross-encoder's verdicts that stay the same."
    ),
]
DIFFERENCE, CORRELATION, EQUAL = 1e-3, 0.98, 0.9


def thresholds_of(
    difference: float, correlation: float, equal: float, equal_verdicts: float
) -> "Thresholds":
    """Put what must be reached together."""
    from qrmiddleware.distill.exporting.parity import Thresholds  # noqa: PLC0415 - loads numpy

    return Thresholds(
        float32_difference=difference,
        correlation=correlation,
        cosine=correlation,
        equal_outputs=equal,
        equal_verdicts=equal_verdicts,
    )


def probes_from(path: Path | None) -> "Sequence[Probe]":
    """Read the probes that an option names, or take the usual ones."""
    from qrmiddleware.distill.exporting.probes import (  # noqa: PLC0415 - as above
        default_probes,
        read_probes,
    )

    return default_probes() if path is None else read_probes(path)
