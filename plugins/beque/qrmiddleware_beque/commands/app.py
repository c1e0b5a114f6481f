"""The commands, put together."""

import typer

from qrmiddleware.recipes.rewrite_tables.command import add_build_table
from qrmiddleware_beque.commands.finding_weak import find_weak

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def _about() -> None:
    """Train rewriters for `plugin: beque`, stage by stage."""


app.command(no_args_is_help=True)(find_weak)
add_build_table(app, "qrm beque")
