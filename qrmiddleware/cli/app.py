"""The commands, and those that plugins bring along."""

from importlib.metadata import entry_points, version
from typing import Annotated, Final

import typer

from qrmiddleware.cli import demo, embedding, feedback, inspect, serving
from qrmiddleware.cli.console import err, out
from qrmiddleware.cli.distill.app import build_label_app
from qrmiddleware.cli.evaluate.app import build_evaluate_app
from qrmiddleware.cli.models.app import build_models_app

COMMANDS_GROUP: Final = "qrmiddleware.commands"
"""Entry points here are typer applications; their name is the sub-command."""


def build_app() -> typer.Typer:
    """Put the command together."""
    app = typer.Typer(
        name="qrm",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        help=(
            "Search-engine middleware: a drop-in proxy whose plugins rewrite, widen, filter "
            "and rerank searches.\n\n"
            "Begin with `qrm demo`, or put `qrm serve --upstream http://localhost:9200` in "
            "front of your cluster."
        ),
    )
    app.callback(no_args_is_help=True)(_root)
    app.command()(serving.serve)
    app.command()(demo.demo)
    app.command()(serving.check)
    app.command()(inspect.plugins)
    app.command()(inspect.rewrite)
    app.command()(inspect.explain)
    app.command()(embedding.embed)
    app.command(no_args_is_help=True)(feedback.feedback)
    app.command("config-schema")(serving.config_schema)
    app.add_typer(build_evaluate_app(), name="eval")
    app.add_typer(build_label_app(), name="label")
    app.add_typer(build_models_app(), name="models")
    for point in sorted(entry_points(group=COMMANDS_GROUP)):
        try:
            app.add_typer(point.load(), name=point.name)
        except ImportError as error:
            err.print(f"[yellow]command {point.name} of {point.value} is left out: {error}[/]")
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"qrmiddleware {version('qrmiddleware')}", highlight=False)
        raise typer.Exit


def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    """Take the options of ``qrm`` itself; each has done its work by now."""
