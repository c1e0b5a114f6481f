"""Prints what rewrites brought."""

from rich.console import Console
from rich.table import Table

from qrmiddleware.evaluation.comparison import ArmScores, Evaluation
from qrmiddleware.evaluation.rewriting import mean_value


def print_rewrites(evaluation: Evaluation, console: Console) -> None:
    """Print one line an arm that says what it rewrote; nothing if none does."""
    if any(arm.attribution for arm in evaluation.arms):
        console.print(_rewrites(evaluation.arms))


def _rewrites(arms: tuple[ArmScores, ...]) -> Table:
    columns = (
        "arm",
        "rewrites",
        "queries",
        "hits only they found",
        "relevant",
        "irrelevant",
        "unjudged",
        "relevance share",
        "increment",
        "increment, union",
    )
    table = Table(
        *columns,
        title="Rewrites",
        caption=(
            "Relevance share and increment: of what a rewrite finds when the first arm is searched "
            "for it alone; unjudged hits count as not relevant there."
        ),
    )
    for arm in arms:
        if arm.attribution:
            value = mean_value([each.value for each in arm.attribution if each.value is not None])
            table.add_row(
                arm.name,
                str(len(arm.attribution)),
                str(len({each.query_id for each in arm.attribution})),
                str(sum(len(each.alone) for each in arm.attribution)),
                str(sum(each.relevant for each in arm.attribution)),
                str(sum(each.irrelevant for each in arm.attribution)),
                str(sum(each.unjudged for each in arm.attribution)),
                "" if value is None else f"{value.relevance:.3f}",
                "" if value is None else f"{value.increment:.3f}",
                "" if value is None else f"{value.increment_union:.3f}",
            )
    return table
