"""The commands, put together."""

import typer

from qrmiddleware.recipes.commands import add_wordings
from qrmiddleware.recipes.rewrite_tables.command import add_build_table
from qrmiddleware_beque.commands.aligning import align
from qrmiddleware_beque.commands.exporting import export
from qrmiddleware_beque.commands.finding_weak import find_weak
from qrmiddleware_beque.commands.instructing import instruct
from qrmiddleware_beque.commands.proposing import candidates
from qrmiddleware_beque.commands.rejecting import reject
from qrmiddleware_beque.commands.tuning import sft

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train rewriters for `plugin: beque`, stage by stage: make wordings of a catalogue where "
        "there is no log of any (`wordings`), keep the pairs that a search engine bears out "
        "(`reject`), write them as instructions (`instruct`), teach a language model (`sft`), let "
        "it propose (`candidates`), ask an engine about that (`qrm feedback`), make likelier what "
        "finds more (`align`), and make a student of it (`export`). Or let it write a rewrite "
        "table: find the queries that an engine serves badly (`find-weak`), and keep the rewrites "
        "that mend them (`build-table`).\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-beque[train]'"
    ),
)
add_wordings(app, "beque")
for command in (reject, instruct, sft, candidates, align, export, find_weak):
    app.command(no_args_is_help=True)(command)
add_build_table(app, "qrm beque")
