"""``qrm rl-qr score``: how near rewrites are to those of people."""

# `qrm --help` reads this file: what a command needs is imported when it is asked for.
# ruff: noqa: PLC0415 typer reads signatures, and prints docstrings as they stand

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from qrmiddleware.errors import ConfigError
from qrmiddleware_rl_qr.commands.options import FolderArgument, RewriteTokensOption

if TYPE_CHECKING:
    from qrmiddleware.evaluation.rewrite_quality import Nearness


class SplitChoice(StrEnum):
    """What is scored."""

    VALID = "valid"
    TEST = "test"


def score(
    work: FolderArgument,
    students: Annotated[
        list[Path] | None, typer.Option("--student", help="Folder of a generator; repeat for more.")
    ] = None,
    predictions: Annotated[
        list[Path] | None,
        typer.Option(help="Rewrites as JSON lines with query and rewrite; repeat for more."),
    ] = None,
    split: Annotated[SplitChoice, typer.Option(help="Pairs that were held out.")] = (
        SplitChoice.TEST
    ),
    rewrite_tokens: RewriteTokensOption = 16,
) -> None:
    """Compare rewrites with the pairs that were held out; copying the query stands beside them.

    Prints a table: exact match, F1 of words, ROUGE-L, distinct words and word pairs, and how many
    only repeat the query.

    Examples:

        qrm rl-qr score ./work --student ./models/rl_qr --student ./work/versions/0004

        qrm rl-qr score ./work --predictions ./work/asked.jsonl --split valid
    """
    from qrmiddleware.evaluation.rewrite_quality import distinct_n, nearness
    from qrmiddleware_rl_qr.recipes import pairs as gathered

    references: defaultdict[str, list[str]] = defaultdict(list)
    for pair in gathered.of_split(gathered.read_pairs(work / gathered.PAIRS), split.value):
        references[pair.query].append(pair.rewrite)
    if not references:
        message = f"{work / gathered.PAIRS} has no pairs for {split.value}"
        raise ConfigError(message)
    told: dict[str, Mapping[str, str]] = {"copy": {query: query for query in references}}
    for folder in students or ():
        told[str(folder)] = _rewrites(folder, list(references), rewrite_tokens)
    for file in predictions or ():
        told[str(file)] = {pair.query: pair.rewrite for pair in reversed(gathered.read_pairs(file))}
    table = Table(
        "rewrites", "queries", "exact", "F1", "ROUGE-L", "distinct-1", "distinct-2", "echo"
    )
    for name, rewrites in told.items():
        near = nearness(rewrites, references)
        texts = [rewrites[query] for query in references if query in rewrites]
        table.add_row(name, *_cells(near, distinct_n(texts, n=1), distinct_n(texts, n=2)))
    Console().print(table)


def _rewrites(folder: Path, queries: Sequence[str], most_tokens: int) -> dict[str, str]:
    """Have a generator write its likeliest rewrite of each query."""
    from qrmiddleware.students.generator import Generator
    from qrmiddleware.students.generator.options import DecodingOptions

    options = DecodingOptions(n=1, beams=1, max_new_tokens=most_tokens, drop_echoes=False)
    with closing(Generator.open(folder)) as student:
        found = {query: student.generate(query, options) for query in queries}
    return {query: rewrites[0].text for query, rewrites in found.items() if rewrites}


def _cells(near: "Nearness", *distinct: float) -> tuple[str, ...]:
    shares = (near.exact_match, near.token_f1, near.rouge_l, *distinct, near.echoes)
    return f"{near.queries:,}", *(f"{share:.3f}" for share in shares)
