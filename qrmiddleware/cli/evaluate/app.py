"""Puts ``qrm eval`` together."""

import typer

from qrmiddleware.cli.evaluate import classing, indexing, judging, pooling, reporting, running


def build_evaluate_app() -> typer.Typer:
    """Put the sub-commands together."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help=(
            "Measure relevance on judged queries, over HTTP: of this proxy, and of any other "
            "engine that answers `_search`."
        ),
    )
    app.command()(indexing.index)
    app.command()(indexing.convert)
    app.command()(running.run)
    app.command()(running.score)
    app.command()(classing.classes)
    app.command()(reporting.report)
    app.command()(pooling.pool)
    app.command()(judging.judge)
    return app
