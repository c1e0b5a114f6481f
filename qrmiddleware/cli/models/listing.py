"""``qrm models list`` and ``qrm models inspect``: what students there are, and what one is."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.table import Column, Table
from rich.text import Text

from qrmiddleware.cli.console import err, fail, out
from qrmiddleware.errors import ConfigError
from qrmiddleware.students.folder import StudentFolder, read_student, student_hash
from qrmiddleware.students.manifest import MANIFEST_FILE

_MEGABYTE: Final = 1_000_000


def list_students(
    folder: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders to look into, at any depth; else the current one."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the students in some folders, each checked against its hashes.

    Exit code 1 if one of them is broken.

    Examples:

        qrm models list

        qrm models list ./models /srv/models --json
    """
    roots = folder or [Path()]
    found = [_listed(path) for root in roots for path in _students_below(root)]
    if as_json:
        out.print_json(json.dumps(found))
    elif found:
        out.print(_table_of(found))
    else:
        shown = ", ".join(map(str, roots))
        err.print(f"no {MANIFEST_FILE} below {shown}: make a student with qrm models export")
    broken = [student["problem"] for student in found if student["problem"]]
    for problem in broken if not as_json else ():
        fail(problem)
    raise typer.Exit(int(bool(broken)))


def inspect(
    folder: Annotated[Path, typer.Argument(help="Folder of a student.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show everything that is known of a student: network, inputs, origin, quality, parity.

    Examples:

        qrm models inspect models/margin

        qrm models inspect models/margin --json
    """
    student = read_student(folder)
    if as_json:
        out.print_json(json.dumps(_described(student)))
        return
    table = Table(
        Column(style="dim"), Column(overflow="fold"), show_header=False, title=str(folder)
    )
    for name, value in _lines(_described(student)):
        table.add_row(name, Text(value))
    out.print(table)


def size_bytes(folder: Path) -> int:
    """Return what all files of a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _students_below(root: Path) -> Iterator[Path]:
    if not root.is_dir():
        message = f"{root} is no folder: name one that holds students"
        raise ConfigError(message)
    for place, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if MANIFEST_FILE in files:
            inner.clear()
            yield Path(place)


def _listed(path: Path) -> dict[str, Any]:
    shown: dict[str, Any] = {"path": str(path), "problem": "", "size_bytes": size_bytes(path)}
    try:
        manifest = read_student(path).manifest
    except ConfigError as error:
        return {**shown, "problem": str(error)}
    architecture = manifest.architecture
    return {
        **shown,
        "name": manifest.name,
        "kind": manifest.kind,
        "family": architecture.family,
        "layers": architecture.layers,
        "hidden": architecture.hidden,
        "parameters": architecture.parameters,
        "stored": manifest.stored,
        "languages": manifest.languages,
        "quality": manifest.quality,
    }


def _table_of(found: Sequence[Mapping[str, Any]]) -> Table:
    columns = ("path", "name", "kind", "network", "parameters", "stored", "on disk")
    table = Table(*(Column(name, overflow="fold") for name in columns), title="Students")
    for student in found:
        size = describe_size(student["size_bytes"])
        if student["problem"]:
            table.add_row(Text(student["path"]), "[red]broken[/]", "", "", "", "", size)
            continue
        table.add_row(
            Text(student["path"]),
            Text(student["name"]),
            student["kind"],
            f"{student['family']} {student['layers']} x {student['hidden']}",
            f"{student['parameters'] / _MEGABYTE:.1f} M",
            student["stored"],
            size,
        )
    return table


def _described(student: StudentFolder) -> dict[str, Any]:
    return {
        **student.manifest.model_dump(mode="json"),
        "size_bytes": size_bytes(student.path),
        "student_hash": student_hash(student),
    }


def _lines(described: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield dotted names and values; what is empty is left out."""
    for key, value in described.items():
        name = f"{prefix}{key}"
        if name == "size_bytes":
            yield "on disk", describe_size(value)
        elif isinstance(value, dict):
            yield from _lines(value, f"{name}.")
        elif isinstance(value, list):
            if value:
                yield name, ", ".join(map(str, value))
        elif value not in {None, ""}:
            yield name, f"{value}"


def describe_size(size: int) -> str:
    """Write a size in megabytes."""
    return f"{size / _MEGABYTE:.1f} MB"
