"""Prints what rewrites brought."""

from rich.console import Console
from rich.table import Table

from qrmiddleware.evaluation.comparison import Evaluation
from qrmiddleware.evaluation.report.wording import brought

_CAPTION = (
    "Relevance share and increment: of what a rewrite finds when the first arm is searched for it "
    "alone; unjudged hits count as not relevant there. Hit rate: of what users got elsewhere "
    "(--reached)."
)


def print_rewrites(evaluation: Evaluation, console: Console) -> None:
    """Print one line an arm that says what it rewrote; nothing if none does."""
    told = {arm.name: brought(arm) for arm in evaluation.arms if arm.attribution}
    if told:
        columns = next(iter(told.values()))
        table = Table("arm", *columns, title="Rewrites", caption=_CAPTION)
        for name, values in told.items():
            table.add_row(name, *values.values())
        console.print(table)
