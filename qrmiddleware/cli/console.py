"""What all commands share: where they print, and which configuration they read."""

from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qrmiddleware.config.load import load_settings
from qrmiddleware.config.settings import Settings

out = Console()
err = Console(stderr=True)

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="QRMIDDLEWARE_CONFIG",
        help="Configuration file (YAML). Without it: ./qrmiddleware.yaml if there is one.",
        show_default=False,
    ),
]
UpstreamOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--upstream", "-u", help="Node of the cluster; repeat for several."),
]


def fail(message: str) -> None:
    """Print what is wrong."""
    err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True, highlight=False)


def note(message: str) -> None:
    """Print what the user should know."""
    err.print(f"[yellow]note:[/] {escape(message)}", soft_wrap=True, highlight=False)


def counting() -> Progress:
    """Return a progress bar for work whose length is known; it goes when the work is done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=err, transient=True, refresh_per_second=4)


def settings_for(config: Path | None, **flags: Any) -> Settings:  # noqa: ANN401 any setting's type
    """Load the configuration; flags use ``__`` for the dots of their keys.

    A cluster that a flag names takes the place of a file's embedded engine.
    """
    if flags.get("upstream__urls") and flags.get("upstream__embedded") is None:
        flags["upstream__embedded"] = False
    default = Path("qrmiddleware.yaml")
    path = config or (default if default.is_file() else None)
    return load_settings(path, flags={key.replace("__", "."): v for key, v in flags.items()})
