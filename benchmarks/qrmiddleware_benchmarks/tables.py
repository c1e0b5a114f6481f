"""Measurements as Markdown tables, for the page and for the terminal."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from statistics import median
from typing import Final

from qrmiddleware_benchmarks.differences import MEANINGS, Differences
from qrmiddleware_benchmarks.doubts import generator_share, lag_p99_ms
from qrmiddleware_benchmarks.histogram import decode
from qrmiddleware_benchmarks.overload import Level, Overload
from qrmiddleware_benchmarks.results import ArmResult, Measurement
from qrmiddleware_benchmarks.statistics import (
    PERCENTILES,
    Comparison,
    Estimate,
    compare,
    max_ms,
    rounds_of,
)

_FEW: Final = 10
"""A percentile with fewer searches than this beyond it is marked: it will not repeat."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Write a Markdown table; the first column holds names, the others figures."""
    yield f"| {' | '.join(head)} |"
    yield f"|---|{'---:|' * (len(head) - 1)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def latencies(measurement: Measurement) -> Iterator[str]:
    """Write each arm's percentiles."""
    head = ("latency, ms", *(f"p{each:g}" for each in PERCENTILES), "max", "searches")
    yield from table(head, map(_latency_row, measurement.arms))


def comparisons(measurement: Measurement) -> Iterator[str]:
    """Write what each arm adds to the first one's latency, with intervals."""
    first = measurement.arms[0]
    base = rounds_of(first)
    head = (
        f"beside {first.name}",
        *("p50 added, ms", "p99 added, ms", f"p50 / {first.name}", f"p99 / {first.name}"),
    )
    rows = (_comparison_row(arm, compare(base, rounds_of(arm))) for arm in measurement.arms[1:])
    yield from table(head, rows)


def costs(measurement: Measurement) -> Iterator[str]:
    """Write what each arm answered and used."""
    head = (
        *("load and cost", "offered /s", "answered /s", "errors", "degraded"),
        *("CPU ms a search", "RSS MB", "upstream CPU ms a search"),
        *("generator late at p99, ms", "generator's share of a core"),
    )
    yield from table(head, map(_cost_row, measurement.arms))


def processes(measurement: Measurement) -> Iterator[str]:
    """Write what every single process used."""
    rows = (
        (
            arm.name,
            use.name,
            f"{use.cpu_s / max(1e-9, arm.seconds):.2f}",
            f"{use.rss_bytes / 1e6:.0f}",
        )
        for arm in measurement.arms
        for use in arm.processes()
    )
    yield from table(("arm", "process", "cores", "RSS MB"), rows)


def counters(measurement: Measurement) -> Iterator[str]:
    """Write what the arms counted themselves, if any did."""
    rows = [
        (arm.name, name, f"{value:,.0f}")
        for arm in measurement.arms
        for name, value in arm.counters().items()
    ]
    if rows:
        yield from table(("arm", "counted by itself, warm-up included", "times"), rows)


def overload(found: Overload) -> Iterator[str]:
    """Write what came of each rate, arm by arm."""
    head = (
        *("overload", "offered", "offered /s", "answered", f"within {found.deadline_ms:g} ms"),
        *("refused", "without pipeline", "lost", "p50, ms", "p99, ms"),
        "generator's share of a core",
    )
    yield from table(
        head,
        (_overload_row(arm.name, step, found) for arm in found.arms for step in arm.by_share()),
    )


def held(found: Overload) -> Iterator[str]:
    """Write what each arm held before and after."""
    head = ("held before, after", "RSS MB", "files and sockets", "threads")
    rows = (
        (
            arm.name,
            f"{arm.before.rss_bytes / 1e6:.0f}, {arm.after.rss_bytes / 1e6:.0f}",
            f"{arm.before.descriptors}, {arm.after.descriptors}",
            f"{arm.before.threads}, {arm.after.threads}",
        )
        for arm in found.arms
    )
    yield from table(head, rows)


def all_differences(found: Differences) -> Iterator[str]:
    """Write what two results differ in."""
    head = ("arm", "measure", "before, ms", "after, ms", "after / before", "beside the first arm")
    for upstream in dict.fromkeys(each.upstream for each in found.found):
        yield f"### {upstream}"
        yield ""
        rows = [
            (
                each.arm,
                each.change.measure,
                f"{each.change.before:.2f}",
                f"{each.change.after:.2f}",
                interval(each.change.ratio),
                interval(each.change.relative),
                MEANINGS[each.verdict],
            )
            for each in found.found
            if each.upstream == upstream
        ]
        yield from table((*head, "verdict"), rows)
        yield ""


def interval(estimate: Estimate) -> str:
    """Write a figure with its interval."""
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _latency_row(arm: ArmResult) -> Sequence[str]:
    counts = decode(each.latencies for each in arm.slices)
    own = rounds_of(arm).all()
    cells = []
    for percentile, value in zip(PERCENTILES, own, strict=False):
        beyond = arm.answered * (1 - percentile / 100)
        cells.append(f"{'' if beyond >= _FEW else '~'}{value:.2f}")
    return (arm.name, *cells, f"{max_ms(counts):.2f}", f"{arm.answered:,}")


def _comparison_row(arm: ArmResult, found: Sequence[Comparison]) -> Sequence[str]:
    by_name = {each.measure: each for each in found}
    p50, p99 = by_name["p50"], by_name["p99"]
    return (arm.name, *map(interval, (p50.added, p99.added, p50.ratio, p99.ratio)))


def _overload_row(name: str, step: Sequence[Level], found: Overload) -> Sequence[str]:
    def typical(of: Callable[[Level], float]) -> float:
        return median(of(each) for each in step)

    return (
        name,
        f"{step[0].share:.0%}",
        f"{typical(lambda each: each.rate_hz):,.0f}",
        f"{typical(lambda each: each.answered):.0%}",
        f"{typical(lambda each: each.goodput(found.deadline_ms)):.0%}",
        f"{typical(lambda each: each.refused_share):.0%}",
        f"{typical(lambda each: each.skipped_share):.0%}",
        f"{sum(each.lost for each in step):,}",
        f"{typical(lambda each: each.latency_ms(50)):,.0f}",
        f"{typical(lambda each: each.latency_ms(99)):,.0f}",
        f"{max(each.generator_share for each in step):.0%}",
    )


def _cost_row(arm: ArmResult) -> Sequence[str]:
    uses = arm.processes()
    own = [use for use in uses if use.role == "arm"]
    rss = f"{sum(use.rss_bytes for use in own) / 1e6:.0f}" if own else "-"
    return (
        arm.name,
        f"{arm.offered_hz:.0f}",
        f"{arm.achieved_hz:.0f}",
        f"{arm.errors:,}",
        f"{arm.degraded_share:.1%}",
        _cpu_ms(arm, "arm") if own else "-",
        rss,
        _cpu_ms(arm, "upstream"),
        f"{lag_p99_ms(arm):.2f}",
        f"{generator_share(arm):.0%}",
    )


def _cpu_ms(arm: ArmResult, role: str) -> str:
    cpu_s = sum(use.cpu_s for use in arm.processes() if use.role == role)
    return f"{cpu_s * 1_000 / max(1, arm.answered):.2f}"
