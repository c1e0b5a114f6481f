"""``qrm crsd``: trains students that learn from reasons."""

# Training loads numpy and torch, and `qrm --help` reads this file: stages are imported when asked.
# ruff: noqa: PLC0415

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

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
    say_made,
)
from qrmiddleware.recipes.commands import add_gather

PACKAGE: Final = "qrmiddleware-crsd"

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train students for `plugin: crsd`: gather pairs, with reasons for what a product is to a "
        "query, and train a student that reads them and will not need them.\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-crsd[train]'"
    ),
)
add_gather(app, "crsd")


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

    weights = Weights(augmented, distilled, aligned, reason_tokens=reason_tokens)
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
