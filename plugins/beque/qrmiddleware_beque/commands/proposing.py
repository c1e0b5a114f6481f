"""``qrm beque candidates``."""

# `qrm --help` reads this file, and models load torch: they are imported when they are asked for.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.recipes.command_options import SeedOption, counting, need_training, say
from qrmiddleware_beque.commands.options import PACKAGE


def candidates(
    queries: Annotated[
        Path, typer.Argument(help="Queries, one a line; or JSON lines with a `query`.")
    ],
    model: Annotated[
        Path, typer.Option(help="Checkpoint of `sft` or `align`; or a generator's folder.")
    ],
    to: Annotated[Path, typer.Option(help="File of candidates; grows, and is gone on with.")],
    count: Annotated[int, typer.Option(min=1, max=32, help="Of each query, at most.")] = 5,
    spare: Annotated[
        int, typer.Option(min=1, max=8, help="Write so many times as many: repeats are dropped.")
    ] = 2,
    temperature: Annotated[
        float, typer.Option(min=0, help="Draw them at this; 0 takes the likeliest (beam search).")
    ] = 0.0,
    tokens: Annotated[
        int, typer.Option(min=0, help="Of a rewrite at most; 0: as long as it was taught.")
    ] = 0,
    device: Annotated[str, typer.Option(help="That a checkpoint computes on.")] = "cpu",
    seed: SeedOption = 0,
) -> None:
    """Let a model propose rewrites, for `qrm feedback` to ask an engine about.

    Texts that differ in case, blanks and width only count once, and echoes of the query not at
    all. Each comes with the mean log-probability of its tokens. Goes on where it was interrupted.

    Examples:

        qrm beque candidates queries.txt --model ./work/sft --to ./work/candidates.jsonl

        qrm beque candidates pairs.jsonl --model ./models/beque --to ./candidates.jsonl
        --count 8 --temperature 1
    """
    from qrmiddleware.students.manifest import MANIFEST_FILE
    from qrmiddleware_beque.recipes import candidates as stage

    if not (model / MANIFEST_FILE).is_file():
        need_training(PACKAGE)
    asked = stage.read_queries(queries)
    proposing = stage.Proposing(count, spare, temperature, seed, tokens or None)
    with (
        counting("proposing rewrites") as bar,
        stage.proposer_in(model, proposing, device=device) as proposer,
    ):
        task = bar.tasks[0].id
        none = stage.propose_all(
            proposer,
            asked,
            to,
            count=count,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(f"{to}: candidates of {len(asked) - none:,} queries; of {none:,} the model proposes none")
