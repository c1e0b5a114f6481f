"""What the commands that label share: their options, the bar, and what is said at the end."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from qrmiddleware.cli.console import err, note
from qrmiddleware.distill.label_store import LabelStore
from qrmiddleware.distill.labelling import FailureLimit, Tally, label_all
from qrmiddleware.distill.labels import Teacher
from qrmiddleware.distill.pair_files import read_pairs

PairsArgument: TypeAlias = Annotated[
    Path, typer.Argument(help="JSON lines with query, doc_id and text; .gz is read too.")
]
LabelsOption: TypeAlias = Annotated[
    Path | None,
    typer.Option("--out", "-o", help="Where labels are kept; else PAIRS.labels.jsonl."),
]
FailureLimitOption: TypeAlias = Annotated[
    float,
    typer.Option(min=0, max=1, help="Give up when a larger share of pairs gets no label."),
]
GainOption: TypeAlias = Annotated[
    list[str] | None, typer.Option(help="What a class is worth, 0 to 1: S=0.5; repeat.")
]

_INTERRUPTED = 130


def labels_file(pairs: Path, told: Path | None) -> Path:
    """Return where labels go."""
    return told or pairs.with_name(
        f"{pairs.name.removesuffix('.gz').rsplit('.', 1)[0]}.labels.jsonl"
    )


def count_pairs(pairs: Path) -> int:
    """Read the whole file once, so that what is wrong with it is said before anybody is asked."""
    return sum(1 for _ in read_pairs(pairs))


def run_teacher(
    teacher: Teacher,
    pairs: Path,
    labels: Path,
    failure_limit: float,
    cost: Callable[[Tally], str] = lambda _: "",
) -> None:
    """Label what is missing, with a bar; then say what came of it.

    Args:
        teacher: Who labels.
        pairs: File of all pairs.
        labels: Where labels are kept.
        failure_limit: Share of pairs that may stay without a label.
        cost: Says what a run has cost.

    Raises:
        typer.Exit: With 1 if a limit of cost ended it, with 130 if the user did.
    """
    total = count_pairs(pairs)
    tally = Tally()

    with LabelStore(labels) as store, _bar() as bar:
        if store.note:
            note(store.note)
        task = bar.add_task("labelling", total=total, counts="")

        def watch(now: Tally) -> None:
            nonlocal tally
            tally = now
            done = now.known + now.repeated + now.labelled + now.failed
            bar.update(task, completed=done, counts=_counts(now, cost))

        limit = FailureLimit(failure_limit)
        try:
            label_all(teacher, read_pairs(pairs), store, watch, limit=limit)
        except KeyboardInterrupt:
            tally.stopped = "interrupted; the same command goes on from here"
        finally:
            bar.stop()
            _tell(tally, teacher, labels, cost(tally))
    if tally.stopped:
        interrupted = tally.stopped.startswith("interrupted")
        raise typer.Exit(_INTERRUPTED if interrupted else 1)


def _bar() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[counts]}"),
    )
    return Progress(*columns, console=err, transient=True, refresh_per_second=4)


def _counts(tally: Tally, cost: Callable[[Tally], str]) -> str:
    failures = (f"{reason} {count:,}" for reason, count in tally.common_failures()[:4])
    return " · ".join(filter(None, (cost(tally), *failures)))


def _tell(tally: Tally, teacher: Teacher, labels: Path, cost: str) -> None:
    told = f"{labels}: {tally.labelled:,} pairs labelled now, {tally.known:,} were known"
    if tally.prompt_tokens:
        told += f"; {tally.prompt_tokens:,} + {tally.completion_tokens:,} tokens"
    told += f", {cost}" if cost else ""
    err.print(Text(f"{told}. Teacher: {teacher.name}"), soft_wrap=True)
    if tally.repeated:
        note(f"{tally.repeated:,} pairs were given more than once, and are labelled once")
    if tally.unread > tally.failed:
        note(f"{tally.unread:,} answers could not be read: asked for again, or without a vote")
    if tally.failed:
        note(
            f"{tally.failed:,} pairs got no label; the same command asks again: "
            f"{tally.describe_failures()}"
        )
    if tally.stopped:
        err.print(Text(f"stopped: {tally.stopped}", style="red"), soft_wrap=True)
