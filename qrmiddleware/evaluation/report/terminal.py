"""Shows an evaluation in the terminal."""

from collections.abc import Iterator

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from qrmiddleware.evaluation.comparison import (
    ArmScores,
    Difference,
    Evaluation,
    QueryDelta,
    extremes,
)
from qrmiddleware.evaluation.report.wording import (
    POOL_ADVICE,
    POOL_COMMAND,
    difference_of,
    interval_text,
    is_better,
    judged_warning,
    main_measure,
    p_text,
    signed_text,
    value_text,
    verdict,
)

_COLOURS = {True: "green", False: "red", None: ""}


def terminal_tables(
    evaluation: Evaluation, *, measure: str = "", count: int = 5
) -> list[RenderableType]:
    """Return what a console prints, in order: means, differences, queries, verdicts, a warning.

    Args:
        evaluation: What is shown.
        measure: What verdicts and queries go by; condensed nDCG if empty.
        count: How many of the best and of the worst queries are named.

    Raises:
        ValueError: If ``measure`` was not measured.
    """
    main = main_measure(evaluation, measure)
    shown: list[RenderableType] = [_means(evaluation), *_counts(evaluation)]
    for arm in evaluation.arms[1:]:
        shown.append(_differences(evaluation, arm))
        if count and (queries := _queries(evaluation, arm, main, count)) is not None:
            shown.append(queries)
    for arm in evaluation.arms[1:]:
        if (difference := difference_of(evaluation, arm, main)) is not None:
            sentence = verdict(difference, evaluation.arms[0].name).sentence
            shown.append(_paragraph(sentence, _COLOURS[is_better(difference)]))
    if warning := judged_warning(evaluation):
        shown.append(_paragraph(f"{warning} `{POOL_COMMAND}` {POOL_ADVICE}", "yellow"))
    return shown


def _paragraph(said: str, style: str) -> RenderableType:
    return Padding(Text(said, style=style), (0, 1, 1, 1))


def _table(title: str) -> Table:
    return Table(box=box.SIMPLE_HEAD, title=Text(title), title_justify="left", title_style="bold")


def _means(evaluation: Evaluation) -> Table:
    table = _table(evaluation.title)
    table.add_column("mean", no_wrap=True)
    for arm in evaluation.arms:
        table.add_column(Text(arm.name), justify="right")
    for measure in evaluation.arms[0].means if evaluation.arms else ():
        table.add_row(measure, *(value_text(arm.means[measure]) for arm in evaluation.arms))
    if any(arm.latency_ms for arm in evaluation.arms):
        table.add_section()
        for name in ("p50", "p95", "p99"):
            times = (arm.latency_ms.get(name) for arm in evaluation.arms)
            table.add_row(
                f"{name}, ms", *("" if time is None else f"{time:,.1f}" for time in times)
            )
    return table


def _counts(evaluation: Evaluation) -> Iterator[RenderableType]:
    """Say how many queries are measured, and why others are not."""
    told = evaluation.environment
    if "queries measured" not in told:
        return
    left_out = (f"{count} {why}" for why, count in told.items() if why.startswith("left out, "))
    said = f"{told['queries measured']} of {told.get('queries', '?')} queries are measured"
    yield _paragraph("; ".join([said, *left_out]), "")


def _differences(evaluation: Evaluation, arm: ArmScores) -> Table:
    several = len(evaluation.arms) > 2  # noqa: PLR2004 then p is corrected
    table = _table(f"“{arm.name}” against “{evaluation.arms[0].name}”")
    table.add_column("measure", no_wrap=True)
    p_value = "p (Holm)" if several else "p"
    for heading in ("difference", "95 % interval", p_value, "better/same/worse"):
        table.add_column(heading, justify="right", no_wrap=True)
    for difference in (d for d in evaluation.differences if d.arm == arm.name):
        table.add_row(*_difference_cells(difference, several=several))
    return table


def _difference_cells(difference: Difference, *, several: bool) -> list[RenderableType]:
    colour = _COLOURS[is_better(difference)]
    return [
        difference.measure,
        Text(signed_text(difference.difference), style=colour),
        interval_text(difference),
        p_text(difference.p_holm if several else difference.p_value),
        f"{difference.wins} / {difference.ties} / {difference.losses}",
    ]


def _queries(
    evaluation: Evaluation, arm: ArmScores, main: str, count: int
) -> RenderableType | None:
    best, worst = extremes(evaluation.judged, evaluation.arms[0], arm, main, count=count)
    if not (best or worst):
        return None
    table = _table(f"“{arm.name}”: {main} of the queries that gained and lost most")
    table.add_column("query")
    for heading in (evaluation.arms[0].name, arm.name, "difference"):
        table.add_column(Text(heading), justify="right", no_wrap=True)
    for deltas in (best, worst):
        for delta in deltas:
            table.add_row(*_query_cells(delta, "green" if deltas is best else "red"))
        table.add_section()
    return Group(table)


def _query_cells(delta: QueryDelta, colour: str) -> list[RenderableType]:
    return [
        Text(delta.query.text),
        value_text(delta.baseline),
        value_text(delta.value),
        Text(signed_text(delta.difference), style=colour),
    ]
