"""``qrm eval classes``: how well teachers and students tell classes."""

import json as json_module
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from qrmiddleware.cli.console import err, note, out
from qrmiddleware.cli.distill.agreeing import GradesOption
from qrmiddleware.cli.evaluate.indexing import ChoiceOption, FormatOption
from qrmiddleware.cli.evaluate.running import DataOption, FoldsOption, load
from qrmiddleware.distill.classes import ESCI
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.distill.labels import Label, Pair
from qrmiddleware.distill.pair_files import read_pairs
from qrmiddleware.distill.teachers.student import StudentTeacher
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.class_quality import (
    ClassDifference,
    ClassQuality,
    Predicted,
    SystemScores,
    measure_classes,
)
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.judged_classes import ESCI_GRADES, classes_of, read_grades

_KIND = "qrm-eval-classes"


def classes(
    systems: Annotated[
        list[Path],
        typer.Argument(
            help="Files of labels and folders of students; the first, such as the teacher, is what "
            "the others are compared with."
        ),
    ],
    data: DataOption,
    grades: GradesOption = "",
    pairs: Annotated[
        Path | None,
        typer.Option(help="Pairs with the texts that students read: JSON lines, as for `label`."),
    ] = None,
    teacher: Annotated[
        list[str] | None,
        typer.Option(help="Whose labels, where a file holds those of several; repeat."),
    ] = None,
    format_name: FormatOption = "",
    option: ChoiceOption = None,
    folds: FoldsOption = "",
    title: Annotated[str, typer.Option(help="Of the report; else the data's name.")] = "",
    json: Annotated[Path | None, typer.Option("--json", help="Save all figures there.")] = None,
) -> None:
    """Measure how well teachers and students tell the classes that people judged.

    Measured are the judged pairs that all systems have a class of; those that one lacks are
    counted, and wrong in the second macro-F1. With two systems or more the difference in macro-F1
    is told with its interval, and how much of the first one's is retained.

    Examples:

        qrm eval classes llm.labels.jsonl --data ./esci --folds 3

        qrm eval classes llm.labels.jsonl ./models/crsd --pairs pairs.jsonl --data ./esci
        --folds 3 --json classes.json
    """
    named = read_grades(grades) if grades else None
    judged = load(data, format_name, option, folds)
    codes = tuple(dict.fromkeys((named or ESCI_GRADES).values()))
    truth = classes_of(judged, named)
    predicted: dict[str, Predicted] = {}
    for path in systems:
        if (name := path.name.removesuffix(".jsonl").removesuffix(".labels")) in predicted:
            message = f"two systems are called {name}: rename one of the files"
            raise ConfigError(message)
        labels = _student_labels(path, pairs, judged) if path.is_dir() else _labels(path, teacher)
        predicted[name] = _by_query(labels, judged, codes)
    try:
        quality = measure_classes(title or data.stem, truth, predicted, codes)
    except ValueError as error:
        raise ConfigError(str(error)) from error
    _show(quality)
    if json is not None:
        _write(quality, json)


def _labels(path: Path, teachers: Sequence[str] | None) -> Iterator[Label]:
    """Read the labels of the one teacher in a file that is meant."""
    labels = read_labels(path)
    names = dict.fromkeys(label.teacher for label in labels)
    wanted = [name for name in names if not teachers or name in teachers]
    if len(wanted) != 1:
        there = ", ".join(names) or "none"
        message = f"{path}: labels of {there}: name one of them with --teacher"
        raise ConfigError(message)
    return (label for label in labels if label.teacher == wanted[0])


def _student_labels(folder: Path, pairs: Path | None, judged: JudgedQueries) -> Sequence[Label]:
    """Have a student label the judged pairs."""
    if pairs is None:
        message = f"{folder} is a student: say with --pairs which texts it reads"
        raise ConfigError(message)
    asked = {
        (query.text, doc_id)
        for query in judged.queries
        for doc_id in judged.qrels.get(query.query_id, {})
    }
    wanted = [pair for pair in read_pairs(pairs) if (pair.query, pair.doc_id) in asked]
    return _asked(folder, wanted)


def _asked(folder: Path, pairs: Sequence[Pair]) -> Sequence[Label]:
    try:
        from qrmiddleware.students.opening import open_student  # noqa: PLC0415 extra `students`
    except ImportError as error:
        message = "a student needs ctranslate2: pip install 'qrmiddleware[students]'"
        raise ConfigError(message) from error
    from qrmiddleware.students.folder import read_student, student_hash  # noqa: PLC0415 as above

    found = read_student(folder, expect={"cross_encoder"})
    student = open_student(folder)
    try:
        if not student.manifest.labels:
            message = f"{folder}: this student scores, and tells no classes"
            raise ConfigError(message)
        return tuple(StudentTeacher(student, student_hash(found)).label(pairs))
    finally:
        student.close()


def _by_query(
    labels: Iterator[Label] | Sequence[Label], judged: JudgedQueries, codes: Sequence[str]
) -> Predicted:
    """Sort classes by query_id and doc_id; queries of the same words have the same."""
    found: dict[str, dict[str, str]] = {}
    for label in labels:
        found.setdefault(label.query, {})[label.doc_id] = _code(label, codes)
    return {query.query_id: found.get(query.text, {}) for query in judged.queries}


def _code(label: Label, codes: Sequence[str]) -> str:
    """Return the class that a label means, by its code or by ESCI's name for it."""
    if label.grade in codes:
        return label.grade
    meant = ESCI.find(label.grade)
    if meant is None or meant.code not in codes:
        said = f"class {label.grade!r}" if label.grade else "no class"
        message = (
            f"{label.teacher} says {said} of {label.query!r} and {label.doc_id}: the classes are "
            f"{', '.join(codes)}, as --grades tells them"
        )
        raise ConfigError(message)
    return meant.code


def _show(quality: ClassQuality) -> None:
    means = Table(box=box.SIMPLE_HEAD, title=Text(quality.title), title_justify="left")
    for heading in ("system", "accuracy", "macro-F1", "not predicted", "macro-F1, these wrong"):
        means.add_column(heading, justify="left" if heading == "system" else "right")
    for each in (*quality.systems, quality.majority):
        figures = (each.accuracy, each.macro_f1, each.missing, each.macro_f1_of_all)
        means.add_row(Text(each.name), *map(_figure, figures))
    out.print(means)
    said = f"{quality.pairs:,} of {quality.judged:,} judged pairs, of {quality.queries:,} queries"
    out.print(f"{said}, are measured: those that all systems have a class of.", highlight=False)
    for each in quality.systems:
        out.print(_matrix(each, quality.codes))
    for difference in quality.differences:
        out.print(Text(_compared(difference, quality.systems[0].name)), soft_wrap=True)
    if quality.differences and quality.queries == 1:
        note("one query has no spread: there is no interval")


def _matrix(scores: SystemScores, codes: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title=Text(f"“{scores.name}”"), title_justify="left")
    table.add_column("judged \\ predicted", no_wrap=True)
    for heading in (*codes, "precision", "recall", "F1", "support"):
        table.add_column(heading, justify="right")
    for one, row in zip(scores.classes, scores.matrix, strict=True):
        counts = (f"{count:,}" for count in row)
        figures = map(_figure, (one.precision, one.recall, one.f1))
        table.add_row(one.code, *counts, *figures, f"{one.support:,}")
    return table


def _compared(difference: ClassDifference, first: str) -> str:
    interval = (
        ""
        if math.isnan(difference.low)
        else f" (95 % interval {difference.low:+.4f} to {difference.high:+.4f})"
    )
    return (
        f"“{difference.name}” against “{first}”: macro-F1 {difference.difference:+.4f}{interval}; "
        f"{_figure(difference.retention)} of it is retained."
    )


def _figure(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.4f}"


def _write(quality: ClassQuality, path: Path) -> None:
    saved: Mapping[str, Any] = {"kind": _KIND, "version": 1, **_finite(asdict(quality))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json_module.dumps(saved, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    err.print(f"wrote {path}", highlight=False, soft_wrap=True)


def _finite(tree: Any) -> Any:  # noqa: ANN401 any JSON
    match tree:
        case dict():
            return {key: _finite(value) for key, value in tree.items()}
        case list() | tuple():
            return [_finite(value) for value in tree]
        case float() if math.isnan(tree):
            return None
        case _:
            return tree
