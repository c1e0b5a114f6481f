"""Runs a scenario: starts upstream and arms, checks their answers, and drives them in turns."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Final

import psutil

from qrmiddleware_benchmarks.answers import check_answers
from qrmiddleware_benchmarks.arms import Proxy, Scenario, Url
from qrmiddleware_benchmarks.fronts import Arm, Asked, arms_before, proxy
from qrmiddleware_benchmarks.generators import Generators, generators
from qrmiddleware_benchmarks.machine import describe_machine, nginx_version, ticks, today
from qrmiddleware_benchmarks.processes import Part, Tell
from qrmiddleware_benchmarks.results import ArmResult, Measurement, Result, slice_result
from qrmiddleware_benchmarks.searches import QUERIES, new_queries, search_body
from qrmiddleware_benchmarks.turns import Course, take_turns
from qrmiddleware_benchmarks.upstreams import (
    Upstream,
    constant_upstream,
    engine_upstream,
    fill,
)

_PROBED = 20
"""New queries that are kept for looking at answers, and not asked again under load."""
EMBEDDED: Final = "embedded"
_BETWEEN_S: Final = 0.2
"""From one slice to the next."""
_LOOK_S: Final = 1.0
"""How long the machine is watched before a run, for what others do on it."""
_START_S: Final = 1.5
"""Until an arm answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """Where and with what to measure.

    Attributes:
        first_port: This port and some dozens after it are used.
        tell: Takes lines about the progress.
        queries: That are asked.
        queries_name: What they are, for people.
        body: Writes the search body for a query.
        catalogue: For a real engine; see ``upstreams.fill``.
        engine: ``elasticsearch``, ``opensearch`` or ``embedded``.
        smoke: Whether the course is too short to mean anything.
    """

    first_port: int
    tell: Tell
    queries: Sequence[str] = QUERIES
    queries_name: str = f"{len(QUERIES)} made-up queries"
    body: Callable[[str], bytes] = search_body
    catalogue: Path | None = None
    engine: str = "elasticsearch"
    smoke: bool = False


def measure(
    scenario: Scenario, course: Course, setup: Setup, load: Generators | None = None
) -> Result:
    """Run a scenario before each of its upstreams.

    Args:
        scenario: What is compared.
        course: How long and how hard.
        setup: Where and with what.
        load: Generators that run already; some are started for this run without.
    """
    if load is None:
        with generators(course.generators, course.connections) as started:
            return measure(scenario, course, setup, started)
    background = psutil.cpu_percent(interval=0.1 if setup.smoke else _LOOK_S) / 100
    measurements = tuple(
        _measure(scenario, course, setup, upstream, load)
        for upstream in upstreams_of(scenario, setup)
    )
    return Result(
        scenario=scenario.name,
        question=scenario.question,
        queries=setup.queries_name,
        date=today(),
        smoke=setup.smoke,
        background=background,
        machine=describe_machine(further=nginx_version()),
        course=course,
        measurements=measurements,
    )


def duration_s(scenario: Scenario, course: Course) -> float:
    """Estimate how long a scenario takes, an engine's start and indexing not included."""
    turn_s = course.slice_s + course.warmup_s + _BETWEEN_S
    arms = len(scenario.arms)
    return max(1, len(scenario.sizes_bytes)) * arms * (_START_S + course.rounds * turn_s)


@contextmanager
def standing(
    scenario: Scenario, setup: Setup, upstream: Upstream, *, new: int
) -> Iterator[list[Arm]]:
    """Start all arms before an upstream, and look at their answers.

    Args:
        scenario: Which arms.
        setup: Where and with what.
        upstream: That answers by now.
        new: How many queries each arm will be asked that it never was asked before.
    """
    novel = new_queries(new + _PROBED)
    asked = Asked(setup.queries, novel, setup.body)
    ports = setup.first_port + 2
    with arms_before(upstream.port, scenario, asked, first_port=ports, tell=setup.tell) as arms:
        compared = check_answers(arms)
        setup.tell(f"{upstream.description}: {compared} answers of {len(arms)} arms are right")
        yield arms


def _measure(
    scenario: Scenario,
    course: Course,
    setup: Setup,
    starting: AbstractContextManager[Upstream],
    load: Generators,
) -> Measurement:
    rate_hz = course.rate_hz or scenario.rate_hz
    new = ceil(rate_hz * (course.slice_s + course.warmup_s)) * course.rounds
    with (
        starting as upstream,
        standing(scenario, setup, upstream, new=new if _asks_new(scenario) else 0) as arms,
    ):
        before = ticks()
        title = f"{scenario.name}, {upstream.description}"
        turns = take_turns(
            arms, upstream.part, course, rate_hz=rate_hz, generators=load, title=title
        )
        after = ticks()
    total_s = after.total_s - before.total_s
    return Measurement(
        upstream=upstream.description,
        rate_hz=rate_hz,
        busy=(after.busy_s - before.busy_s) / total_s,
        stolen=(after.stolen_s - before.stolen_s) / total_s,
        arms=tuple(ArmResult(name, tuple(map(slice_result, own))) for name, own in turns.items()),
    )


def _asks_new(scenario: Scenario) -> bool:
    return any(spec.queries == "new" for spec in scenario.arms.values())


def upstreams_of(scenario: Scenario, setup: Setup) -> Iterator[AbstractContextManager[Upstream]]:
    """Yield what each measurement of a scenario stands before, not started yet."""
    if scenario.sizes_bytes:
        sizes_bytes = scenario.sizes_bytes[:1] if setup.smoke else scenario.sizes_bytes
        yield from (constant_upstream(setup.first_port, size) for size in sizes_bytes)
    elif all(isinstance(spec.front, Url) for spec in scenario.arms.values()):
        yield nullcontext(Upstream("systems that ran already", 0, Part("upstream", ())))
    else:
        yield engine_before(setup)


@contextmanager
def engine_before(setup: Setup) -> Iterator[Upstream]:
    """Run the engine that was chosen, with the catalogue in it."""
    if setup.catalogue is None:
        message = "a real engine needs a catalogue"
        raise ValueError(message)
    if setup.engine != EMBEDDED:
        with engine_upstream(setup.engine, setup.first_port, setup.catalogue) as upstream:
            yield upstream
        return
    ports = (setup.first_port + 1,)
    with (
        tempfile.TemporaryDirectory(prefix="qrm-bench-") as folder,
        proxy(Path(folder), setup.first_port, "memory", Proxy(), ports) as running,
    ):
        count = fill(setup.first_port, setup.catalogue)
        pids = tuple(chain.from_iterable(part.pids for part in running.parts))
        yield Upstream(
            f"embedded engine, {count:,} products", setup.first_port, Part("upstream", pids)
        )
