"""Prints an evaluation."""

from rich.console import Console
from rich.table import Table

from qrmiddleware.evaluation.comparison import Difference, Evaluation


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print all arms side by side, then how each differs from the first."""
    first = evaluation.arms[0]
    told = evaluation.environment
    table = Table("measure", title=evaluation.title)
    for arm in evaluation.arms:
        table.add_column(arm.name, justify="right")
    for name in first.means:
        means = (arm.means.get(name) for arm in evaluation.arms)
        table.add_row(name, *("" if mean is None else f"{mean:.3f}" for mean in means))
    for name in first.latency_ms:
        times = (arm.latency_ms.get(name) for arm in evaluation.arms)
        table.add_row(f"ms, {name}", *("" if time is None else f"{time:.1f}" for time in times))
    console.print(table)
    console.print(
        f"{told['queries measured']} of {told['queries']} queries; left out: "
        f"{told['left out, nothing is judged relevant']} without anything judged relevant, "
        f"{told['left out, an arm failed']} that an arm failed to answer",
        highlight=False,
    )
    if evaluation.differences:
        console.print(_differences(evaluation.differences, first.name))


def _differences(differences: tuple[Difference, ...], first: str) -> Table:
    columns = ("arm", "measure", "difference", "95 % interval", "p", "p, Holm", "won/tied/lost")
    table = Table(*columns, title=f"Differences from {first}")
    for each in differences:
        table.add_row(
            each.arm,
            each.measure,
            f"{each.difference:+.3f}",
            f"{each.low:+.3f} to {each.high:+.3f}",
            f"{each.p_value:.4f}",
            f"{each.p_holm:.4f}",
            f"{each.wins}/{each.ties}/{each.losses}",
        )
    return table
