"""``qrm rl-qr ask`` and ``teacher``: whose rewrites a student learns from."""

# `qrm --help` reads this file: what a command needs is imported when it is asked for.
# ruff: noqa: PLC0415 typer reads signatures, and prints docstrings as they stand

from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware.recipes.causal_options import (
    AtOnceOption,
    BaseModelOption,
    CheckpointOption,
    GradientCheckpointingOption,
    LoraRankOption,
    LoraTargetsOption,
    RowsOption,
    RowTokensOption,
    ScratchModelOption,
    beginning_of,
)
from qrmiddleware.recipes.command_options import (
    RateOption,
    SeedOption,
    StepsOption,
    counting,
    need_training,
    say,
)
from qrmiddleware_rl_qr.commands.options import (
    PACKAGE,
    ConcurrencyOption,
    FolderArgument,
    KeyOption,
    LimitOption,
    MostWordsOption,
    PaceOption,
    limits_of,
    llm_of,
)


def ask(
    work: FolderArgument,
    endpoint: Annotated[str, typer.Option(help="URL of an API such as http://localhost:8000/v1.")],
    model: Annotated[str, typer.Option(help="Its name there.")],
    queries: Annotated[
        Path | None,
        typer.Option(help="Queries, one a line; else those of the pairs to train on."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Rewrites of a query.")] = 3,
    most_words: MostWordsOption = 12,
    prompt: Annotated[
        Path | None, typer.Option(help="A prompt of your own; docs/rl_qr.md shows its form.")
    ] = None,
    api_key_env: KeyOption = "",
    concurrency: ConcurrencyOption = 4,
    requests_per_minute: PaceOption = 0.0,
    limit: LimitOption = 0,
) -> None:
    """Have a language model rewrite queries, over an endpoint with OpenAI's chat completions.

    Answers are kept as they come, so that the same command goes on where it ended. What cannot be
    read, and what guards object to, is left out and counted. Writes WORK/asked.jsonl, which
    `distill --rewrites` learns from. Needs the extra `llm`.

    Examples:

        qrm rl-qr ask ./work --endpoint http://localhost:8000/v1 --model qwen3-8b

        qrm rl-qr ask ./work --endpoint https://api.openai.com/v1 --model gpt-4.1-mini
        --api-key-env OPENAI_API_KEY --limit 1000
    """
    from qrmiddleware.distill.rewriting.query_pairs import TRAIN
    from qrmiddleware.recipes.gathering import read_log
    from qrmiddleware_rl_qr.recipes import pairs as stage
    from qrmiddleware_rl_qr.recipes.asked import ask_rewrites
    from qrmiddleware_rl_qr.recipes.prompts import REWRITE

    if queries is not None:
        texts = list(read_log(queries))
    else:
        gathered = stage.read_pairs(work / stage.PAIRS)
        texts = [pair.query for pair in stage.of_split(gathered, TRAIN)]
    llm = llm_of(
        endpoint,
        model,
        prompt=REWRITE,
        own_prompt=prompt,
        api_key_env=api_key_env,
        concurrency=concurrency,
        requests_per_minute=requests_per_minute,
        limit=limit,
        file=work / "asked.answers.jsonl",
    )
    with counting("asking") as bar:
        task = bar.tasks[0].id
        written = ask_rewrites(
            list(dict.fromkeys(texts)),
            llm,
            most=most,
            limits=limits_of(most_words),
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    target = work / "asked.jsonl"
    stage.write_pairs(target, written.pairs)
    replies = written.replies
    told = {**replies.problems, **written.dropped}
    listed = ", ".join(f"{count:,} {reason}" for reason, count in sorted(told.items()))
    say(
        f"{target}: {len(written.pairs):,} rewrites; {replies.asked:,} queries asked now, "
        f"{replies.remembered:,} remembered; left out: {listed or 'none'}; "
        f"{replies.prompt_tokens:,} + {replies.completion_tokens:,} tokens"
    )
    if replies.stopped:
        say(f"stopped early: {replies.stopped}")


def teacher(
    work: FolderArgument,
    base: BaseModelOption = "",
    scratch: ScratchModelOption = "",
    to: CheckpointOption = None,
    lora_rank: LoraRankOption = 0,
    lora_targets: LoraTargetsOption = "",
    gradient_checkpointing: GradientCheckpointingOption = False,
    steps: StepsOption = 2000,
    rate: RateOption = 2e-5,
    rows: RowsOption = 32,
    at_once: AtOnceOption = 16,
    max_tokens: RowTokensOption = 128,
    seed: SeedOption = 0,
) -> None:
    """Teach a language model the pairs: it can then score each token that a student writes.

    The checkpoint is WORK/teacher, and says how it is asked. Goes on where it was interrupted.

    Examples:

        qrm rl-qr teacher ./work --base Qwen/Qwen3-0.6B --lora-rank 16 --rate 2e-4

        qrm rl-qr teacher ./work --scratch 8000,6,384,6 --rate 1e-3
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.rewriting.query_pairs import TRAIN
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.causal import CausalFitting
    from qrmiddleware_rl_qr.recipes import pairs as gathered
    from qrmiddleware_rl_qr.recipes.tuning import TEACHER, teach_rewriting

    target = to or work / TEACHER
    made = teach_rewriting(
        gathered.of_split(gathered.read_pairs(work / gathered.PAIRS), TRAIN),
        work,
        target,
        fitting=CausalFitting(steps, rate, rows, at_once, max_tokens, seed),
        beginning=beginning_of(
            base,
            scratch,
            lora_rank=lora_rank,
            lora_targets=lora_targets,
            gradient_checkpointing=gradient_checkpointing,
        ),
        what="learning pairs",
    )
    if is_main_process():
        say(
            f"{target}: learnt {made.pairs:,} pairs; left out were {made.unreadable:,} of which "
            f"nothing can be read, and {made.too_long:,} that are too long"
        )
