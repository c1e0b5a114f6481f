"""The commands, put together."""

import typer

from qrmiddleware.recipes.commands import add_wordings
from qrmiddleware_rl_qr.commands import versions

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")
app.add_typer(versions.app, name="versions")


@app.callback()
def _about() -> None:
    """Train rewriters for `plugin: rl_qr`, stage by stage."""


add_wordings(app, "rl-qr")
