"""The page's first half: figures in tables, and charts of them."""

from math import isnan

from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.comparison import (
    ArmScores,
    Difference,
    Evaluation,
    QueryDelta,
    bootstrap,
)
from qrmiddleware.evaluation.measures import CONDENSED, LOWER_IS_BETTER, NDCG
from qrmiddleware.evaluation.report.axes import Axis
from qrmiddleware.evaluation.report.charts import (
    MOST_BARS,
    ArmPoint,
    delta_chart,
    for_screens,
    quality_chart,
)
from qrmiddleware.evaluation.report.markup import Html, join, tag
from qrmiddleware.evaluation.report.wording import (
    MEANINGS,
    difference_of,
    interval_text,
    is_better,
    p_text,
    signed_text,
    value_text,
)

_LATENCIES = ("p50", "p95", "p99")


def means_table(evaluation: Evaluation, main: str) -> Html:
    """Show all arms' means; which of them differ is in the tables of differences."""
    head = tag(
        "tr", tag("th", "measure"), *(tag("th", arm.name, class_="num") for arm in evaluation.arms)
    )
    rows = [
        tag(
            "tr",
            tag("th", measure, scope="row", title=MEANINGS.get(measure)),
            *(_mean_cell(evaluation, arm, measure) for arm in evaluation.arms),
            class_="main" if measure == main else None,
        )
        for measure in (evaluation.arms[0].means if evaluation.arms else ())
    ]
    rows += [
        tag(
            "tr",
            tag("th", f"{name}, ms", scope="row"),
            *(
                tag(
                    "td",
                    f"{arm.latency_ms[name]:,.1f}" if name in arm.latency_ms else "not timed",
                    class_="num",
                )
                for arm in evaluation.arms
            ),
        )
        for name in _LATENCIES
        if any(arm.latency_ms for arm in evaluation.arms)
    ]
    return _table(head, rows)


def _mean_cell(evaluation: Evaluation, arm: ArmScores, measure: str) -> Html:
    difference = difference_of(evaluation, arm, measure)
    better = is_better(difference) if difference else None
    mark = {True: " ▲", False: " ▼", None: ""}[better]
    side = {True: "num up", False: "num down", None: "num"}[better]
    mean = arm.means.get(measure)
    return tag("td", (value_text(mean) if mean is not None else "") + mark, class_=side)


def differences_table(evaluation: Evaluation, arm: ArmScores, main: str) -> Html:
    """Show one arm against the first, measure by measure.

    With more than two arms, values and latencies are left to the table of means, and p-values
    are corrected.
    """
    first = evaluation.arms[0]
    several = len(evaluation.arms) > 2  # noqa: PLR2004 a baseline and one arm
    found = [d for d in evaluation.differences if d.arm == arm.name]
    words = ("difference", "95 % interval", "", "p", *(["p (Holm)"] if several else ()))
    head = tag(
        "tr",
        tag("th", "measure"),
        *(tag("th", each.name, class_="num") for each in (() if several else (first, arm))),
        *(tag("th", word, class_="num") for word in words),
        tag("th", "better / same / worse", class_="num"),
    )
    reach = max([abs(end) for d in found for end in (d.low, d.high) if not isnan(end)] + [0.01])
    rows = [_difference_row(d, reach, several=several, main=main) for d in found]
    return _table(head, rows if several else [*rows, *_latency_rows(first, arm, columns=7)])


def _difference_row(difference: Difference, reach: float, *, several: bool, main: str) -> Html:
    values = () if several else (difference.baseline, difference.value)
    p_values = (difference.p_value, *([difference.p_holm] if several else ()))
    counts = f"{difference.wins} / {difference.ties} / {difference.losses}"
    return tag(
        "tr",
        tag("th", difference.measure, scope="row", title=MEANINGS.get(difference.measure)),
        *(tag("td", value_text(value), class_="num") for value in values),
        tag("td", signed_text(difference.difference), class_=f"num {_side(difference)}"),
        tag("td", interval_text(difference), class_="num"),
        tag("td", _range(difference, reach), class_="range"),
        *(tag("td", p_text(p_value), class_="num") for p_value in p_values),
        tag("td", counts, class_="num"),
        class_="main" if difference.measure == main else None,
    )


def _latency_rows(first: ArmScores, arm: ArmScores, *, columns: int) -> list[Html]:
    """Show latencies under the measures: no interval, as they come from one run."""
    before, after = first.latency_ms, arm.latency_ms
    return [
        tag(
            "tr",
            tag("th", f"{name}, ms", scope="row"),
            *(tag("td", f"{each[name]:,.1f}", class_="num") for each in (before, after)),
            tag("td", signed_text(after[name] - before[name], digits=1), class_="num"),
            *(tag("td") for _ in range(columns - 3)),
        )
        for name in _LATENCIES
        if name in before and name in after
    ]


def _side(difference: Difference) -> str:
    return {True: "up", False: "down", None: ""}[is_better(difference)]


def _range(difference: Difference, reach: float) -> Html | None:
    """Draw an interval, with zero in the middle."""
    if isnan(difference.low):
        return None
    axis = Axis(-reach, reach, 4, 126)
    low, high = axis.place(difference.low), axis.place(difference.high)
    kind = {True: "better", False: "worse", None: "open"}[is_better(difference)]
    return tag(
        "svg",
        tag("line", x1=axis.place(0), x2=axis.place(0), y1=0, y2=18, class_="zero"),
        tag("rect", x=low, y=7, width=round(max(high - low, 1), 1), height=4, rx=2, class_=kind),
        tag("circle", cx=axis.place(difference.difference), cy=9, r=4, class_=kind),
        viewBox="0 0 130 18",
        aria_hidden="true",
    )


def _table(head: Html, rows: list[Html]) -> Html:
    table = tag("table", tag("thead", head), tag("tbody", *rows))
    return tag("div", table, class_="scroll", tabindex="0")


def quality_section(evaluation: Evaluation, main: str) -> Html:
    """Draw all arms: quality, against latency if it is known."""
    beside = {CONDENSED: NDCG, NDCG: CONDENSED}.get(main, "")
    points = [_point(arm, main, beside) for arm in evaluation.arms]
    if any(point.beside is None for point in points):
        beside = ""
    timed = all(arm.latency_ms for arm in evaluation.arms)
    told = f"Filled marks: mean {main}, the line through them its 95 % interval over queries."
    told += f" Hollow marks: {beside}." if beside else ""
    told += " To the right: median latency, dashed on to the 95th percentile." if timed else ""
    told += (
        " The arms answered the same queries, so they can differ clearly although their lines "
        "overlap: the table decides."
    )
    return tag(
        "section",
        tag("h2", "Quality against latency" if timed else "Quality", id="quality"),
        tag(
            "div",
            for_screens(lambda width: quality_chart(points, main, beside, width=width)),
            tag("p", told, class_="soft small"),
            class_="card plot",
        ),
    )


def _point(arm: ArmScores, main: str, beside: str) -> ArmPoint:
    import numpy as np  # noqa: PLC0415 heavy

    ((low, high),) = bootstrap(np.array([list(arm.by_query[main].values())], dtype=np.float64))
    mean = arm.means[main]
    low, high = (mean, mean) if isnan(low) else (low, high)
    latency = arm.latency_ms
    return ArmPoint(
        arm.name, mean, low, high, arm.means.get(beside), latency.get("p50"), latency.get("p95")
    )


def deltas_of(
    judged: JudgedQueries, first: ArmScores, arm: ArmScores, measure: str
) -> list[QueryDelta]:
    """List how every query differs."""
    before, after = first.by_query[measure], arm.by_query[measure]
    return [
        QueryDelta(query, before[key], after[key], after[key] - before[key])
        for query in judged.queries
        if (key := query.query_id) in before and key in after
    ]


def deltas_section(evaluation: Evaluation, arm: ArmScores, main: str) -> Html:
    """Draw one arm's difference for every query."""
    first = evaluation.arms[0]
    deltas = deltas_of(evaluation.judged, first, arm, main)
    lower = main in LOWER_IS_BETTER
    changed = sum(1 for delta in deltas if delta.difference)
    told = (
        f"{main} of “{arm.name}” less that of “{first.name}”: one bar a query, best to the left; "
        f"{changed} of {len(deltas)} queries change."
    )
    if len(deltas) > MOST_BARS:
        told += f" Drawn as {MOST_BARS} bars, each one the middle of its share."
    return tag(
        "div",
        for_screens(lambda width: delta_chart(deltas, lower_is_better=lower, width=width)),
        tag("p", told, class_="soft small"),
        class_="card plot",
    )


def meanings_list(evaluation: Evaluation) -> Html:
    """Say what the measures mean."""
    measured = evaluation.arms[0].means if evaluation.arms else {}
    pairs = [(name, MEANINGS[name]) for name in measured if name in MEANINGS]
    return tag("dl", join(*(join(tag("dt", name), tag("dd", meaning)) for name, meaning in pairs)))
