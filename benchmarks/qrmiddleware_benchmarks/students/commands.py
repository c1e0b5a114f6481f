"""``qrm-bench students``."""

import os
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from qrmiddleware_benchmarks.students.devices import DEVICES, choose_device
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.libraries import need_libraries
from qrmiddleware_benchmarks.students.models import read_shape
from qrmiddleware_benchmarks.students.page import tables
from qrmiddleware_benchmarks.students.report import Report, merged, read_report, write_report
from qrmiddleware_benchmarks.students.run import Course, heading, run
from qrmiddleware_benchmarks.students.shapes import SHAPES, Shape
from qrmiddleware_benchmarks.students.smoke import SMOKE, check

_RESULTS = Path("benchmarks/results/students.json")
_NAMES = tuple(dict.fromkeys(shape.name for shape in SHAPES))
_errors = Console(stderr=True)


def students(
    *,
    shape: Annotated[
        list[str] | None,
        typer.Option(help=f"Student to measure, of {', '.join(_NAMES)}; else all."),
    ] = None,
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(help="Hugging Face folder to measure: BERT, or a causal Qwen or Llama."),
    ] = None,
    pairs: Annotated[list[int], typer.Option(help="Pairs a batch.", min=1)] = [1, 10, 100],  # noqa: B006 - typer's
    queries: Annotated[list[int], typer.Option(help="Queries a batch.", min=1)] = [1, 8],  # noqa: B006 - typer's
    tokens: Annotated[list[int], typer.Option(help="Mean tokens a pair.", min=5)] = [20, 39],  # noqa: B006 - typer's
    cores: Annotated[list[int], typer.Option(help="Cores an arm may use.", min=1)] = [1, 2],  # noqa: B006 - typer's
    device: Annotated[str, typer.Option(help=f"One of {', '.join(DEVICES)}.")] = "auto",
    rounds: Annotated[int, typer.Option(help="In which the arms take turns.", min=2)] = 8,
    slice_ms: Annotated[float, typer.Option(help="Least time of a turn.", min=1)] = 30,
    seed: Annotated[int, typer.Option(help="Of weights and token ids.")] = 0,
    results: Annotated[
        Path | None, typer.Option(help=f"Report to write; {_RESULTS}, or none for a smoke run.")
    ] = None,
    add: Annotated[
        bool, typer.Option("--add", help="Keep what the report has of other measurements.")
    ] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Seconds with tiny students: asserts, never times.")
    ] = False,
) -> None:
    """Measure CTranslate2, torch and ONNX Runtime with the same students.

    Answers are compared before anything is timed: a runtime that says something else fails the
    run. Needs the extra ``students`` of qrmiddleware-benchmarks.

    Examples:

        qrm-bench students --smoke

        qrm-bench students --shape L2-H128 --pairs 100

        qrm-bench students --shape L6-H384 --add

        qrm-bench students --checkpoint ./my-cross-encoder --results mine.json
    """
    path = results or (None if smoke else _RESULTS)
    try:
        need_libraries()
        if smoke:
            course = SMOKE
        else:
            on = choose_device(device)
            course = Course(
                students=_chosen(shape or [], checkpoint or []),
                pairs=tuple(pairs),
                queries=tuple(queries),
                tokens=tuple(tokens),
                cores=_available(cores) if on == "cpu" else (1,),
                device=on,
                rounds=rounds,
                slice_s=slice_ms / 1e3,
                seed=seed,
            )
        found = _measure(course, path, add=add)
    except (StudentsError, BrokenProcessPool) as error:
        typer.echo(f"qrm-bench: {error}", err=True)
        raise typer.Exit(1) from error
    typer.echo("\n".join(tables(found)))


def _measure(course: Course, path: Path | None, *, add: bool) -> Report:
    kept = read_report(path) if add and path and path.exists() else None
    if kept:
        merged(kept, heading(course))  # what does not go together is better known before
    found = _run(course, kept)
    check(found, course)
    if path:
        write_report(merged(kept, found) if kept else found, path)
    return found


def _chosen(names: list[str], checkpoints: list[Path]) -> tuple[tuple[Shape, Path | None], ...]:
    unknown = [name for name in names if name not in _NAMES]
    if unknown:
        message = f"there is no student {unknown[0]!r}, only {', '.join(_NAMES)}"
        raise StudentsError(message)
    read = [(read_shape(folder), folder.resolve()) for folder in checkpoints]
    made = [shape for shape in SHAPES if shape.name in names or not (names or checkpoints)]
    return (*((shape, None) for shape in made), *read)


def _available(cores: list[int]) -> tuple[int, ...]:
    """Leave out nothing silently: more cores than this process may use are an error."""
    mine = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if max(cores) > mine:
        message = f"--cores {max(cores)}: this process may use {mine}"
        raise StudentsError(message)
    return tuple(cores)


def _run(course: Course, kept: Report | None) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=_errors) as progress:
        task = progress.add_task("starting", total=course.steps)
        begun = 0

        def tell(step: str) -> None:
            nonlocal begun
            progress.update(task, description=step, completed=begun)
            begun += 1

        found = run(course, tell, known_peaks=kept.peaks if kept else ())
        progress.update(task, completed=course.steps, description="done")
    return found
