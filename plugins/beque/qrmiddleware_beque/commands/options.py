"""What several of the commands take."""

from typing import Annotated, Final

import typer

PACKAGE: Final = "qrmiddleware-beque"

EpochsOption = Annotated[float, typer.Option(min=0.01, help="How often everything is read.")]
