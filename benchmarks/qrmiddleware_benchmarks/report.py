"""What a run has found: plain values that are kept as JSON."""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from hdrh.histogram import HdrHistogram

from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.scenario import Course, Harvest, Harvests
from qrmiddleware_benchmarks.statistics import Comparison, Rounds, compare

_LONGEST_US = 60_000_000
_DIGITS = 3


@dataclass(frozen=True, slots=True)
class ArmReport:
    """One arm's figures.

    Attributes:
        name: Of the arm.
        searches: Answered with 200.
        errors: Answered otherwise, or not at all.
        achieved_hz: Searches answered a second, to hold against the rate offered.
        comparisons: With the first arm, by percentile.
        saturation_hz: Most searches a second; 0 if it was not measured.
        cpu_us: Processor time a search, of the arm's own processes.
        rss_bytes: Their memory at the end.
        lag_p99_ms: How late the load generator was.
        histogram: All latencies in µs, as an encoded HdrHistogram (V2).
    """

    name: str
    searches: int
    errors: int
    achieved_hz: float
    comparisons: tuple[Comparison, ...]
    saturation_hz: float
    cpu_us: float
    rss_bytes: int
    lag_p99_ms: float
    histogram: str


@dataclass(frozen=True, slots=True)
class Measurement:
    """All arms against one upstream at one rate.

    Attributes:
        upstream: What answers, for people.
        rate_hz: Searches a second, offered to each arm in its turn.
        busy: Share of the machine's processor time that was used, by all and everything.
        stolen: Share that the host took for others.
        arms: In order; the first is what the others are compared with.
    """

    upstream: str
    rate_hz: float
    busy: float
    stolen: float
    arms: tuple[ArmReport, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One run of a scenario.

    Attributes:
        scenario: Name on the command line.
        question: What it answers.
        date: When, in UTC, ISO 8601.
        smoke: Whether it was too short to mean anything.
        background: Share of processor time in use before the run began.
        machine: Where.
        course: How long and how hard.
        measurements: One an upstream.
    """

    scenario: str
    question: str
    date: str
    smoke: bool
    background: float
    machine: Machine
    course: Course
    measurements: tuple[Measurement, ...]


def arm_reports(harvests: Harvests) -> tuple[ArmReport, ...]:
    """Sum up every arm, compared with the first."""
    first = next(iter(harvests.arms.values()))
    return tuple(_arm_report(name, harvest, first) for name, harvest in harvests.arms.items())


def write_report(report: Report, path: Path) -> None:
    """Write JSON that ``read_report`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def read_report(path: Path) -> Report:
    """Read what ``write_report`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def _arm_report(name: str, harvest: Harvest, first: Harvest) -> ArmReport:
    rounds = [each.latencies_ns for each in harvest.slices]
    searches = sum(map(len, rounds))
    lags_ns = np.concatenate([each.lags_ns for each in harvest.slices])
    return ArmReport(
        name=name,
        searches=searches,
        errors=sum(each.errors for each in harvest.slices),
        achieved_hz=searches / sum(each.seconds for each in harvest.slices),
        comparisons=compare([each.latencies_ns for each in first.slices], rounds),
        saturation_hz=harvest.saturation_hz,
        cpu_us=harvest.cpu_s / searches * 1e6,
        rss_bytes=harvest.rss_bytes,
        lag_p99_ms=float(np.percentile(lags_ns, 99)) / 1e6,
        histogram=_histogram(rounds),
    )


def _histogram(rounds: Rounds) -> str:
    histogram = HdrHistogram(1, _LONGEST_US, _DIGITS)
    values, counts = np.unique(np.concatenate(rounds) // 1_000, return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist(), strict=True):
        histogram.record_value(min(value, _LONGEST_US), count)
    return histogram.encode().decode()
