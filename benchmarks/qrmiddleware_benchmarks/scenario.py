"""Runs the arms of a comparison in turns, and keeps what they brought."""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from qrmiddleware_benchmarks.load import Slice, Target, drive, saturate
from qrmiddleware_benchmarks.processes import usage
from qrmiddleware_benchmarks.schedule import Arrivals, due_times_s

Tell = Callable[[str], None]
_EAGER = 32


@dataclass(frozen=True, slots=True)
class Arm:
    """One way to the same answers.

    Attributes:
        name: As in the report.
        target: Who is asked what.
        pids: The processes between load and upstream, whose use of the machine is reported.
    """

    name: str
    target: Target
    pids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long and how hard the arms are driven.

    Attributes:
        rounds: Each arm has one slice a round, in an order drawn anew for every round.
        slice_s: Length of a slice that counts.
        warmup_s: Length of the one before it that does not.
        rate_hz: Searches a second for all arms; ``None`` for ``share`` of the saturation rate
            of the arm that saturates first.
        share: See ``rate_hz``.
        prelude_s: How long the first arm is driven before anything counts: engines on Java
            get faster for a while.
        saturation_s: Length of one probe of the saturation rate.
        arrivals: Kind of schedule.
        connections: Most searches under way at a time.
        seed: Of schedules and orders.
    """

    rounds: int = 12
    slice_s: float = 5.0
    warmup_s: float = 0.5
    rate_hz: float | None = None
    share: float = 0.5
    prelude_s: float = 0.0
    saturation_s: float = 2.0
    arrivals: Arrivals = "poisson"
    connections: int = 128
    seed: int = 1


@dataclass(slots=True)
class Harvest:
    """What one arm brought.

    Attributes:
        saturation_hz: Most searches a second, closed loop; 0 if it was not measured.
        slices: One a round.
        cpu_s: Processor time that the arm's own processes used in its slices.
        rss_bytes: Their memory at the end.
    """

    saturation_hz: float = 0.0
    slices: list[Slice] = field(default_factory=list)
    cpu_s: float = 0.0
    rss_bytes: int = 0


@dataclass(slots=True)
class Harvests:
    """What all arms brought at one rate; in the order of the arms."""

    rate_hz: float
    arms: dict[str, Harvest]


def take_turns(arms: Sequence[Arm], course: Course, tell: Tell) -> Harvests:
    """Find the rate, then drive one arm after the other, round after round.

    The load comes from a process of its own.
    """
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as generator:
        run = _Run(generator, course, {arm.name: Harvest() for arm in arms})
        if course.prelude_s:
            run.saturate(arms[0], course.prelude_s)
        rate_hz = course.rate_hz or run.find_rate(arms, tell)
        order = np.random.default_rng(course.seed)
        for number in range(course.rounds):
            tell(f"round {number + 1} of {course.rounds} at {rate_hz:.0f}/s")
            for place in order.permutation(len(arms)):
                run.take_turn(arms[place], rate_hz, number)
    return Harvests(rate_hz, run.harvests)


@dataclass(frozen=True, slots=True)
class _Run:
    generator: ProcessPoolExecutor
    course: Course
    harvests: dict[str, Harvest]

    def saturate(self, arm: Arm, seconds: float) -> float:
        probe = self.generator.submit(saturate, arm.target, seconds=seconds, connections=_EAGER)
        return probe.result()

    def find_rate(self, arms: Sequence[Arm], tell: Tell) -> float:
        for arm in (*arms, *arms):
            harvest = self.harvests[arm.name]
            probe_hz = self.saturate(arm, self.course.saturation_s)
            harvest.saturation_hz = max(harvest.saturation_hz, probe_hz)
        for name, harvest in self.harvests.items():
            tell(f"{name} saturates at {harvest.saturation_hz:.0f}/s")
        return self.course.share * min(each.saturation_hz for each in self.harvests.values())

    def take_turn(self, arm: Arm, rate_hz: float, number: int) -> None:
        seed = 1_000 * self.course.seed + number
        harvest = self.harvests[arm.name]
        self._drive(arm.target, rate_hz, self.course.warmup_s, seed)
        before = usage(arm.pids)
        harvest.slices.append(self._drive(arm.target, rate_hz, self.course.slice_s, seed))
        after = usage(arm.pids)
        harvest.cpu_s += after.cpu_s - before.cpu_s
        harvest.rss_bytes = after.rss_bytes

    def _drive(self, target: Target, rate_hz: float, seconds: float, seed: int) -> Slice:
        due_s = due_times_s(
            rate_hz=rate_hz, seconds=seconds, arrivals=self.course.arrivals, seed=seed
        )
        job = self.generator.submit(
            drive, target, due_s.tolist(), connections=self.course.connections
        )
        return job.result()
