"""A progress bar on standard error, for work that takes minutes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


@contextmanager
def progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show a bar that moves with every step; where nobody watches, only how it ended.

    Yields:
        Takes what the next step is, as it begins.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[step]}"),
    )
    begun = 0
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(title, total=steps, step="")

        def advance(step: str) -> None:
            nonlocal begun
            bar.update(task, completed=begun, step=step)
            begun += 1

        yield advance
        bar.update(task, completed=steps, step="")
