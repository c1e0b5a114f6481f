"""The page that people read, written from the kept reports and from nothing else."""

from collections.abc import Iterable, Iterator, Sequence

from qrmiddleware_benchmarks.report import ArmReport, Measurement, Report
from qrmiddleware_benchmarks.soak import Soak
from qrmiddleware_benchmarks.statistics import Estimate

_LATE_MS = 0.25
_HEAD = """\
# Performance

This page is generated: `qrm-bench page` writes it from the reports that `qrm-bench run` leaves in
`benchmarks/results/`. Run the commands on your own machine; figures of other machines do not carry
over.

**Method.** Every arm gets the same searches at the same rate, one arm after the other in short
slices, in an order drawn anew for every round, so that a disturbance hits all alike. The load is
open-loop: searches are due by a schedule, whether or not earlier ones were answered, and each is
timed from when it was due until its last byte is there. The load generator, the upstream and the
arm share the machine; how late the generator itself was is in the tables. Ratios and differences
are against the first arm; brackets are 95 % intervals from a bootstrap over rounds. Saturation is
the most searches a second in a closed loop of 32 connections.

**Arms.** *direct* asks the upstream itself; *nginx* stands in front of it with kept connections;
the others are `qrm serve` with one process: without pipelines (*pipeline off*), with a pipeline
without plugins (*identity pipeline*), and with a plugin that has something to say about every
search (*rules*, *rewrite_table*). The last two ask the engine more than was typed, so before a real
engine their difference holds its work, too.
"""


def page(
    reports: Iterable[Report], soaks: Iterable[Soak] = (), *, plots: Sequence[str] = ()
) -> str:
    """Write the page in Markdown.

    Args:
        reports: In the order in which they appear.
        soaks: After them.
        plots: Paths of pictures, relative to the page.
    """
    parts = [_HEAD]
    parts += ["\n".join(_report_lines(report)) for report in reports]
    parts += ["\n".join(_soak_lines(soak)) for soak in soaks]
    parts += [f"![Latency percentiles by arm]({plot})\n" for plot in plots]
    return "\n".join(parts)


def table(measurement: Measurement) -> Iterator[str]:
    """Write one measurement as the lines of two Markdown tables."""
    first = measurement.arms[0].name
    yield from _heading(
        *("arm", "p50 ms", "p95 ms", "p99 ms"),
        *(f"p50 above {first} ms", f"p99 above {first} ms", f"p50 / {first}", f"p99 / {first}"),
    )
    yield from map(_latencies, measurement.arms)
    yield ""
    yield from _heading(
        *("arm", "answered", "errors", "answered /s", "saturation /s"),
        *("CPU µs a search", "RSS MB", "generator late at p99, ms"),
    )
    yield from map(_costs, measurement.arms)


def _heading(*columns: str) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"


def _latencies(arm: ArmReport) -> str:
    p50, p95, p99 = arm.comparisons
    latencies = [f"{each.latency_ms.value:.2f}" for each in (p50, p95, p99)]
    differences = [_interval(each) for each in (p50.added_ms, p99.added_ms, p50.ratio, p99.ratio)]
    return f"| {' | '.join([arm.name, *latencies, *differences])} |"


def _costs(arm: ArmReport) -> str:
    cells = (
        arm.name,
        f"{arm.searches:,}",
        str(arm.errors),
        f"{arm.achieved_hz:.0f}",
        f"{arm.saturation_hz:.0f}" if arm.saturation_hz else "-",
        f"{arm.cpu_us:.0f}" if arm.rss_bytes else "-",
        f"{arm.rss_bytes / 1e6:.0f}" if arm.rss_bytes else "-",
        f"{arm.lag_p99_ms:.2f}",
    )
    return f"| {' | '.join(cells)} |"


def _report_lines(report: Report) -> Iterator[str]:
    yield f"## {report.question}"
    yield ""
    if report.smoke:
        yield "**A smoke run: too short to mean anything.**"
        yield ""
    course, machine = report.course, report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    yield (
        f"`qrm-bench run {report.scenario}` on {report.date}: {course.rounds} rounds of "
        f"{course.slice_s:g} s an arm, {course.arrivals} arrivals; one process an arm, nginx with "
        f"one a core. {machine.cpu} with {machine.cores} cores, {machine.memory_gib:g} GiB, "
        f"{machine.system}; {versions}. Before the run, the machine was busy with other things "
        f"for {report.background:.0%} of its time."
    )
    for measurement in report.measurements:
        yield ""
        yield f"### {measurement.upstream}, {measurement.rate_hz:.0f} searches/s"
        yield ""
        yield from table(measurement)
        yield ""
        yield from _remarks(measurement)
    yield ""


def _remarks(measurement: Measurement) -> Iterator[str]:
    yield (
        f"The machine's cores were busy for {measurement.busy:.0%} of the time; "
        f"{measurement.stolen:.1%} went to others on its host."
    )
    late = [arm.name for arm in measurement.arms if arm.lag_p99_ms > _LATE_MS]
    if late:
        yield (
            f"The load generator was late by more than {_LATE_MS:g} ms at p99 for "
            f"{', '.join(late)}: read these p99 as upper bounds."
        )
    failed = [arm.name for arm in measurement.arms if arm.errors]
    if failed:
        yield f"Some searches failed for {', '.join(failed)}; they are not in the percentiles."


def _soak_lines(soak: Soak) -> Iterator[str]:
    first, last = soak.samples[0], soak.samples[-1]
    peak = max(sample.rss_bytes for sample in soak.samples)
    searches = sum(sample.searches for sample in soak.samples)
    errors = sum(sample.errors for sample in soak.samples)
    yield "## Does its memory stay flat under load?"
    yield ""
    yield (
        f"`qrm-bench soak` on {soak.date}: {last.minute:.0f} minutes with `rules` at "
        f"{soak.rate_hz:.0f} searches/s, answers of {soak.size_bytes / 1_000:g} KB; "
        f"{searches:,} searches answered, {errors} errors."
    )
    yield ""
    yield "| | MB |"
    yield "|---|---|"
    yield f"| after the first seconds | {first.rss_bytes / 1e6:.1f} |"
    yield f"| half-way | {soak.samples[len(soak.samples) // 2].rss_bytes / 1e6:.1f} |"
    yield f"| at the end | {last.rss_bytes / 1e6:.1f} |"
    yield f"| peak | {peak / 1e6:.1f} |"
    yield f"| growth an hour, second half | {soak.growth_mb_per_hour:.1f} |"
    yield ""


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
