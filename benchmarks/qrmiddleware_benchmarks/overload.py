"""What comes of searches when more of them come than can be answered: the rate is swept past it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any, Final

import msgspec
import psutil

from qrmiddleware_benchmarks.arms import ArmSpec, Proxy, Scenario
from qrmiddleware_benchmarks.fronts import Arm, Asked, Running, arms_before
from qrmiddleware_benchmarks.generators import Generators, generators
from qrmiddleware_benchmarks.histogram import bins_us, decode
from qrmiddleware_benchmarks.machine import Machine, describe_machine, today
from qrmiddleware_benchmarks.processes import Tell, together, usage
from qrmiddleware_benchmarks.progress import progress
from qrmiddleware_benchmarks.results import ResultError, SliceResult, load_result
from qrmiddleware_benchmarks.scenarios import FULL_PIPELINE, RULES_PIPELINE
from qrmiddleware_benchmarks.searches import QUERIES, search_body
from qrmiddleware_benchmarks.statistics import percentile_ms
from qrmiddleware_benchmarks.turns import Course
from qrmiddleware_benchmarks.upstreams import constant_upstream

FORMAT: Final = 1
SHARES: Final = (0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
"""Offered rates, as shares of what a closed loop achieves."""
CONNECTIONS: Final = 1_600
"""More than the proxy takes on at a time, or it would never be asked for too much."""
_LOOK_S: Final = 1.0
_REST_END_S: Final = 0.2
"""Of load after the rest: who asks again notices what has ended meanwhile."""
_UNBOUNDED: Final[dict[str, Any]] = {"max_under_way": 1_000_000, "max_in_pipelines": 1_000_000}
_ONLY_REFUSING: Final[dict[str, Any]] = {"max_in_pipelines": 1_000_000}

OVERLOAD: Final = Scenario(
    name="overload",
    question="What is still answered when more comes in than can be?",
    meaning="""\
Searches keep coming at rates up to twice what the proxy answers to a client that never asks more
than 32 at a time (100 %). Before it refuses any, it passes searches on without their pipeline
(`limits.max_in_pipelines`); then it refuses with 429 what is more than `limits.max_under_way`.
*never skipped* only refuses, *no bounds* takes everything on. What is answered, at all and in time,
is counted beside what can be answered, so that 100 % is a proxy that wastes nothing on what it
cannot do; it may be more, as a search without its pipeline costs less, and what *no bounds* answers
at all it answers when the load has ended.""",
    arms={
        "rules": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE)),
        "rules, never skipped": ArmSpec(
            front=Proxy(pipeline=RULES_PIPELINE, limits=_ONLY_REFUSING)
        ),
        "rules, no bounds": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE, limits=_UNBOUNDED)),
        "whole pipeline": ArmSpec(front=Proxy(pipeline=FULL_PIPELINE)),
        "whole pipeline, no bounds": ArmSpec(
            front=Proxy(pipeline=FULL_PIPELINE, limits=_UNBOUNDED)
        ),
    },
    rate_hz=0,
    sizes_bytes=(4_000,),
)


@dataclass(frozen=True, slots=True)
class Held:
    """What the processes of an arm hold at one moment.

    Attributes:
        rss_bytes: Memory.
        descriptors: Open files and sockets.
        threads: Running threads.
    """

    rss_bytes: int
    descriptors: int
    threads: int


@dataclass(frozen=True, slots=True)
class Level:
    """One slice of load at one rate.

    Attributes:
        share: Of what a closed loop achieved just before.
        rate_hz: Searches offered a second.
        slice: What came of them.
    """

    share: float
    rate_hz: float
    slice: SliceResult

    def goodput(self, deadline_ms: float) -> float:
        """Return how many searches are answered with 200, in time, beside what can be.

        In time is within ``deadline_ms`` of when they were due; what can be answered a second is
        what the closed loop achieved.
        """
        counts = decode([self.slice.latencies])[0]
        in_time = int(counts[bins_us() <= deadline_ms * 1_000].sum())
        return self.share * in_time / max(1, self.slice.sent)

    @property
    def answered(self) -> float:
        """How many searches are answered with 200, at any time, beside what can be."""
        return self.share * self.slice.answered / max(1, self.slice.sent)

    @property
    def refused_share(self) -> float:
        """Share of the searches that were refused with 429."""
        return self.slice.refused / max(1, self.slice.sent)

    @property
    def lost(self) -> int:
        """Searches answered with another status, or not at all."""
        return self.slice.errors - self.slice.refused

    @property
    def skipped_share(self) -> float:
        """Share of the answered searches that went without their pipeline."""
        return self.slice.degraded / max(1, self.slice.answered)

    def latency_ms(self, percent: float) -> float:
        """Return a percentile of the latencies of what was answered; 0 without any."""
        if not self.slice.answered:
            return 0.0
        return percentile_ms(decode([self.slice.latencies]), percent)

    @property
    def generator_share(self) -> float:
        """Share of a core that the busiest generator used."""
        uses = (use.cpu_s for use in self.slice.processes if use.role == "generator")
        return max(uses, default=0.0) / max(1e-9, self.slice.due_s)

    @property
    def lag_p99_ms(self) -> float:
        """How late the generators were at p99."""
        return percentile_ms(decode([self.slice.lags]), 99)


@dataclass(frozen=True, slots=True)
class ArmLevels:
    """One arm's levels.

    Attributes:
        name: Of the arm.
        levels: Rising, round after round.
        before: What it held before the first.
        after: What it held when it had rested after the last.
    """

    name: str
    levels: tuple[Level, ...]
    before: Held
    after: Held

    def by_share(self) -> list[tuple[Level, ...]]:
        """Gather the levels of all rounds at each share, the shares ascending."""
        shares = sorted({each.share for each in self.levels})
        return [tuple(each for each in self.levels if each.share == share) for share in shares]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overload:
    """One sweep.

    Attributes:
        format: Of this file.
        upstream: What answers, for people.
        date: When, in UTC, ISO 8601.
        background: Share of processor time in use before.
        deadline_ms: Answers after it are of no use.
        rounds: Sweeps an arm.
        slice_s: Length of a level.
        machine: Where.
        arms: In order.
    """

    format: int = FORMAT
    upstream: str
    date: str
    background: float
    deadline_ms: float
    rounds: int
    slice_s: float
    machine: Machine
    arms: tuple[ArmLevels, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """How an arm is swept.

    Attributes:
        rounds: Sweeps an arm.
        slice_s: Length of a level that counts.
        warmup_s: Length of the load before it, at the same rate.
        shares: Of the saturation rate.
        probe_s: Length of the closed loop before each climb.
        rest_s: Before what an arm holds is looked at again: kept connections end meanwhile.
    """

    rounds: int = 3
    slice_s: float = 3.0
    warmup_s: float = 1.0
    shares: Sequence[float] = SHARES
    probe_s: float = 2.0
    rest_s: float = 16.0

    @property
    def course(self) -> Course:
        """The load of one level."""
        return Course(slice_s=self.slice_s, warmup_s=self.warmup_s)


def overload(
    scenario: Scenario,
    sweep: Sweep,
    *,
    deadline_ms: float,
    processes: int,
    first_port: int,
    tell: Tell,
) -> Overload:
    """Sweep every arm of a scenario, one after the other.

    Args:
        scenario: Which arms; the first size of its upstream's answers is used.
        sweep: How.
        deadline_ms: Answers after it are of no use.
        processes: That make the load.
        first_port: This port and those after it are used.
        tell: Is told what is left out.
    """
    background = psutil.cpu_percent(interval=_LOOK_S) / 100
    asked = Asked(QUERIES, (), search_body)
    with (
        constant_upstream(first_port, scenario.sizes_bytes[0]) as upstream,
        arms_before(upstream.port, scenario, asked, first_port=first_port + 1, tell=tell) as arms,
        generators(processes, CONNECTIONS) as load,
        progress("overload", sweep.rounds * len(arms)) as advance,
    ):
        found = sweep_all(arms, load, sweep, advance)
        return Overload(
            upstream=upstream.description,
            date=today(),
            background=round(background, 3),
            deadline_ms=deadline_ms,
            rounds=sweep.rounds,
            slice_s=sweep.slice_s,
            machine=describe_machine(),
            arms=found,
        )


def sweep_all(
    arms: Sequence[Arm], load: Generators, sweep: Sweep, advance: Callable[[str], None]
) -> tuple[ArmLevels, ...]:
    """Offer each arm more and more, one arm after the other, round after round.

    Args:
        arms: Whose turns.
        load: Makes the load.
        sweep: How.
        advance: Is told of each arm's turn as it comes.
    """
    levels: list[list[Level]] = [[] for _ in arms]
    before: list[Held] = []
    with ExitStack() as stack:
        running = [stack.enter_context(arm.serving()) for arm in arms]
        for number in range(sweep.rounds):
            for place, arm in enumerate(arms):
                advance(f"round {number + 1}, {arm.name}")
                saturation_hz = load.saturate(arm.target, sweep.probe_s)
                if not number:
                    before.append(_held(running[place]))
                levels[place] += _climb(arm, load, sweep, saturation_hz, number)
        sleep(sweep.rest_s)
        for arm in arms:
            load.saturate(arm.target, _REST_END_S)
        after = map(_held, running)
        parts = zip(arms, levels, before, after, strict=True)
        return tuple(ArmLevels(arm.name, tuple(steps), *held) for arm, steps, *held in parts)


def _climb(
    arm: Arm, load: Generators, sweep: Sweep, saturation_hz: float, number: int
) -> Iterator[Level]:
    for share in sweep.shares:
        plan = sweep.course.plan(arm, share * saturation_hz, number)
        brought = load.drive(arm.target, plan)
        yield Level(share, share * saturation_hz, load_result(brought))


def _held(running: Running) -> Held:
    used = together(each for part in running.parts for each in usage(part).values())
    return Held(used.rss_bytes, used.descriptors, used.threads)


def read_overload(path: Path) -> Overload:
    """Read what was kept of a sweep.

    Raises:
        ResultError: If the file holds something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Overload)
    except msgspec.MsgspecError as error:
        message = f"{path}: no result of qrm-bench overload: {error}"
        raise ResultError(message) from error
