"""How many searches a second a system answers in time: the rate is raised until it does not."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware_benchmarks.doubts import ACHIEVED, GENERATOR_BUSY
from qrmiddleware_benchmarks.fronts import Arm
from qrmiddleware_benchmarks.generators import Generators
from qrmiddleware_benchmarks.histogram import decode
from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.results import ResultError, SliceResult, load_result
from qrmiddleware_benchmarks.statistics import percentile_ms
from qrmiddleware_benchmarks.turns import Course

FORMAT: Final = 2
_SHARES: Final = (0.1, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.3)
"""Steps up, as shares of what a closed loop achieves."""
_PRECISE: Final = 1.05
"""The search ends when the lowest rate that fails is no more than this times the knee."""
_LOWEST_HZ: Final = 1.0
_AGAIN: Final = 2
"""A rate that fails is tried so often again, and holds if it does each time."""
_PROBE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """One step: a rate, and what came of it."""

    rate_hz: float
    slice: SliceResult

    @property
    def achieved_share(self) -> float:
        """Answered a second over offered a second."""
        offered_hz = self.slice.sent / max(1e-9, self.slice.due_s)
        return self.slice.answered / max(1e-9, self.slice.seconds) / offered_hz

    @property
    def generator_share(self) -> float:
        """Share of a core that the busiest generator used."""
        uses = (use.cpu_s for use in self.slice.processes if use.role == "generator")
        return max(uses, default=0.0) / max(1e-9, self.slice.seconds)

    def percentile_ms(self, percentile: float) -> float:
        """Return a percentile of its latencies."""
        return percentile_ms(decode([self.slice.latencies]), percentile)

    def holds(self, p99_ms: float) -> bool:
        """Whether the system keeps up, without errors, and answers in time."""
        return (
            not self.slice.errors
            and self.achieved_share >= ACHIEVED
            and self.percentile_ms(99) <= p99_ms
        )


@dataclass(frozen=True, slots=True)
class Step:
    """All tries at one rate."""

    rate_hz: float
    tries: tuple[Point, ...]

    def holds(self, p99_ms: float) -> bool:
        """Whether more tries held than failed: one stall of the machine is no knee."""
        held = sum(each.holds(p99_ms) for each in self.tries)
        return held > len(self.tries) - held

    @property
    def typical(self) -> Point:
        """The try in the middle, by its p99."""
        ordered = sorted(self.tries, key=lambda each: each.percentile_ms(99))
        return ordered[len(ordered) // 2]


@dataclass(frozen=True, slots=True)
class ArmCurve:
    """One arm's points, in the order in which they were measured."""

    name: str
    points: tuple[Point, ...]

    def steps(self) -> list[Step]:
        """Gather the tries at each rate, the rates ascending."""
        rates_hz = sorted({each.rate_hz for each in self.points})
        return [
            Step(rate_hz, tuple(each for each in self.points if each.rate_hz == rate_hz))
            for rate_hz in rates_hz
        ]

    def knee(self, p99_ms: float) -> Step | None:
        """Return the highest rate that held below the lowest that did not."""
        held = list(takewhile(lambda step: step.holds(p99_ms), self.steps()))
        return held[-1] if held else None

    def generator_limited(self, p99_ms: float) -> bool:
        """Whether the load generator, not the system, may be what gave in."""
        failing = dropwhile(lambda step: step.holds(p99_ms), self.steps())
        return any(each.generator_share > GENERATOR_BUSY for step in failing for each in step.tries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Knee:
    """One search for the knees of several arms.

    Attributes:
        format: Of this file.
        scenario: Whose arms.
        upstream: What answers, for people.
        date: When, in UTC, ISO 8601.
        smoke: Whether the steps were too short to mean anything.
        p99_ms: The latency at p99 that is still in time.
        step_s: Length of a step.
        machine: Where.
        arms: In the order of the scenario.
    """

    format: int = FORMAT
    scenario: str
    upstream: str
    date: str
    smoke: bool
    p99_ms: float
    step_s: float
    machine: Machine
    arms: tuple[ArmCurve, ...]


def find_knees(
    arms: Sequence[Arm],
    generators: Generators,
    course: Course,
    *,
    p99_ms: float,
    advance: Callable[[str], None],
) -> tuple[ArmCurve, ...]:
    """Search the knee of one arm after the other.

    Args:
        arms: Whose knees.
        generators: Make the load.
        course: Length of a step and of its warm-up, and kind of schedule; its rate and rounds
            are of no account here.
        p99_ms: The latency at p99 that is still in time.
        advance: Is told each arm's name as its turn comes.
    """
    curves = []
    for arm in arms:
        advance(arm.name)
        with arm.serving():
            guess_hz = generators.saturate(arm.target, min(_PROBE_S, course.slice_s))
            climb = _Climb(arm, generators, course, p99_ms, [])
            climb.search(guess_hz)
        curves.append(ArmCurve(arm.name, tuple(climb.points)))
    return tuple(curves)


@dataclass(frozen=True, slots=True)
class _Climb:
    arm: Arm
    generators: Generators
    course: Course
    p99_ms: float
    points: list[Point]

    def search(self, guess_hz: float) -> None:
        """Step up until a rate fails, then halve what lies between."""
        good_hz, bad_hz = self._bracket(guess_hz)
        while good_hz and bad_hz / good_hz > _PRECISE:
            middle_hz = (good_hz * bad_hz) ** 0.5
            if self._holds(middle_hz):
                good_hz = middle_hz
            else:
                bad_hz = middle_hz

    def _bracket(self, guess_hz: float) -> tuple[float, float]:
        """Return the highest step that held (0 if none) and the lowest that did not."""
        good_hz = 0.0
        for rate_hz in self._steps(guess_hz):
            if not self._holds(rate_hz):
                bad_hz = rate_hz
                break
            good_hz = rate_hz
        else:
            return good_hz, good_hz
        while not good_hz and bad_hz > _LOWEST_HZ:
            if self._holds(bad_hz / 2):
                good_hz = bad_hz / 2
            else:
                bad_hz /= 2
        return good_hz, bad_hz

    def _steps(self, guess_hz: float) -> Iterator[float]:
        for share in _SHARES:
            yield max(_LOWEST_HZ, share * guess_hz)

    def _holds(self, rate_hz: float) -> bool:
        if self._try(rate_hz, 0).holds(self.p99_ms):
            return True
        again = range(1, _AGAIN + 1)
        return all(self._try(rate_hz, number).holds(self.p99_ms) for number in again)

    def _try(self, rate_hz: float, number: int) -> Point:
        plan = self.course.plan(self.arm, rate_hz, number)
        load = self.generators.drive(self.arm.target, plan)
        self.points.append(Point(rate_hz, load_result(load)))
        return self.points[-1]


def read_knee(path: Path) -> Knee:
    """Read what was kept of a search.

    Raises:
        ResultError: If the file holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Knee)
    except msgspec.MsgspecError as error:
        message = f"{path}: no result of qrm-bench knee: {error}"
        raise ResultError(message) from error
