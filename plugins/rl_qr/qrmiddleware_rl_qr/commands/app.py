"""The commands, put together."""

import typer

from qrmiddleware.recipes.commands import add_wordings
from qrmiddleware_rl_qr.commands import versions
from qrmiddleware_rl_qr.commands.distill import distill, student
from qrmiddleware_rl_qr.commands.online import online
from qrmiddleware_rl_qr.commands.pairs import pairs
from qrmiddleware_rl_qr.commands.score import score
from qrmiddleware_rl_qr.commands.teacher import ask, teacher

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train rewriters for `plugin: rl_qr`: gather `pairs`, or make `wordings` of a catalogue; "
        "have a `teacher` learn them, or `ask` a language model; `distill` a student, let it go on "
        "learning `online`, and try its `versions` on a share of the searches.\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-rl-qr[train]'"
    ),
)
add_wordings(app, "rl-qr")
for command in (pairs, ask, teacher, distill, student, online, score):
    app.command(no_args_is_help=True)(command)
app.add_typer(versions.app, name="versions")
