"""``qrm rl-qr pairs``: queries that mean the same."""

# `qrm --help` reads this file: what a command needs is imported when it is asked for.
# ruff: noqa: PLC0415 typer reads signatures, and prints docstrings as they stand

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import SeedOption, counting, names, say
from qrmiddleware_rl_qr.commands.options import (
    ConcurrencyOption,
    KeyOption,
    LimitOption,
    PaceOption,
    llm_of,
)


def pairs(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Files with queries and their products, or with rewrites; folders of judgments as "
            "`qrm eval` reads them."
        ),
    ],
    work: Annotated[Path, typer.Option("--to", metavar="WORK", help="Folder of the training.")],
    least: Annotated[
        int, typer.Option(min=1, help="Relevant products that two queries share.")
    ] = 1,
    relevant: Annotated[
        str, typer.Option(help="Labels that make a product relevant, where rows have labels.")
    ] = "E,S,exact,substitute",
    where: Annotated[
        list[str] | None,
        typer.Option(help="Read only lines that say so: subset=train,Others; repeat for more."),
    ] = None,
    most: Annotated[
        int, typer.Option(min=1, help="Plain rewrites to make of one Boolean search.")
    ] = 2,
    judge_endpoint: Annotated[
        str, typer.Option(help="Have a language model refuse pairs that mean different things.")
    ] = "",
    judge_model: Annotated[str, typer.Option(help="Its name there.")] = "",
    api_key_env: KeyOption = "",
    concurrency: ConcurrencyOption = 4,
    requests_per_minute: PaceOption = 0.0,
    limit: LimitOption = 0,
    valid: Annotated[float, typer.Option(min=0, max=1, help="Share of pairs to choose by.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=1, help="Share of pairs to report.")] = 0.1,
    seed: SeedOption = 0,
) -> None:
    """Gather pairs of queries that mean the same, for they share products or somebody says so.

    Sources are JSON lines with `query` and `product_ids`, with `query`, `product_id` and `label`,
    or with `query` and `rewrite`, which may be a Boolean search; tab-separated files of queries
    and rewrites; and folders of judgments. Queries that hang together, be it by one product, are
    all for training, or all held out. Writes WORK/pairs.jsonl.

    Examples:

        qrm rl-qr pairs queries.jsonl --to ./work --least 3

        qrm rl-qr pairs ./esci people.tsv --to ./work --judge-endpoint http://localhost:8000/v1
        --judge-model qwen3-8b
    """
    from qrmiddleware.distill.rewriting.pair_sources import Reading
    from qrmiddleware.distill.rewriting.query_pairs import Splitting
    from qrmiddleware_rl_qr.recipes import pairs as stage
    from qrmiddleware_rl_qr.recipes.asked import LlmPairJudge
    from qrmiddleware_rl_qr.recipes.prompts import EQUIVALENT

    with counting("gathering pairs") as bar:
        judge = None
        if judge_endpoint:
            llm = llm_of(
                judge_endpoint,
                judge_model,
                prompt=EQUIVALENT,
                api_key_env=api_key_env,
                concurrency=concurrency,
                requests_per_minute=requests_per_minute,
                limit=limit,
                file=work / "equivalent.answers.jsonl",
            )
            judge = LlmPairJudge(
                llm, lambda done, total: bar.update(bar.tasks[0].id, completed=done, total=total)
            )
        reading = Reading(frozenset(names(relevant)), _conditions(where or ()), most)
        plan = stage.PairPlan(least, reading, Splitting(valid, test, seed), judge)
        made = stage.gather_pairs(sources, work, plan)
    splits = ", ".join(f"{count:,} {name}" for name, count in sorted(made.splits.items()))
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(made.dropped.items()))
    say(
        f"{work / stage.PAIRS}: {made.shared:,} of {made.queries:,} queries' pairs share at least "
        f"{least} products (refused: {made.refused:,}, unanswered: {made.unanswered:,}), and "
        f"{made.told:,} rewrites were told (left out: {dropped or 'none'}); {splits}"
    )


def _conditions(told: list[str] | tuple[str, ...]) -> dict[str, frozenset[str]]:
    found = {}
    for condition in told:
        key, equals, values = condition.partition("=")
        if not key or not equals or not names(values):
            message = f"--where: expected something like subset=train,Others; found {condition!r}"
            raise ConfigError(message)
        found[key] = frozenset(names(values))
    return found
