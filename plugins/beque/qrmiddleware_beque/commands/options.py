"""What several of the commands take."""

from pathlib import Path
from typing import Annotated, Final

import typer

PACKAGE: Final = "qrmiddleware-beque"

WorkArgument = Annotated[
    Path, typer.Argument(metavar="WORK", help="Folder of the training, made by instruct.")
]
EpochsOption = Annotated[float, typer.Option(min=0.01, help="How often everything is read.")]
