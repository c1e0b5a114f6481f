"""The commands, put together."""

import typer

from qrmiddleware.recipes.commands import add_wordings

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def _about() -> None:
    """Train rewriters for `plugin: beque`, stage by stage."""


add_wordings(app, "beque")
