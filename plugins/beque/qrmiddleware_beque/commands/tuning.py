"""``qrm beque sft``."""

# `qrm --help` reads this file, and training loads torch: it is imported when it is asked for.
# ruff: noqa: PLC0415

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
    need_training,
    say,
)
from qrmiddleware_beque.commands.options import PACKAGE, EpochsOption, WorkArgument


def sft(
    work: WorkArgument,
    base: BaseModelOption = "",
    scratch: ScratchModelOption = "",
    to: CheckpointOption = None,
    rewrite_prompt_tokens: Annotated[
        int, typer.Option(min=4, help="Of a rewrite's prompt; longer ones are left out.")
    ] = 64,
    other_prompt_tokens: Annotated[
        int, typer.Option(min=4, help="Of the other tasks' prompts.")
    ] = 256,
    lora_rank: LoraRankOption = 0,
    lora_targets: LoraTargetsOption = "",
    gradient_checkpointing: GradientCheckpointingOption = False,
    epochs: EpochsOption = 1.0,
    rate: RateOption = 1e-5,
    rows: RowsOption = 16,
    at_once: AtOnceOption = 4,
    max_tokens: RowTokensOption = 512,
    seed: SeedOption = 0,
) -> None:
    """Teach a language model to rewrite, by the instructions in WORK.

    The checkpoint is WORK/sft, and says how it is asked. Goes on where it was interrupted.

    Examples:

        qrm beque sft ./work --base Qwen/Qwen3-0.6B --lora-rank 16 --rate 2e-4
        --gradient-checkpointing

        qrm beque sft ./work --scratch 8000,4,256,4 --rate 1e-3 --epochs 10
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.causal import CausalFitting
    from qrmiddleware_beque.recipes import sft as stage

    target = to or work / stage.SFT
    plan = stage.SftPlan(
        beginning_of(
            base,
            scratch,
            lora_rank=lora_rank,
            lora_targets=lora_targets,
            gradient_checkpointing=gradient_checkpointing,
        ),
        CausalFitting(0, rate, rows, at_once, max_tokens, seed),
        epochs,
        rewrite_prompt_tokens,
        other_prompt_tokens,
    )
    made = stage.teach(work, plan, target)
    if is_main_process():
        counts = ", ".join(f"{count:,} {task}" for task, count in made.learnt.items())
        say(
            f"{target}: learnt {counts} in {made.steps:,} steps; {made.too_long:,} instructions "
            "were too long"
        )
