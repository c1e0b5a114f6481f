"""``qrm ellm-rele``: trains a teacher that reasons, and students on its scores and reasons."""

# Training loads numpy and torch, and `qrm --help` reads this file: stages are imported when asked.
# ruff: noqa: PLC0415

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from qrmiddleware.recipes.causal_options import add_sft
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
    layers_of,
    need_training,
    numbers,
    say,
    say_made,
)
from qrmiddleware.recipes.commands import add_gather

PACKAGE: Final = "qrmiddleware-ellm-rele"
LabelsOption = Annotated[
    Path | None,
    typer.Option(help="Labels with classes and reasons; else the reasoner's, from gather."),
]
HardOption = Annotated[
    float, typer.Option(min=0, help="Weight of the class that the teacher names.")
]
DistributionOption = Annotated[
    float, typer.Option(min=0, help="Weight of its probabilities of all classes.")
]
OrderOption = Annotated[
    float, typer.Option(min=0, help="Weight of the order of a query's products.")
]
ReasoningOption = Annotated[
    float, typer.Option(min=0, help="Weight of its verdicts on every aspect.")
]

TemperatureOption = Annotated[
    float,
    typer.Option(min=0.1, help="Softens them: above 1, improbable classes count for more."),
]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train students for `plugin: ellm_rele`: gather pairs, with reasons for what a product is "
        "to a query; teach a language model to write more of them, if you like (`sft`); and train "
        "a student on classes, their probabilities, and every aspect.\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-ellm-rele[train]'"
    ),
)
add_gather(app, "ellm-rele")
add_sft(app, "ellm-rele")


@app.command(no_args_is_help=True)
def student(
    work: WorkArgument,
    to: ToOption,
    labels: LabelsOption = None,
    hard: HardOption = 1.0,
    distribution: DistributionOption = 1.0,
    temperature: TemperatureOption = 2.0,
    order: OrderOption = 1.0,
    reasoning: ReasoningOption = 0.5,
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
    """Train a cross-encoder on classes and reasons, and export it for serving.

    Examples:

        qrm ellm-rele student ./work --to ./models/mkd

        qrm ellm-rele student ./work --to ./models/hard --distribution 0 --order 0 --reasoning 0

        qrm ellm-rele student ./work --to ./models/tiny --scratch 4000,2,128,2 --rate 5e-4
    """
    need_training(PACKAGE)
    from qrmiddleware.distill.chains import ASPECTS
    from qrmiddleware.recipes.beginning import Tiny
    from qrmiddleware.recipes.fitting import Fitting
    from qrmiddleware.recipes.reasoned import ReasonedPlan, learn_reasoned
    from qrmiddleware_ellm_rele.recipes.student import RECIPE, VERDICTS, Weights, loss_of_labels

    weights = Weights(hard, distribution, order, reasoning, temperature)
    plan = ReasonedPlan(
        RECIPE,
        Fitting(steps, rate, queries=batch, max_tokens=max_tokens, seed=seed),
        Tiny(*numbers(scratch, 4, "--scratch")) if scratch else base,
        layers_of(layers),
        share,
        labels,
        aspects=ASPECTS if reasoning else (),
        verdicts=VERDICTS if reasoning else (),
        settings={"weights": asdict(weights)},
    )
    loss_of = loss_of_labels(plan, weights)
    manifest = learn_reasoned(work, plan, to, loss_of=loss_of, replace=replace, licence=licence)
    if manifest is not None:
        say_made(to, manifest)


@app.command("two-tower", no_args_is_help=True)
def two_tower(
    work: WorkArgument,
    base: Annotated[Path, typer.Option(help="Student to begin with: a bi-encoder's folder.")],
    to: ToOption,
    labels: LabelsOption = None,
    hard: HardOption = 1.0,
    distribution: DistributionOption = 1.0,
    temperature: TemperatureOption = 2.0,
    order: OrderOption = 1.0,
    reasoning: ReasoningOption = 0.5,
    share: ShareOption = 1.0,
    steps: StepsOption = 1000,
    rate: RateOption = 1e-3,
    replace: ReplaceOption = False,
    seed: SeedOption = 0,
) -> None:
    """Teach a bi-encoder's queries the same; vectors of documents stay as they are.

    Takes minutes, and a search then costs one short text: a cheap first look at all hits, before
    a cross-encoder looks at the best.

    Examples:

        qrm models export minilm --to ./models/minilm

        qrm ellm-rele two-tower ./work --base ./models/minilm --to ./models/towers
    """
    need_training(PACKAGE)
    from qrmiddleware.recipes.query_layer import LayerFitting
    from qrmiddleware_ellm_rele.recipes.student import Weights
    from qrmiddleware_ellm_rele.recipes.towers import learn_queries

    manifest = learn_queries(
        work,
        base,
        to,
        weights=Weights(hard, distribution, order, reasoning, temperature),
        fitting=LayerFitting(steps=steps, rate=rate, seed=seed),
        labels=labels,
        share=share,
        replace=replace,
    )
    say(f"{to}: {manifest.name}, which reads products as {base} does, and queries as its teacher")
