"""The commands, put together."""

import typer

from qrmiddleware_rl_qr.commands.distill import distill, student
from qrmiddleware_rl_qr.commands.online import online
from qrmiddleware_rl_qr.commands.pairs import pairs
from qrmiddleware_rl_qr.commands.score import score
from qrmiddleware_rl_qr.commands.teacher import ask, teacher

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def _about() -> None:
    """Train rewriters for `plugin: rl_qr`: gather `pairs`, `distill`, and go on learning `online`.

    Needs the extra `train`: pip install 'qrmiddleware-rl-qr[train]'
    """


for _command in (pairs, ask, teacher, distill, student, online, score):
    app.command(no_args_is_help=True)(_command)
