"""The command ``qrm-engines``."""

import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from qrmiddleware_benchmarks.engines import folders, records
from qrmiddleware_benchmarks.engines.engine import Engine, Options
from qrmiddleware_benchmarks.engines.errors import EngineError
from qrmiddleware_benchmarks.engines.registry import ENGINES, FETCHABLE, start_engine, stop_engine

_EXAMPLES = """
Fetch and run real engines on 127.0.0.1, for tests and for trying things out.

\b
Examples:
  qrm-engines list
  qrm-engines fetch elasticsearch opensearch
  qrm-engines start elasticsearch
  qrm-engines start opensearch --port 9260 --security
  qrm-engines start nginx --upstream http://127.0.0.1:9200
  qrm-engines status
  qrm-engines stop elasticsearch
  qrm-engines stop --all

Engines are kept in ~/.cache/qrmiddleware/engines (root: /var/cache/qrmiddleware/engines);
QRM_ENGINES_DIR chooses another folder.
"""

app = typer.Typer(help=_EXAMPLES, no_args_is_help=True, add_completion=False)


def _known(name: str) -> str:
    if name and name not in ENGINES:
        message = f"there is no engine {name!r}, only {', '.join(ENGINES)}"
        raise typer.BadParameter(message)
    return name


def _all_fetchable(names: list[str]) -> list[str]:
    if unknown := [name for name in names if name not in FETCHABLE]:
        message = f"there is no {unknown[0]!r} to fetch, only {', '.join(FETCHABLE)}"
        raise typer.BadParameter(message)
    return names


Name = Annotated[str, typer.Argument(help=f"One of {', '.join(ENGINES)}.", callback=_known)]
Names = Annotated[
    list[str], typer.Argument(help=f"Some of {', '.join(FETCHABLE)}.", callback=_all_fetchable)
]
Install = Annotated[
    bool, typer.Option("--install", help="As root on Debian: install missing packages.")
]


@app.command("list")
def list_engines() -> None:
    """Show every engine and whether it is on this machine."""
    table = Table("engine", "here", "port", "what it is", box=None, pad_edge=False)
    for name, recipe in ENGINES.items():
        here = "yes" if recipe.fetched() else "no"
        table.add_row(name, here, str(recipe.port), recipe.summary)
    for name in FETCHABLE.keys() - ENGINES.keys():
        table.add_row(
            name, "yes" if FETCHABLE[name].fetched() else "no", "", FETCHABLE[name].summary
        )
    Console().print(table)
    typer.echo(f"\nin {folders.engines_folder()}")


@app.command(epilog="Example: qrm-engines fetch redis nginx chromium --install")
def fetch(names: Names, *, install: Install = False) -> None:
    """Bring engines, or tests of one, onto this machine; what is there stays as it is."""
    for name in names:
        _fetch(name, install=install)


@app.command(epilog="Example: qrm-engines start elasticsearch --security --port 9210")
def start(
    name: Name,
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: the engine's usual one.")] = 0,
    security: Annotated[bool, typer.Option("--security", help="TLS and basic auth.")] = False,
    heap_mb: Annotated[int, typer.Option(min=128, help="Heap of a Java engine, in MiB.")] = 512,
    upstream: Annotated[str, typer.Option(help="nginx only: the URL it stands in front of.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the data of before.")] = False,
    install: Install = False,
) -> None:
    """Start an engine, fetch it first if need be, and wait until it answers."""
    _fetch(name, install=install)
    options = Options(port or ENGINES[name].port, security, heap_mb, upstream)
    began = time.perf_counter()
    with Console(stderr=True).status(f"starting {name}"):
        engine = start_engine(name, options, fresh=fresh)
    typer.echo(f"{name} answers at {engine.url} after {time.perf_counter() - began:.0f} s")
    _show_credentials(engine)
    typer.echo(f"  log   {engine.log}\n  stop  qrm-engines stop {name} --port {options.port}")


@app.command(epilog="Example: qrm-engines stop opensearch --port 9260")
def stop(
    name: Annotated[str, typer.Argument(help="Only this engine.", callback=_known)] = "",
    *,
    port: Annotated[int, typer.Option(help="Only the one at this port.")] = 0,
    all_: Annotated[bool, typer.Option("--all", help="All that run.")] = False,
) -> None:
    """Stop engines, also those that an interrupted test left behind."""
    if not (name or port or all_):
        message = "say which: a name, --port or --all"
        raise typer.BadParameter(message)
    chosen = [
        engine
        for engine in records.running_engines()
        if name in {"", engine.name} and (not port or engine.url.endswith(f":{port}"))
    ]
    for engine in chosen:
        stop_engine(engine)
        typer.echo(f"stopped {engine.name} at {engine.url}")
    if not chosen:
        typer.echo("no such engine runs")


@app.command()
def status() -> None:
    """Show the engines that run, with their memory and logs."""
    running = list(records.running_engines())
    if not running:
        typer.echo("no engine runs")
        return
    for engine in running:
        memory = f"{engine.rss_bytes() / 2**20:.0f} MiB"
        pids = ", ".join(str(process.pid) for process in engine.processes)
        typer.echo(f"{engine.name}  {engine.url}  pid {pids}  {memory}\n  log   {engine.log}")
        _show_credentials(engine)


def main() -> None:
    """Run the command; what goes wrong is told in a line or two, with exit code 1."""
    try:
        app()
    except EngineError as error:
        typer.echo(f"qrm-engines: {error}", err=True)
        sys.exit(1)


def _fetch(name: str, *, install: bool) -> None:
    recipe = FETCHABLE[name]
    if recipe.fetched():
        return
    typer.echo(f"fetching {name}: {recipe.summary}")
    began = time.perf_counter()
    recipe.fetch(install=install, verbose=sys.stdout.isatty())
    typer.echo(f"fetched {name} in {time.perf_counter() - began:.0f} s")


def _show_credentials(engine: Engine) -> None:
    authority = engine.ca_certs
    if authority is None:
        return
    typer.echo(f"  user  {engine.username}  password  {engine.password}\n  CA    {authority}")
    user = f"{engine.username}:{engine.password}"
    typer.echo(f"  try   curl --cacert {authority} -u {user} {engine.url}/_cluster/health")
