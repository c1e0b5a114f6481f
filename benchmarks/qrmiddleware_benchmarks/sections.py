"""The sections of the page: each is written from one result file, and from nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, TypeAlias

from qrmiddleware_benchmarks import tables
from qrmiddleware_benchmarks.doubts import doubts, overload_doubts
from qrmiddleware_benchmarks.knee import Knee, read_knee
from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.overload import OVERLOAD, Overload, read_overload
from qrmiddleware_benchmarks.plot import plot_knee, plot_latencies, plot_overload
from qrmiddleware_benchmarks.results import Measurement, Result, ResultError, read_result
from qrmiddleware_benchmarks.scenarios import SCENARIOS, URLS
from qrmiddleware_benchmarks.soak import Soak, read_soak

Write: TypeAlias = Callable[[Path, Path], Sequence[str]]
"""Takes a result file and the folder for pictures, beside the page; returns Markdown lines."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        files: Pattern of the result files' names; the section is written once for each.
        write: Writes it.
    """

    files: str
    write: Write


def scenario(path: Path, pictures: Path) -> Sequence[str]:
    """Write the section of one scenario at one rate."""
    return list(_scenario_lines(read_result(path), path.stem, pictures))


def knee(path: Path, pictures: Path) -> Sequence[str]:
    """Write the section of one search for knees."""
    return list(_knee_lines(read_knee(path), path.stem, pictures))


def soak(path: Path, _pictures: Path) -> Sequence[str]:
    """Write the section about memory."""
    return list(_soak_lines(read_soak(path)))


def overload(path: Path, pictures: Path) -> Sequence[str]:
    """Write the section about more load than can be answered."""
    return list(_overload_lines(read_overload(path), path.stem, pictures))


def students(path: Path, pictures: Path) -> Sequence[str]:
    """Have the students' own module write their section.

    Raises:
        ResultError: If this installation has no such module.
    """
    name = "qrmiddleware_benchmarks.students"
    if find_spec(name) is None or find_spec(f"{name}.page") is None:
        message = f"{path}: this version of qrm-bench has no section for students"
        raise ResultError(message)
    lines: Sequence[str] = import_module(f"{name}.page").section(path, pictures)
    return lines


SECTIONS: Final = (
    *(
        Section(f"{name}{at}.json", scenario)
        for name in (*SCENARIOS, URLS.name)
        for at in ("", "-at-*")
    ),
    Section("knee-*.json", knee),
    Section("overload.json", overload),
    Section("soak.json", soak),
    Section("students.json", students),
)
"""In the order of the page."""


def picture(path: Path, alt: str) -> str:
    """Show a picture on the page, which lies beside the folder of pictures."""
    return f"![{alt}]({path.parent.name}/{path.name})"


def machine_line(machine: Machine) -> str:
    """Say where something was measured."""
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return (
        f"{machine.cpu} with {machine.cores} cores, {machine.memory_gib:g} GiB, "
        f"{machine.system}; {versions}."
    )


def _scenario_lines(result: Result, name: str, pictures: Path) -> Iterator[str]:
    course = result.course
    if course.rate_hz is None:
        yield f"## {result.question}"
        yield ""
        yield {**SCENARIOS, URLS.name: URLS}[result.scenario].meaning
    else:
        yield f"## The same at {course.rate_hz:g} searches/s ({result.scenario})"
    yield ""
    frequencies = "in turn" if course.zipf is None else f"by Zipf's law (exponent {course.zipf:g})"
    command = URLS.name if result.scenario == URLS.name else f"run {result.scenario}"
    yield (
        f"`qrm-bench {command}` on {result.date}: {course.rounds} rounds of "
        f"{course.slice_s:g} s an arm, {course.arrivals} arrivals from {course.generators} "
        f"generator process{'es' if course.generators > 1 else ''}, {result.queries} asked "
        f"{frequencies}. {machine_line(result.machine)}"
    )
    for number, measurement in enumerate(result.measurements, 1):
        yield ""
        yield f"### {measurement.upstream}, {measurement.rate_hz:.0f} searches/s"
        yield ""
        drawn = pictures / f"{name}-{number}.svg"
        plot_latencies(measurement, drawn)
        yield from _measurement_lines(result, measurement)
        yield picture(drawn, f"Latency by percentile: {result.scenario}, {measurement.upstream}")
    yield ""


def _measurement_lines(result: Result, measurement: Measurement) -> Iterator[str]:
    for part in (tables.latencies, tables.comparisons, tables.costs):
        yield from part(measurement)
        yield ""
    yield f"The machine's cores were busy for {measurement.busy:.0%} of the time."
    yield from doubts(result, measurement)
    yield ""
    yield "<details><summary>Every process, and what the arms counted themselves</summary>"
    yield ""
    yield from tables.processes(measurement)
    yield ""
    counted = list(tables.counters(measurement))
    yield from (*counted, "") if counted else ()
    yield "</details>"
    yield ""


def _knee_lines(found: Knee, name: str, pictures: Path) -> Iterator[str]:
    yield f"## How many searches a second does it answer in time? ({found.scenario})"
    yield ""
    if found.smoke:
        yield "This was a smoke run: too short to mean anything."
        yield ""
    yield (
        f"`qrm-bench knee {found.scenario}` on {found.date}, before {found.upstream}: the offered "
        f"rate is raised in steps of {found.step_s:g} s until less than 98 % of it is answered, a "
        f"search fails, or p99 is above {found.p99_ms:g} ms. A rate that fails is tried twice "
        "more, and holds if it does both times; the *knee* is the highest rate below the first "
        "that did not hold, and its latencies are those of the try in the middle. Load generator, "
        "arm and upstream share the machine; an arm that has one for itself answers more. "
        f"{machine_line(found.machine)}"
    )
    yield ""
    yield from knee_table(found)
    yield ""
    drawn = pictures / f"{name}.svg"
    plot_knee(found, drawn)
    yield picture(drawn, f"Latency by offered rate: {found.scenario}")
    yield ""


def knee_table(found: Knee) -> Iterator[str]:
    """Write each arm's knee."""
    rows: list[Sequence[str]] = []
    for arm in found.arms:
        knee = arm.knee(found.p99_ms)
        note = "the load generator gave in first" if arm.generator_limited(found.p99_ms) else ""
        if knee is None:
            rows.append((arm.name, "none", "-", "-", note))
            continue
        at_least = "≥ " if note else ""
        latencies = (f"{knee.typical.percentile_ms(each):.2f}" for each in (50, 99))
        rows.append((arm.name, f"{at_least}{knee.rate_hz:,.0f}", *latencies, note))
    head = ("arm", "knee, searches/s", "p50 there, ms", "p99 there, ms", "note")
    yield from tables.table(head, rows)


def _overload_lines(found: Overload, name: str, pictures: Path) -> Iterator[str]:
    yield f"## {OVERLOAD.question}"
    yield ""
    yield OVERLOAD.meaning
    yield ""
    yield (
        f"`qrm-bench overload` on {found.date}, before {found.upstream}: {found.rounds} rounds of "
        f"{found.slice_s:g} s a rate, poisson arrivals; *in time* is within "
        f"{found.deadline_ms:g} ms. Medians over rounds. {machine_line(found.machine)}"
    )
    yield ""
    yield from tables.overload(found)
    yield ""
    yield from tables.held(found)
    yield ""
    yield from overload_doubts(found)
    yield ""
    drawn = pictures / f"{name}.svg"
    plot_overload(found, drawn)
    yield picture(drawn, "Goodput by load")
    yield ""


def _soak_lines(found: Soak) -> Iterator[str]:
    first, last = found.samples[0], found.samples[-1]
    peak = max(sample.rss_bytes for sample in found.samples)
    searches = sum(sample.searches for sample in found.samples)
    errors = sum(sample.errors for sample in found.samples)
    middle = found.samples[len(found.samples) // 2]
    yield "## Does it stay as large as it is under load?"
    yield ""
    yield (
        f"`qrm-bench soak` on {found.date}: {last.minute:.0f} minutes with `rules` at "
        f"{found.rate_hz:.0f} searches/s, answers of {found.size_bytes / 1_000:g} KB; "
        f"{searches:,} searches answered, {errors} errors."
    )
    yield ""
    rows = (
        ("after the first seconds", f"{first.rss_bytes / 1e6:.1f}"),
        ("half-way", f"{middle.rss_bytes / 1e6:.1f}"),
        ("at the end", f"{last.rss_bytes / 1e6:.1f}"),
        ("peak", f"{peak / 1e6:.1f}"),
        ("growth an hour, second half", f"{found.growth_mb_per_hour:.1f}"),
    )
    yield from tables.table(("memory", "MB"), rows)
    yield ""
    if last.descriptors:
        yield (
            f"Open files and sockets: {first.descriptors} after the first seconds, "
            f"{last.descriptors} at the end; threads: {first.threads} and {last.threads}."
        )
        yield ""
