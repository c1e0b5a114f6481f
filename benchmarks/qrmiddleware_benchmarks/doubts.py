"""When figures are doubtful, and why: decided here for the terminal, the page and the knee."""

from collections.abc import Iterator
from typing import Final

from qrmiddleware_benchmarks.histogram import decode
from qrmiddleware_benchmarks.overload import Overload
from qrmiddleware_benchmarks.results import ArmResult, Measurement, Result
from qrmiddleware_benchmarks.statistics import percentile_ms

LATE_MS: Final = 0.25
"""A generator that is later than this at p99 ..."""
LATE_SHARE: Final = 0.1
"""... and later than this share of the p99 that it measured, has made that p99 itself."""
GENERATOR_BUSY: Final = 0.8
"""Share of a core above which a generator may be the bottleneck: it has one thread."""
ACHIEVED: Final = 0.98
"""Share of the offered rate below which a system does not keep up."""
STOLEN: Final = 0.01
BACKGROUND: Final = 0.1
"""Share of the machine that others may use before a run, above which noise is expected."""


def doubts(result: Result, measurement: Measurement) -> Iterator[str]:
    """Say in whole sentences why figures of a measurement are doubtful."""
    if result.smoke:
        yield "This was a smoke run: too short to mean anything."
    if result.background > BACKGROUND:
        yield f"Before the run, others used {result.background:.0%} of the machine."
    if measurement.stolen > STOLEN:
        yield f"The host took {measurement.stolen:.1%} of the machine's time for others."
    arms = measurement.arms
    late = [arm.name for arm in arms if generator_late(arm)]
    if late:
        yield (
            f"The load generator was late by more than {LATE_MS:g} ms and {LATE_SHARE:.0%} of "
            f"the latency at p99 for {_named(late)}: read these p99 as upper bounds."
        )
    busy = [arm.name for arm in arms if generator_share(arm) > GENERATOR_BUSY]
    if busy:
        yield (
            f"A load generator used more than {GENERATOR_BUSY:.0%} of a core for {_named(busy)}: "
            "it may be the bottleneck; give it more processes with --generators."
        )
    yield from _unserved(measurement)


def overload_doubts(found: Overload) -> Iterator[str]:
    """Say in whole sentences why figures of a sweep are doubtful."""
    if found.background > BACKGROUND:
        yield f"Before the run, others used {found.background:.0%} of the machine."
    levels = [(arm.name, level) for arm in found.arms for level in arm.levels]
    busy = {name for name, level in levels if level.generator_share > GENERATOR_BUSY}
    late = {name for name, level in levels if level.lag_p99_ms > LATE_SHARE * found.deadline_ms}
    if busy | late:
        yield (
            f"The load generator gave in first, or was late by more than {LATE_SHARE:.0%} of the "
            f"time allowed, for {_named(sorted(busy | late))}: read these as lower bounds."
        )


def _unserved(measurement: Measurement) -> Iterator[str]:
    failed = [arm.name for arm in measurement.arms if arm.errors]
    if failed:
        yield f"Searches failed for {_named(failed)}; they are not in the percentiles."
    behind = [arm.name for arm in measurement.arms if falls_behind(arm)]
    if behind:
        yield (
            f"Less than {ACHIEVED:.0%} of the offered rate was answered by {_named(behind)}: a "
            "queue grew, and the latencies would grow with the length of the run."
        )


def generator_late(arm: ArmResult) -> bool:
    """Whether the generator's own lateness is a part of the p99 that it measured."""
    late_ms = lag_p99_ms(arm)
    own_ms = percentile_ms(decode(each.latencies for each in arm.slices), 99)
    return late_ms > max(LATE_MS, LATE_SHARE * own_ms)


def lag_p99_ms(arm: ArmResult) -> float:
    """How late the generator was at p99."""
    return percentile_ms(decode(each.lags for each in arm.slices), 99)


def generator_share(arm: ArmResult) -> float:
    """Share of a core that the busiest generator used."""
    uses = (use.cpu_s for use in arm.processes() if use.role == "generator")
    return max(uses, default=0.0) / max(1e-9, arm.seconds)


def falls_behind(arm: ArmResult) -> bool:
    """Whether an arm does not keep up with the rate offered."""
    return arm.achieved_hz < ACHIEVED * arm.offered_hz


def _named(names: list[str]) -> str:
    return ", ".join(names)
