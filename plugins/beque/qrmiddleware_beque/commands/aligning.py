"""``qrm beque align``."""

# `qrm --help` reads this file, and training loads torch: it is imported when it is asked for.
# ruff: noqa: PLC0415

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qrmiddleware.recipes.causal_options import (
    AtOnceOption,
    CheckpointOption,
    GradientCheckpointingOption,
    LoraRankOption,
    LoraTargetsOption,
    RowsOption,
    RowTokensOption,
    beginning_of,
)
from qrmiddleware.recipes.command_options import (
    RateOption,
    SeedOption,
    made_by,
    need_training,
    say,
)
from qrmiddleware_beque.commands.options import PACKAGE, EpochsOption, WorkArgument

if TYPE_CHECKING:
    from qrmiddleware_beque.recipes.align import Aligned

# As `recipes.rewards` has them, which loads msgspec.
Objective = Literal["rele", "incr", "hitrate", "weighted"]
Scale = Literal["range", "rank", "none"]


def align(
    work: WorkArgument,
    feedback: Annotated[
        Path | None, typer.Option(help="Of `qrm feedback`; else WORK/feedback.jsonl.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option(help="Model that was taught to rewrite; else WORK/sft.")
    ] = None,
    to: CheckpointOption = None,
    objective: Annotated[
        Objective, typer.Option(help="What makes a candidate better: one measure, or several.")
    ] = "incr",
    rele: Annotated[float, typer.Option(min=0, help="Weight in `weighted`.")] = 1.0,
    incr: Annotated[float, typer.Option(min=0, help="Weight in `weighted`.")] = 1.0,
    hitrate: Annotated[float, typer.Option(min=0, help="Weight in `weighted`.")] = 1.0,
    reward_scale: Annotated[
        Scale, typer.Option(help="How measures come to 0..1: by range or by rank; or not at all.")
    ] = "range",
    within: Annotated[
        float, typer.Option(min=0.01, max=1, help="Quantile above which values are outliers.")
    ] = 0.99,
    weight: Annotated[
        float, typer.Option("--lambda", min=0, help="Weight of the ranking loss.")
    ] = 1.0,
    gold: Annotated[
        Path | None, typer.Option(help="Pairs to learn in place of the best candidates.")
    ] = None,
    lora_rank: LoraRankOption = 0,
    lora_targets: LoraTargetsOption = "",
    gradient_checkpointing: GradientCheckpointingOption = False,
    epochs: EpochsOption = 4.0,
    rate: RateOption = 1e-6,
    rows: RowsOption = 16,
    at_once: AtOnceOption = 4,
    max_tokens: RowTokensOption = 512,
    seed: SeedOption = 0,
) -> None:
    """Make the rewrites likelier that find more (PRO), by an engine's feedback.

    The checkpoint is WORK/aligned. Rows of a batch are queries, with all their candidates. Goes
    on where it was interrupted.

    Examples:

        qrm beque align ./work --lora-rank 16 --rate 2e-5 --gradient-checkpointing

        qrm beque align ./work --objective weighted --rele 1 --incr 2 --hitrate 0 --lambda 0.5
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.causal import CausalFitting
    from qrmiddleware_beque.recipes import align as stage
    from qrmiddleware_beque.recipes.rewards import Aim, Weights
    from qrmiddleware_beque.recipes.sft import SFT

    target = to or work / stage.ALIGNED
    beginning = beginning_of(
        str(base or made_by("qrm beque sft", work / SFT, "--base")),
        "",
        lora_rank=lora_rank,
        lora_targets=lora_targets,
        gradient_checkpointing=gradient_checkpointing,
    )
    plan = stage.AlignPlan(
        beginning,
        CausalFitting(0, rate, rows, at_once, max_tokens, seed),
        feedback or work / stage.FEEDBACK,
        Aim(objective, Weights(rele, incr, hitrate), reward_scale, within),
        epochs,
        weight,
        gold,
    )
    made = stage.align(work, plan, target)
    if is_main_process():
        _report(target, made)


def _report(target: Path, made: "Aligned") -> None:
    told = made.ordering
    learnt = len(told.lists) - made.too_long
    say(
        f"{target}: learnt the candidates of {learnt:,} queries in {made.steps:,} steps, "
        f"{made.gold:,} with a gold rewrite"
    )
    dropped = {
        "queries that could not be searched": told.problems,
        "queries with fewer than two candidates": told.few,
        "queries whose candidates are all worth the same": told.alike,
        "queries with too long a candidate": made.too_long,
        "candidates that a guard refused": told.refused,
        "candidates of unknown worth": told.unknown,
        "candidates that are outliers": told.outliers,
    }
    for what, count in dropped.items():
        if count:
            say(f"  left out: {count:,} {what}")
