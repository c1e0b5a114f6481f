"""``qrm rl-qr versions``: which version of a student serves, and which one is tried."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from qrmiddleware import QrmError
from qrmiddleware_rl_qr.versions.evidence import Evidence
from qrmiddleware_rl_qr.versions.folder import EVIDENCE_FILE, VersionFolder
from qrmiddleware_rl_qr.versions.state import State, promote, roll_back, try_out
from qrmiddleware_rl_qr.versions.worse import Counts

app = typer.Typer(
    help="See, try, promote and roll back versions of a student, while it serves.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
)

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Of the versions: the plugin's `versions`.")
]


@app.command("list", no_args_is_help=True)
def list_(folder: Folder) -> None:
    """Show the versions, what each does, what a trial has counted so far, and what happened.

    Examples:
        qrm rl-qr versions list ./versions
    """
    console = Console()
    with _errors_for_people():
        versions = VersionFolder(folder)
        state = versions.read()
        counts = Evidence(folder / EVIDENCE_FILE).counts(state.trial) if state.trial else {}
        console.print(_table(versions, state, counts))
        for event in state.events:
            said = f": {event.reason}" if event.reason else ""
            console.print(escape(f"{event.at} {event.version} {event.what}{said}"), highlight=False)


@app.command(no_args_is_help=True)
def add(
    folder: Folder,
    student: Annotated[Path, typer.Argument(help="Folder of a generator.", exists=True)],
) -> None:
    """Copy a student in as the newest version; the first one serves, others wait.

    Examples:
        qrm rl-qr versions add ./versions ./models/rl_qr
    """
    with _errors_for_people():
        name = VersionFolder(folder).add(student)
        Console().print(f"{student} is version {name}")


@app.command(no_args_is_help=True)
def canary(
    folder: Folder,
    version: Annotated[str, typer.Argument(help="Such as 0002.")],
    share: Annotated[float, typer.Option(help="Of the queries; above 0 and below 1.")] = 0.05,
) -> None:
    """Have a version answer a share of the queries; a new trial begins.

    Running proxies follow within seconds. A canary that is worse is rolled back by them.

    Examples:
        qrm rl-qr versions canary ./versions 0002 --share 0.1
    """
    _change(folder, lambda state: try_out(state, version, share))


@app.command("promote", no_args_is_help=True)
def promote_(
    folder: Folder,
    version: Annotated[
        str, typer.Argument(help="Such as 0002; the canary without.", show_default=False)
    ] = "",
) -> None:
    """Have a version serve all queries.

    Examples:
        qrm rl-qr versions promote ./versions
    """
    _change(folder, lambda state: promote(state, _named(version, state)))


@app.command(no_args_is_help=True)
def rollback(
    folder: Folder,
    reason: Annotated[str, typer.Option(help="For those who look later.")] = "by hand",
) -> None:
    """End the trial; without one, return to the version that served before.

    Examples:
        qrm rl-qr versions rollback ./versions --reason "complaints about shoes"
    """
    _change(folder, lambda state: roll_back(state, reason))


def _named(version: str, state: State) -> str:
    name = version or state.canary
    if not name:
        problem = "no version is on trial: name the one to promote"
        raise typer.BadParameter(problem)
    return name


def _change(folder: Path, how: Callable[[State], State]) -> None:
    with _errors_for_people():
        state = VersionFolder(folder).change(how)
        tried = f", {state.canary} is tried on {state.share:.1%}" if state.canary else ""
        Console().print(f"version {state.serving} serves{tried}", highlight=False)


def _table(versions: VersionFolder, state: State, counts: dict[str, Counts]) -> Table:
    table = Table()
    for heading in ("version", "does", "queries", "found nothing", "failed", "helped", "ms"):
        table.add_column(heading)
    for name in versions.names():
        does = {state.serving: "serves", state.canary: f"tried on {state.share:.1%}"}.get(name, "")
        count = counts.get(name)
        cells: tuple[str, ...] = ("",) * 5
        if count is not None:
            numbers = (count.queries, count.found_nothing, count.failed, count.helped)
            cells = (*map(str, numbers), f"{count.mean_ms:.1f}")
        table.add_row(name, does, *cells)
    return table


@contextmanager
def _errors_for_people() -> Iterator[None]:
    try:
        yield
    except QrmError as error:
        Console(stderr=True).print(f"[red]{escape(str(error))}[/]", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
