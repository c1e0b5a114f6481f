"""``qrm walmart-kd``: trains students, stage by stage; what takes long goes on where it ended."""

# Training loads numpy and torch, and `qrm --help` reads this file: stages are imported when asked.
# ruff: noqa: PLC0415

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from qrmiddleware import ConfigError
from qrmiddleware.recipes.command_options import (
    BaseOption,
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
    WeakLabelsOption,
    WorkArgument,
    counting,
    layers_of,
    made_by,
    names,
    need_training,
    numbers,
    say,
    say_made,
)
from qrmiddleware.recipes.commands import add_gather

PACKAGE: Final = "qrmiddleware-walmart-kd"


class Loss(StrEnum):
    """What a student learns by."""

    MARGIN = "margin"
    POINTWISE = "pointwise"
    SOFT = "soft"
    HARD = "hard"


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train students for `plugin: walmart_kd`: gather pairs, train a teacher or take another, "
        "have it label, train a student on its margins.\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-walmart-kd[train]'"
    ),
)


add_gather(app, "walmart-kd")


@app.command("warm-up", no_args_is_help=True)
def warm_up(
    work: WorkArgument,
    base: BaseOption = "minilm",
    scratch: ScratchOption = "",
    to: Annotated[Path | None, typer.Option(help="Else WORK/warm.")] = None,
    labels: WeakLabelsOption = None,
    steps: StepsOption = 600,
    rate: RateOption = 5e-5,
    max_tokens: MaxTokensOption = 96,
    seed: SeedOption = 0,
) -> None:
    """Teach a checkpoint the catalogue's kinds of products, before it sees a judgment.

    Examples:

        qrm walmart-kd warm-up ./work

        qrm walmart-kd warm-up ./work --labels ./work/catalogue.labels.jsonl
        --labels ./work/minilm.labels.jsonl --base ./my-checkpoint --steps 2000

        qrm walmart-kd warm-up ./work --scratch 2000,2,64,2 --rate 5e-3
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.beginning import Tiny
    from qrmiddleware.recipes.fitting import Fitting
    from qrmiddleware_walmart_kd.recipes import stages

    fitting = Fitting(steps, rate, max_tokens=max_tokens, seed=seed)
    begin = Tiny(*numbers(scratch, 4, "--scratch")) if scratch else base
    warm = stages.warm_up(work, begin, fitting=fitting, labels=labels or (), to=to)
    if is_main_process():
        say(f"{warm}: the teacher to be")


@app.command(no_args_is_help=True)
def teach(
    work: WorkArgument,
    base: Annotated[str, typer.Option(help="Checkpoint to begin with; else WORK/warm.")] = "",
    to: Annotated[Path | None, typer.Option(help="Else WORK/teacher.")] = None,
    labels: WeakLabelsOption = None,
    steps: StepsOption = 200,
    rate: RateOption = 3e-5,
    judged_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of a batch; the rest is what the catalogue says."),
    ] = 0.5,
    max_tokens: MaxTokensOption = 96,
    lora_rank: Annotated[
        int,
        typer.Option(
            min=0,
            help="Train adapters of this rank and the head, and no other weights (LoRA); 0 trains "
            "all.",
        ),
    ] = 0,
    lora_targets: Annotated[
        str,
        typer.Option(
            help="Layers that get adapters, as q_proj,v_proj; else the attention's, as peft knows "
            "them."
        ),
    ] = "",
    gradient_checkpointing: Annotated[
        bool,
        typer.Option("--gradient-checkpointing", help="Take less memory, and more time."),
    ] = False,
    seed: SeedOption = 0,
) -> None:
    """Train the teacher on judgments: a classifier with soft targets.

    Takes any checkpoint that transformers can make a sequence classifier of: BERT's family,
    RoBERTa, DeBERTa, ModernBERT, and language models such as Qwen3 or Llama.

    Examples:

        qrm walmart-kd teach ./work

        qrm walmart-kd teach ./work --base minilm --judged-share 1

        qrm walmart-kd teach ./work --base Qwen/Qwen3-0.6B --lora-rank 16 --rate 2e-4
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.lora import Lora
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.fitting import Fitting
    from qrmiddleware_walmart_kd.recipes import stages

    fitting = Fitting(steps, rate, max_tokens=max_tokens, judged_share=judged_share, seed=seed)
    if lora_targets and not lora_rank:
        message = f"--lora-targets {lora_targets} without --lora-rank: say how wide adapters are"
        raise ConfigError(message)
    teacher = stages.teach(
        work,
        base or str(made_by("qrm walmart-kd warm-up", work / stages.WARM, "--base")),
        fitting=fitting,
        labels=labels or (),
        to=to,
        lora=Lora(lora_rank, names(lora_targets)) if lora_rank else None,
        recompute=gradient_checkpointing,
    )
    if is_main_process():
        say(f"{teacher}: the teacher")


@app.command(no_args_is_help=True)
def label(
    work: WorkArgument,
    teacher: Annotated[
        Path | None, typer.Option(help="Checkpoint that labels; else WORK/teacher.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Else WORK/teacher.labels.jsonl.")] = None,
    max_tokens: MaxTokensOption = 96,
) -> None:
    """Have the teacher label all pairs; goes on where it was interrupted.

    `qrm label` asks other teachers, such as a language model:

        qrm label llm ./work/pairs.jsonl --out ./work/teacher.labels.jsonl …

    Examples:

        qrm walmart-kd label ./work
    """
    need_training(PACKAGE)
    from qrmiddleware_walmart_kd.recipes import stages

    checkpoint = teacher or made_by("qrm walmart-kd teach", work / stages.TEACHER, "--teacher")
    with counting("labelling") as bar:
        task = bar.tasks[0].id
        tally = stages.label(
            work,
            checkpoint,
            max_tokens=max_tokens,
            to=to,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    say(f"{tally.labelled:,} pairs labelled now, {tally.known:,} were known")


@app.command(no_args_is_help=True)
def student(
    work: WorkArgument,
    to: ToOption,
    loss: Annotated[Loss, typer.Option(help="What it learns by.")] = Loss.MARGIN,
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="Labels to learn from; repeat to average several teachers."),
    ] = None,
    base: BaseOption = "minilm",
    layers: LayersOption = "2",
    scratch: ScratchOption = "",
    share: ShareOption = 1.0,
    steps: StepsOption = 1500,
    rate: RateOption = 1e-4,
    max_tokens: MaxTokensOption = 40,
    replace: ReplaceOption = False,
    licence: LicenceOption = "",
    seed: SeedOption = 0,
) -> None:
    """Train a student on the teacher's margins, and export it for serving.

    Examples:

        qrm walmart-kd student ./work --to ./models/margin

        qrm walmart-kd student ./work --to ./models/soft --loss soft --layers 0,2,4

        qrm walmart-kd student ./work --to ./models/tiny --scratch 4000,2,128,2 --rate 5e-4
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.training import is_main_process
    from qrmiddleware.recipes.beginning import Tiny
    from qrmiddleware.recipes.fitting import Fitting
    from qrmiddleware_walmart_kd.recipes import stages

    plan = stages.StudentPlan(
        Fitting(steps, rate, max_tokens=max_tokens, seed=seed),
        loss.value,
        Tiny(*numbers(scratch, 4, "--scratch")) if scratch else base,
        layers_of(layers),
        share,
        tuple(labels or ()),
    )
    checkpoint = work / "students" / to.resolve().name
    encoder = stages.learn_student(work, plan, checkpoint=checkpoint)
    if not is_main_process():
        return
    manifest = stages.finish(
        work, plan, encoder, to, checkpoint=checkpoint, replace=replace, licence=licence
    )
    say_made(to, manifest)


@app.command("two-tower", no_args_is_help=True)
def two_tower(
    work: WorkArgument,
    base: Annotated[Path, typer.Option(help="Student to begin with: a bi-encoder's folder.")],
    to: ToOption,
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="Labels to learn from; repeat to average several teachers."),
    ] = None,
    loss: Annotated[Loss, typer.Option(help="What it learns by.")] = Loss.MARGIN,
    share: ShareOption = 1.0,
    steps: StepsOption = 1000,
    rate: RateOption = 1e-3,
    pull: Annotated[
        float, typer.Option(min=0, help="How strongly the layer is held to doing nothing.")
    ] = 1e-3,
    replace: ReplaceOption = False,
    seed: SeedOption = 0,
) -> None:
    """Teach a bi-encoder's queries the teacher's margins; vectors of documents stay as they are.

    Takes minutes, and a search then costs one short text. An index that holds the base's vectors
    in a dense_vector field keeps them.

    Examples:

        qrm models export minilm --to ./models/minilm

        qrm walmart-kd two-tower ./work --base ./models/minilm --to ./models/towers
    """
    need_training(PACKAGE)
    from qrmiddleware_walmart_kd.recipes import stages, two_tower

    manifest = two_tower.learn_queries(
        work,
        base,
        to,
        teachers=stages.read_teachers(work, labels or ()),
        towers=two_tower.Towers(
            loss=loss.value, share=share, steps=steps, rate=rate, pull=pull, seed=seed
        ),
        replace=replace,
    )
    say(f"{to}: {manifest.name}, which reads products as {base} does, and queries as its teacher")
