"""``qrm beque reject``."""

# `qrm --help` reads this file: what loads much is imported when it is asked for.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.recipes.command_options import say


def reject(
    pairs: Annotated[list[Path], typer.Argument(help="Files of pairs, in order of preference.")],
    scores: Annotated[
        Path,
        typer.Option(help="What `qrm feedback` says of them; or a file of scores."),
    ],
    to: Annotated[Path, typer.Option(help="File of the pairs that are kept.")],
    relevance: Annotated[
        float, typer.Option(min=0, max=1, help="Least relevance of what a rewrite finds.")
    ] = 0.5,
    increment: Annotated[
        float, typer.Option(help="A rewrite adds more than this share of relevant products.")
    ] = 0.0,
    verdicts: Annotated[
        Path | None,
        typer.Option(help="File of verdicts to write: yes for relevant rewrites, no for others."),
    ] = None,
) -> None:
    """Keep the pairs whose rewrite is relevant, and brings products that the query does not.

    Pairs are JSON lines with `query` and `rewrite`; scores those of `qrm feedback`, or JSON lines
    with `query`, `rewrite`, `relevance` and `increment`. Tells how many are dropped, and why.

    Examples:

        qrm beque reject ./logged.jsonl --scores ./feedback.jsonl --to ./kept.jsonl

        qrm beque reject people.jsonl log.jsonl --scores scores.jsonl --to kept.jsonl
        --relevance 0.7 --increment 0.1 --verdicts verdicts.jsonl
    """
    from qrmiddleware.distill.rewriting.row_files import read_rows, write_rows
    from qrmiddleware.distill.rewriting.rows import RewritePair
    from qrmiddleware_beque.recipes import rejection

    every = [pair for file in pairs for pair in read_rows(file, RewritePair)]
    thresholds = rejection.Thresholds(relevance, increment)
    found = rejection.reject(every, rejection.read_scores(scores), thresholds)
    write_rows(to, found.kept)
    if verdicts:
        write_rows(verdicts, rejection.verdicts_of(found))
    say(f"{to}: kept {len(found.kept):,} of {len(every):,} pairs")
    for reason, count in found.counts.items():
        if count:
            say(f"  {count:,} dropped: the rewrite {reason}")
