"""Puts ``qrm models`` together."""

import typer

from qrmiddleware.cli.models import exporting, listing, scoring, verifying


def build_models_app() -> typer.Typer:
    """Put the sub-commands together."""
    app = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode="markdown",
        help=(
            "Make, list, check and ask students: the small models that rewrite, filter and rerank, "
            "each a folder with a `student.json`."
        ),
    )
    app.command("list")(listing.list_students)
    app.command()(listing.inspect)
    app.command()(verifying.verify)
    app.command(no_args_is_help=True)(scoring.score)
    app.command()(exporting.export)
    return app
