"""``qrm beque export``."""

# `qrm --help` reads this file, and models load torch: they are imported when they are asked for.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import (
    LicenceOption,
    ReplaceOption,
    StoredOption,
    ToOption,
    need_training,
    say,
)
from qrmiddleware_beque.commands.options import PACKAGE, WorkArgument


def export(
    work: WorkArgument,
    to: ToOption,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Else WORK/aligned, and where it lacks, WORK/sft.")
    ] = None,
    stored: StoredOption = "int8",
    replace: ReplaceOption = False,
    licence: LicenceOption = "",
) -> None:
    """Make a student of a checkpoint: a generator for `plugin: beque`.

    It is compared with its checkpoint on queries of the training, and nothing is written unless
    both write the same. Very small models may need --stored float32.

    Examples:

        qrm beque export ./work --to ./models/beque

        qrm beque export ./work --to ./models/sft --checkpoint ./work/sft
    """
    need_training(PACKAGE)
    from qrmiddleware_beque.recipes.align import ALIGNED
    from qrmiddleware_beque.recipes.sft import SFT
    from qrmiddleware_beque.recipes.student import export as make

    found = [folder for folder in (work / ALIGNED, work / SFT) if folder.is_dir()]
    if checkpoint is None and not found:
        message = (
            f"{work} holds no checkpoint: `qrm beque sft {work}` makes one; or name another with "
            "--checkpoint"
        )
        raise ConfigError(message)
    made = make(work, checkpoint or found[0], to, stored=stored, replace=replace, licence=licence)
    parity = made.parity
    equal = 0.0 if parity is None or parity.equal_outputs is None else parity.equal_outputs
    say(
        f"{to}: {made.architecture.parameters:,} parameters; {stored} writes what float32 writes "
        f"for {equal:.1%} of queries"
    )
