"""Drives the arms of a comparison in turns, and keeps what they brought."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from qrmiddleware_benchmarks.counters import counted, read_counters
from qrmiddleware_benchmarks.fronts import Arm
from qrmiddleware_benchmarks.generators import Generators, Load
from qrmiddleware_benchmarks.processes import Part, Usage, usage
from qrmiddleware_benchmarks.progress import progress
from qrmiddleware_benchmarks.schedule import Arrivals, Plan, by_zipf, due_times_s, in_turn

Role: TypeAlias = Literal["arm", "upstream", "generator"]
_FIRST_S = 1.0
"""Longest slice of an arm that is started anew before each of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long and how hard the arms are driven.

    Attributes:
        rounds: Each arm has one slice a round, in an order drawn anew for every round.
        slice_s: Length of a slice that counts.
        warmup_s: Length of the load before it that does not.
        rate_hz: Searches a second; ``None`` for the scenario's own rate.
        prelude_s: How long the first arm is driven before anything counts: engines on Java
            get faster for a while.
        arrivals: Kind of schedule.
        zipf: Exponent of the queries' frequencies; ``None`` to ask them in turn.
        connections: Most searches under way at a time.
        generators: Processes that make the load.
        seed: Of schedules, queries and orders.
    """

    rounds: int = 12
    slice_s: float = 3.0
    warmup_s: float = 0.5
    rate_hz: float | None = None
    prelude_s: float = 0.0
    arrivals: Arrivals = "poisson"
    zipf: float | None = None
    connections: int = 128
    generators: int = 1
    seed: int = 1

    def plan(self, arm: Arm, rate_hz: float, number: int) -> Plan:
        """Lay out an arm's slice in one round; all arms of a round are asked at the same times."""
        warmup_s = 0.0 if arm.spec.restarted else self.warmup_s
        slice_s = min(_FIRST_S, self.slice_s) if arm.spec.restarted else self.slice_s
        seed = 1_000 * self.seed + number
        due_s = due_times_s(
            rate_hz=rate_hz, seconds=warmup_s + slice_s, arrivals=self.arrivals, seed=seed
        )
        warmups = min(round(rate_hz * warmup_s), len(due_s) - 1)
        return Plan(due_s, self._picks(arm, len(due_s), number), warmups)

    def _picks(self, arm: Arm, count: int, number: int) -> np.typing.NDArray[np.int64]:
        queries = len(arm.target.requests)
        if arm.spec.queries == "new" or self.zipf is None:
            return in_turn(count, queries, first=number * count)
        return by_zipf(count, queries, exponent=self.zipf, seed=1_000 * self.seed + number)


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """What one process used in a slice.

    Attributes:
        role: Whether it belongs to the arm, the upstream or the load generator.
        name: For people.
        cpu_s: Processor time.
        rss_bytes: Memory at the end.
    """

    role: Role
    name: str
    cpu_s: float
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One slice of one arm.

    Attributes:
        load: What the generators saw.
        processes: What each process of the arm and the upstream used meanwhile.
        counters: What the arm counted itself, warm-up included.
    """

    load: Load
    processes: tuple[ProcessUse, ...]
    counters: dict[str, float]


def take_turns(
    arms: Sequence[Arm],
    upstream: Part,
    course: Course,
    *,
    rate_hz: float,
    generators: Generators,
    title: str,
) -> dict[str, list[Turn]]:
    """Drive one arm after the other, round after round.

    Args:
        arms: Who takes turns.
        upstream: The processes behind them all.
        course: How long and how hard.
        rate_hz: Searches a second, for each arm in its turn.
        generators: Make the load.
        title: Of the progress bar.

    Returns:
        The turns of each arm, one a round, by the arm's name and in the order of ``arms``.
    """
    turns: dict[str, list[Turn]] = {arm.name: [] for arm in arms}
    order = np.random.default_rng(course.seed)
    if course.prelude_s:
        generators.saturate(arms[0].target, course.prelude_s)
    with progress(title, course.rounds * len(arms)) as advance:
        for number in range(course.rounds):
            for place in order.permutation(len(arms)):
                arm = arms[place]
                advance(f"round {number + 1}, {arm.name}")
                plan = course.plan(arm, rate_hz, number)
                turns[arm.name].append(_take_turn(arm, upstream, plan, generators))
    return turns


def _take_turn(arm: Arm, upstream: Part, plan: Plan, generators: Generators) -> Turn:
    with arm.serving() as running:
        counters = read_counters(running.admin_ports)
        flight = generators.start(arm.target, plan)
        flight.wait_until_it_counts()
        before = _uses(running.parts, upstream)
        load = flight.result()
        after = _uses(running.parts, upstream)
        grown = counted(counters, read_counters(running.admin_ports))
    used = [
        ProcessUse(role, name, round(now.cpu_s - then.cpu_s, 3), now.rss_bytes)
        for (role, name), now in after.items()
        for then in (before.get((role, name), Usage(0, 0.0)),)
    ]
    return Turn(load, tuple(used), grown)


def _uses(parts: Sequence[Part], upstream: Part) -> dict[tuple[Role, str], Usage]:
    found: dict[tuple[Role, str], Usage] = {}
    for part in parts:
        found |= {("arm", name): used for name, used in usage(part).items()}
    return found | {("upstream", name): used for name, used in usage(upstream).items()}


def generator_uses(load: Load) -> tuple[ProcessUse, ...]:
    """Return what each load generator used."""
    return tuple(
        ProcessUse("generator", f"generator {number}", round(each.cpu_s, 3), each.rss_bytes)
        for number, each in enumerate(load.generators, 1)
    )
