"""``qrm crsd``: trains a teacher that reasons, and students that learn from reasons."""

# Training loads numpy and torch, and `qrm --help` reads this file: stages are imported when asked.
# ruff: noqa: PLC0415

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from qrmiddleware.recipes.causal_options import (
    AtOnceOption,
    BaseModelOption,
    CheckpointOption,
    GradientCheckpointingOption,
    LoraRankOption,
    LoraTargetsOption,
    ReasonsOption,
    RowsOption,
    RowTokensOption,
    ScratchModelOption,
    add_sft,
    beginning_of,
)
from qrmiddleware.recipes.command_options import (
    BaseOption,
    BatchOption,
    LayersOption,
    LicenceOption,
    MaxTokensOption,
    RateOption,
    ReplaceOption,
    ScratchOption,
    SeedOption,
    ShareOption,
    StepsOption,
    ToOption,
    WorkArgument,
    counting,
    layers_of,
    made_by,
    need_training,
    numbers,
    say,
    say_made,
)
from qrmiddleware.recipes.commands import add_gather

PACKAGE: Final = "qrmiddleware-crsd"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train students for `plugin: crsd`: gather pairs, with reasons for what a product is to a "
        "query; train a language model to write more of them, if you like (`pretrain`, `sft`, "
        "`prefer`); and train a student that reads reasons and will not need them.\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-crsd[train]'"
    ),
)
add_gather(app, "crsd")


@app.command(no_args_is_help=True)
def pretrain(
    work: WorkArgument,
    base: BaseModelOption = "",
    scratch: ScratchModelOption = "",
    to: CheckpointOption = None,
    row_tokens: Annotated[
        int, typer.Option(min=16, help="Of a row; texts are joined until it is full.")
    ] = 256,
    lora_rank: LoraRankOption = 0,
    lora_targets: LoraTargetsOption = "",
    gradient_checkpointing: GradientCheckpointingOption = False,
    steps: StepsOption = 1000,
    rate: RateOption = 2e-5,
    rows: RowsOption = 16,
    at_once: AtOnceOption = 4,
    seed: SeedOption = 0,
) -> None:
    """Have a language model read the catalogue: texts of products, and queries.

    The first step of a teacher's three. The checkpoint is WORK/pretrained; goes on where it was
    interrupted.

    Examples:

        qrm crsd pretrain ./work --base Qwen/Qwen3-0.6B-Base --gradient-checkpointing

        qrm crsd pretrain ./work --scratch 2000,2,128,2 --rate 3e-3
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes import pretraining
    from qrmiddleware.recipes.causal import CausalFitting

    target = to or work / pretraining.PRETRAINED
    beginning = beginning_of(
        base,
        scratch,
        lora_rank=lora_rank,
        lora_targets=lora_targets,
        gradient_checkpointing=gradient_checkpointing,
    )
    fitting = CausalFitting(steps, rate, rows, at_once, row_tokens, seed)
    count = pretraining.pretrain(work, beginning, target, fitting=fitting, tokens=row_tokens)
    if is_main_process():
        say(f"{target}: has read {count:,} rows of the catalogue")


add_sft(app, "crsd")


@app.command(no_args_is_help=True)
def prefer(
    work: WorkArgument,
    base: Annotated[
        Path | None, typer.Option(help="Model that was taught to reason; else WORK/tuned.")
    ] = None,
    to: CheckpointOption = None,
    labels: ReasonsOption = None,
    questions: Annotated[int, typer.Option(min=1, help="Pairs to draw chains about.")] = 1000,
    samples: Annotated[int, typer.Option(min=2, help="Chains of each.")] = 4,
    temperature: Annotated[float, typer.Option(min=0.01, help="At which they are drawn.")] = 1.0,
    chain_tokens: Annotated[int, typer.Option(min=16, help="Of a chain at most.")] = 160,
    correct: Annotated[
        float, typer.Option(min=0, help="Weight of concluding as the label does.")
    ] = 1.0,
    faithful: Annotated[
        float, typer.Option(min=0, help="Weight of naming what query and product say.")
    ] = 0.5,
    formed: Annotated[float, typer.Option(min=0, help="Weight of being a chain at all.")] = 0.5,
    brief: Annotated[float, typer.Option(min=0, help="Weight of few words.")] = 0.1,
    least_margin: Annotated[
        float, typer.Option(min=0, max=1, help="Of reward, between a chain and a worse one.")
    ] = 0.05,
    most: Annotated[int, typer.Option(min=1, help="Preferences of one pair.")] = 1,
    beta: Annotated[
        float, typer.Option(min=0, help="How soon a difference is enough; small ones go far.")
    ] = 0.1,
    anchor: Annotated[
        float, typer.Option(min=0, help="Weight of learning the better chains as such, beside.")
    ] = 1.0,
    lora_rank: LoraRankOption = 0,
    lora_targets: LoraTargetsOption = "",
    gradient_checkpointing: GradientCheckpointingOption = False,
    steps: StepsOption = 300,
    rate: RateOption = 1e-6,
    rows: RowsOption = 16,
    at_once: AtOnceOption = 2,
    max_tokens: RowTokensOption = 1024,
    seed: SeedOption = 0,
) -> None:
    """Have a teacher prefer the better ones of the chains that it draws (DPO).

    What a chain is worth is told by rules: whether it concludes as the label does, whether its
    notes stand in query and text, whether it is a chain, and brief. Drawn chains are kept in
    WORK/chains.draws.jsonl, what is preferred to what, and why, in WORK/chains.preferences.jsonl.
    Goes on where it was interrupted.

    Examples:

        qrm crsd prefer ./work --lora-rank 16 --rate 1e-5 --gradient-checkpointing

        qrm crsd prefer ./work --samples 8 --faithful 1 --brief 0
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.causal.generation import Decoding
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.causal import CausalFitting
    from qrmiddleware.recipes.tuning import TUNED
    from qrmiddleware_crsd.recipes import prefer as stage
    from qrmiddleware_crsd.recipes.rewards import Rewards

    target = to or work / stage.PREFERRED
    begun = base or made_by("qrm crsd sft", work / TUNED, "--base")
    plan = stage.PreferPlan(
        CausalFitting(steps, rate, rows, at_once, max_tokens, seed),
        beginning_of(
            str(begun),
            "",
            lora_rank=lora_rank,
            lora_targets=lora_targets,
            gradient_checkpointing=gradient_checkpointing,
        ),
        labels,
        questions,
        Decoding(chain_tokens, temperature, samples, seed),
        weights=Rewards(correct, faithful, formed, brief),
        least_margin=least_margin,
        most=most,
        beta=beta,
        anchor=anchor,
    )
    with counting("drawing chains") as bar:
        task = bar.tasks[0].id
        made = stage.prefer(
            work,
            plan,
            target,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if is_main_process():
        say(
            f"{target}: learnt {made.preferences - made.too_long:,} preferences of "
            f"{made.questions:,} pairs ({made.too_long:,} were too long); a drawn chain was worth "
            f"{made.reward:.3f}"
        )


@app.command(no_args_is_help=True)
def student(
    work: WorkArgument,
    to: ToOption,
    labels: Annotated[
        Path | None,
        typer.Option(help="Labels with classes and reasons; else the reasoner's, from gather."),
    ] = None,
    augmented: Annotated[
        float, typer.Option(min=0, help="Weight of learning with the reasons at hand.")
    ] = 1.0,
    distilled: Annotated[
        float, typer.Option(min=0, help="Weight of learning what was said with them, without.")
    ] = 1.0,
    temperature: Annotated[
        float, typer.Option(min=0.1, help="Softens it: above 1, small probabilities count more.")
    ] = 2.0,
    aligned: Annotated[
        float, typer.Option(min=0, help="Weight of the contrast between both views.")
    ] = 0.2,
    reason_tokens: Annotated[int, typer.Option(min=4, help="Of a reason at most.")] = 64,
    concluded: Annotated[
        bool,
        typer.Option(
            "--concluded", help="Leave the class in the reasons: a leak, to see what it does."
        ),
    ] = False,
    base: BaseOption = "minilm",
    layers: LayersOption = "2",
    scratch: ScratchOption = "",
    share: ShareOption = 1.0,
    steps: StepsOption = 1500,
    rate: RateOption = 1e-4,
    batch: BatchOption = 8,
    max_tokens: MaxTokensOption = 40,
    replace: ReplaceOption = False,
    licence: LicenceOption = "",
    seed: SeedOption = 0,
) -> None:
    """Train a student on classes and reasons, and export it for serving.

    Examples:

        qrm crsd student ./work --to ./models/crsd

        qrm crsd student ./work --to ./models/plain --augmented 0 --distilled 0 --aligned 0

        qrm crsd student ./work --to ./models/tiny --scratch 4000,2,128,2 --rate 5e-4
    """
    need_training(PACKAGE)
    from qrmiddleware.recipes.beginning import Tiny
    from qrmiddleware.recipes.fitting import Fitting
    from qrmiddleware.recipes.reasoned import ReasonedPlan, learn_reasoned
    from qrmiddleware_crsd.recipes.student import RECIPE, Weights, loss_of_labels

    weights = Weights(
        augmented, distilled, aligned, softening=temperature, reason_tokens=reason_tokens
    )
    plan = ReasonedPlan(
        RECIPE,
        Fitting(steps, rate, queries=batch, max_tokens=max_tokens, seed=seed),
        Tiny(*numbers(scratch, 4, "--scratch")) if scratch else base,
        layers_of(layers),
        share,
        labels,
        settings={"weights": asdict(weights), "concluded": concluded},
    )
    loss_of = loss_of_labels(plan, weights, concluded=concluded)
    manifest = learn_reasoned(work, plan, to, loss_of=loss_of, replace=replace, licence=licence)
    if manifest is not None:
        say_made(to, manifest)
