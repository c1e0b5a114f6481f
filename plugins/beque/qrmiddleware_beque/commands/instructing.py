"""``qrm beque instruct``."""

# `qrm --help` reads this file: what loads much is imported when it is asked for.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import SeedOption, folds, say

if TYPE_CHECKING:
    from qrmiddleware_beque.recipes.titles import Titles


def instruct(
    pairs: Annotated[list[Path], typer.Argument(help="Files of pairs, as JSON lines.")],
    work: Annotated[Path, typer.Option("--to", metavar="WORK", help="Folder of the training.")],
    verdicts: Annotated[
        list[Path] | None,
        typer.Option(help="Files of judged rewrites: query, rewrite, good (true or false)."),
    ] = None,
    titles: Annotated[
        Path | None,
        typer.Option(help="Judgments and catalogue, as `qrm eval` reads: clicks, purchases too."),
    ] = None,
    catalogue: Annotated[Path | None, typer.Option(help="Catalogue, if it lies elsewhere.")] = None,
    title_field: Annotated[str, typer.Option(help="Field of a product's title.")] = "title",
    titles_per_query: Annotated[int, typer.Option(min=1, help="Of the best graded.")] = 1,
    hold_out: Annotated[
        str, typer.Option(help="Folds of the judged queries to keep out, for measuring: 3,4.")
    ] = "",
    prompts: Annotated[
        str,
        typer.Option(help="A file of your own, or rewriting-short-1, which explains nothing."),
    ] = "rewriting-1",
    rewrites: Annotated[
        int | None, typer.Option(min=1, help="At most; else all there are.")
    ] = None,
    quality: Annotated[int, typer.Option(min=0, help="Verdicts at most.")] = 50_000,
    title_count: Annotated[
        int,
        typer.Option(
            "--title-count", min=0, help="Titles at most; 0 holds folds out, and learns none."
        ),
    ] = 50_000,
    reasoned: Annotated[int, typer.Option(min=0, help="Rewrites with reasons at most.")] = 50_000,
    seed: SeedOption = 0,
) -> None:
    """Write pairs, verdicts and titles as instructions, mixed, to WORK/instructions.jsonl.

    Pairs of another split than `train` are left out, and so are held-out folds; a query of these
    among what would be learnt is an error.

    Examples:

        qrm beque instruct ./kept.jsonl --to ./work

        qrm beque instruct people.jsonl kept.jsonl --to ./work --verdicts verdicts.jsonl
        --titles ./icecat --hold-out 3 --title-count 5000

        qrm beque instruct ./kept.jsonl --to ./work --prompts rewriting-short-1
    """
    from qrmiddleware.distill.rewriting.row_files import read_rows
    from qrmiddleware.distill.rewriting.rows import RewritePair
    from qrmiddleware_beque.prompts.tasks import load_prompts
    from qrmiddleware_beque.recipes import instructions

    told = _titles(titles, hold_out, title_field, titles_per_query, catalogue)
    files = [*pairs, *(verdicts or ())]
    lessons = instructions.Lessons(
        [pair for file in pairs for pair in read_rows(file, RewritePair)],
        [each for file in verdicts or () for each in read_rows(file, instructions.JudgedRewrite)],
        told.titles,
        told.held_out,
        told.seen_folds,
        files,
    )
    amounts = instructions.Amounts(rewrites, quality, title_count, reasoned)
    plan = instructions.InstructPlan(amounts, load_prompts(prompts), seed)
    made = instructions.instruct(work, lessons, plan)
    counts = ", ".join(f"{count:,} {task}" for task, count in made.counts.items())
    say(
        f"{work / instructions.INSTRUCTIONS}: {counts}; {len(made.held_out):,} queries are kept out"
    )


def _titles(
    data: Path | None, hold_out: str, field: str, most: int, catalogue: Path | None
) -> "Titles":
    from qrmiddleware_beque.recipes.titles import Titles, read_titles

    if data is not None:
        return read_titles(
            data, hold_out=folds(hold_out), field=field, most=most, catalogue=catalogue
        )
    if hold_out:
        message = f"--hold-out {hold_out} without --titles: say whose folds these are"
        raise ConfigError(message)
    return Titles((), (), ())
