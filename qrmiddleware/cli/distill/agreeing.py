"""``qrm label agree`` and ``gate``: which labels a student is to learn from."""

import math
from collections.abc import Collection
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeAlias

import msgspec
import typer
from rich import box
from rich.table import Table

from qrmiddleware.cli.console import err, note, out
from qrmiddleware.distill.agreeing import Agreement, agreed_labels
from qrmiddleware.distill.classes import ESCI, read_classes
from qrmiddleware.distill.gates import Gate, Gates, Passed, gated_labels
from qrmiddleware.distill.label_index import LabelIndex
from qrmiddleware.distill.label_store import write_labels
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation import formats
from qrmiddleware.evaluation.agreement import cohen_kappa
from qrmiddleware.evaluation.judged_classes import classes_of, read_grades

OutOption: TypeAlias = Annotated[
    Path, typer.Option("--out", "-o", help="Where the labels go that are kept; a new file.")
]
TeacherOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="Only labels of this teacher; repeat. Else of all.")
]
AsideOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Where the pairs go that are set aside, for `qrm label llm`; needs --pairs."),
]
GradesOption: TypeAlias = Annotated[
    str,
    typer.Option(
        help="Class of each grade of the judgments, best first; else 3=E,2=S,1=C,0=I of a scale "
        "from 0 to 3."
    ),
]


def agree(
    labels: Annotated[
        list[Path], typer.Argument(help="Files of labels; every teacher in them is an annotator.")
    ],
    kept: OutOption,
    majority: Annotated[
        bool,
        typer.Option("--majority", help="More than half of all annotators are enough, else all."),
    ] = False,
    teacher: TeacherOption = None,
    aside: AsideOption = None,
    pairs: Annotated[
        Path | None, typer.Option(help="The pairs that were labelled; only --aside needs them.")
    ] = None,
) -> None:
    """Keep the labels that annotators agree on, and set the other pairs aside.

    Annotators agree when they name the same class. Probabilities are the means of those who agree,
    and the reason is that whose chain has most verdicts in common with the others', the first of
    several. A pair that too few have labelled is passed over. Needs the extra `students` or
    `evaluation`.

    Examples:

        qrm label agree qwen.labels.jsonl llama.labels.jsonl --out agreed.labels.jsonl
        --aside open.jsonl --pairs pairs.jsonl

        qrm label llm open.jsonl --endpoint http://localhost:8000/v1 --model larger --mode chain

        qrm label agree qwen.labels.jsonl llama.labels.jsonl open.labels.jsonl --majority
        --out agreed2.labels.jsonl
    """
    _check_aside(aside, pairs, (*labels, kept))
    if find_spec("numpy") is None:
        message = "Cohen's kappa needs numpy: pip install 'qrmiddleware[evaluation]'"
        raise ConfigError(message)
    tally = Agreement()
    with LabelIndex(labels, teacher or ()) as index:
        write_labels(kept, agreed_labels(index, tally, majority=majority))
        _print_agreement(tally, index.teachers)
    _tell(kept, tally.kept.total(), len(tally.aside))
    if tally.passed_over:
        note(f"{tally.passed_over:,} pairs are labelled by too few to decide, and passed over")
    if aside is not None and pairs is not None:
        _write_aside(aside, pairs, tally.aside)


def gate(
    labels: Annotated[Path, typer.Argument(help="Labels with chains of reasons.")],
    pairs: Annotated[Path, typer.Option(help="The pairs that were labelled, with their texts.")],
    kept: OutOption,
    least_faithfulness: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the notes' words that query or text must have."),
    ] = 0.5,
    least_probability: Annotated[
        float, typer.Option(min=0, max=1, help="Of the label's class, where it is told.")
    ] = 0.0,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Judgments to trust, as `qrm eval` reads them."),
    ] = None,
    grades: GradesOption = "",
    label_class: Annotated[
        list[str] | None,
        typer.Option("--class", help="A class, as `qrm label llm` takes it; else E, S, C, I."),
    ] = None,
    teacher: TeacherOption = None,
    aside: AsideOption = None,
) -> None:
    """Keep the labels whose reasons can be trusted, and set the other pairs aside.

    A label passes whose reason is a chain that comes to the label's class, whose class is that of
    the judgment where there is one, whose notes speak of what query and text say, and whose class
    is probable enough.

    Examples:

        qrm label gate llm.labels.jsonl --pairs pairs.jsonl --out trusted.labels.jsonl

        qrm label gate llm.labels.jsonl --pairs pairs.jsonl --data ./judged
        --least-faithfulness 0.7 --out trusted.labels.jsonl --aside open.jsonl
    """
    _check_aside(aside, pairs, (labels, kept))
    gates = Gates(
        read_classes(label_class) if label_class else ESCI,
        least_faithfulness,
        least_probability,
        {} if data is None else _judged(data, grades),
    )
    tally = Passed()
    with LabelIndex([labels], teacher or ()) as index:
        write_labels(kept, gated_labels(index, read_pairs(pairs), gates, tally))
        unseen = len(index) - tally.pairs
    _print_gates(tally)
    _tell(kept, tally.kept.total(), len(tally.aside))
    if data is not None:
        note(f"{tally.checked:,} labels are of pairs that are judged")
    if unseen:
        note(f"{unseen:,} labelled pairs are not in {pairs}, and left out")
    if aside is not None:
        _write_aside(aside, pairs, tally.aside)


def _judged(data: Path, grades: str) -> dict[tuple[str, str], str]:
    """Return the judged class by query and doc_id."""
    judged = formats.load_judged(data)
    texts = {query.query_id: query.text for query in judged.queries}
    classed = classes_of(judged, read_grades(grades) if grades else None)
    return {
        (texts[query_id], doc_id): code
        for query_id, found in classed.items()
        for doc_id, code in found.items()
    }


def _check_aside(aside: Path | None, pairs: Path | None, others: Collection[Path]) -> None:
    if aside is None:
        return
    if pairs is None:
        message = "--aside writes pairs with their texts, which labels do not hold: give --pairs"
        raise ConfigError(message)
    if aside.resolve() in {each.resolve() for each in (*others, pairs)}:
        message = f"--aside {aside}: that file is another of this command's"
        raise ConfigError(message)


def _write_aside(aside: Path, pairs: Path, keys: Collection[str]) -> None:
    """Write the pairs of these keys, each once, in the order of their file."""
    left = set(keys)
    wanted = len(left)
    try:
        aside.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            for pair in read_pairs(pairs):
                if (key := pair.key) in left:
                    left.remove(key)
                    file.write(msgspec.json.encode(pair) + b"\n")
    except OSError as error:
        message = f"{aside}: pairs cannot be written: {error}"
        raise ConfigError(message) from error
    err.print(f"wrote {aside}: {wanted - len(left):,} pairs", highlight=False, soft_wrap=True)
    if left:
        note(f"{len(left):,} pairs that were set aside are not in {pairs}")


def _tell(kept: Path, count: int, aside: int) -> None:
    said = f"wrote {kept}: {count:,} labels kept, {aside:,} pairs set aside"
    err.print(said, highlight=False, soft_wrap=True)


def _print_agreement(tally: Agreement, annotators: Collection[str]) -> None:
    for number, name in enumerate(annotators, start=1):
        out.print(f"{number}: {name}", highlight=False, markup=False, soft_wrap=True)
    rate = "none" if math.isnan(tally.rate) else f"{tally.rate:.1%}"
    table = Table(
        "annotators", "pairs in common", "the same class", "Cohen's kappa", box=box.SIMPLE_HEAD
    )
    table.add_row("all", f"{tally.common:,}", rate, "")
    places = {name: number for number, name in enumerate(annotators, start=1)}
    for (first, second), met in tally.met.items():
        codes = sorted({code for cell in met for code in cell})
        kappa = cohen_kappa([[met[row, column] for column in codes] for row in codes])
        same = sum(met[code, code] for code in codes)
        table.add_row(
            f"{places[first]}, {places[second]}",
            f"{met.total():,}",
            f"{same / met.total():.1%}",
            "not defined" if math.isnan(kappa) else f"{kappa:.3f}",
        )
    out.print(table)
    counts = Table("class", "kept", "set aside, said by any", box=box.SIMPLE_HEAD)
    for code in sorted({*tally.kept, *tally.said}):
        counts.add_row(code, f"{tally.kept[code]:,}", f"{tally.said[code]:,}")
    out.print(counts)


def _print_gates(tally: Passed) -> None:
    table = Table("class", "kept", *Gate, box=box.SIMPLE_HEAD)
    codes = {*tally.kept, *(code for code, _ in tally.failures)}
    for code in sorted(codes):
        failed = (f"{tally.failures[code, each]:,}" for each in Gate)
        table.add_row(code or "none", f"{tally.kept[code]:,}", *failed)
    out.print(table)
