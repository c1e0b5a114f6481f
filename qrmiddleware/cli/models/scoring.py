"""``qrm models score``: what a student says of a query and texts, and why."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table
from rich.text import Text

from qrmiddleware.cli.console import out
from qrmiddleware.distill.exporting.libraries import SERVING, need_libraries
from qrmiddleware.students.folder import StudentFolder, read_student

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def score(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a student: a cross-encoder or a bi-encoder.")
    ],
    query: Annotated[str, typer.Argument(help="What a user would type.")],
    texts: Annotated[list[str], typer.Argument(help="Texts to score for it, such as titles.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score texts for a query, best first, and say why: by classes, and verdicts on aspects.

    Says what the student does, in the precision in which it is served on the CPU. A verdict stands
    with its probability. Needs the extra students.

    Examples:

        qrm models score models/mkd "hp laptop bag" "Acme laptop bag 15 inch" "HP laptop"

        qrm models score models/mkd "hp laptop bag" "Acme laptop bag 15 inch" --json
    """
    need_libraries(SERVING, extra="students")
    student = read_student(folder, expect=("cross_encoder", "bi_encoder"))
    found = sorted(_scored(student, query, texts), key=lambda each: -each["score"])
    if as_json:
        out.print_json(json.dumps(found))
        return
    out.print(_table_of(found, aspects=student.manifest.aspects))


def _scored(student: StudentFolder, query: str, texts: "Sequence[str]") -> list[dict[str, Any]]:
    from qrmiddleware.cli.models.answering import reasons  # noqa: PLC0415 - loads numpy

    return [
        {
            "text": text,
            "score": each.score,
            "classes": dict(each.classes),
            "aspects": {aspect: dict(shares) for aspect, shares in each.aspects.items()},
        }
        for text, each in zip(texts, reasons(student, query, texts), strict=True)
    ]


def _table_of(found: "Sequence[Mapping[str, Any]]", aspects: "Sequence[str]") -> Table:
    classed = any(each["classes"] for each in found)
    columns = ("score", *(["class"] if classed else []), *aspects, "text")
    table = Table(*(Column(name, overflow="fold") for name in columns))
    for each in found:
        shares = [*([each["classes"]] if classed else []), *each["aspects"].values()]
        table.add_row(f"{each['score']:.3f}", *map(_likeliest, shares), Text(each["text"]))
    return table


def _likeliest(shares: "Mapping[str, float]") -> Text:
    name = max(shares, key=shares.__getitem__)
    return Text(f"{name} {shares[name]:.0%}")
