"""A short run of everything, which looks at what must always hold, and never at times."""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware_benchmarks.arms import ArmSpec, Nginx, Proxy, Scenario
from qrmiddleware_benchmarks.generators import Generators, generators
from qrmiddleware_benchmarks.histogram import decode
from qrmiddleware_benchmarks.knee import find_knees
from qrmiddleware_benchmarks.measure import EMBEDDED, Setup, measure, standing, upstreams_of
from qrmiddleware_benchmarks.overload import OVERLOAD, Sweep, overload
from qrmiddleware_benchmarks.processes import Tell
from qrmiddleware_benchmarks.results import ArmResult, Result, read_result, write_result
from qrmiddleware_benchmarks.scenarios import (
    DIRECT,
    PASSTHROUGH,
    RULES_PIPELINE,
    SCENARIOS,
)
from qrmiddleware_benchmarks.searches import QUERIES
from qrmiddleware_benchmarks.sections import scenario as section
from qrmiddleware_benchmarks.turns import Course

COURSE: Final = Course(
    rounds=1, slice_s=0.3, warmup_s=0.1, rate_hz=80, connections=16, generators=2, zipf=1
)
_KEPT_UP: Final = (0.05, 1.5)
"""Answered over offered a second: a machine may lag by seconds, but nothing may be made up."""
_PATIENT_MS: Final = 1_000
"""Plugins with less time than this may be late on a busy machine though nothing is broken."""
_FEW_SOCKETS: Final = 64
_KNEE_MS: Final = 10_000.0
_PRODUCTS: Final = 200


def smoke(
    first_port: int, tell: Tell, scenarios: Iterable[Scenario] = tuple(SCENARIOS.values())
) -> list[str]:
    """Run every scenario for a moment, search for a knee, and offer too much.

    Elasticsearch is stood in for by the embedded engine, with products made up here.

    Returns:
        What does not hold, in whole sentences.
    """
    problems: list[str] = []
    with tempfile.TemporaryDirectory(prefix="qrm-bench-") as name:
        folder = Path(name)
        setup = Setup(
            first_port=first_port,
            tell=tell,
            catalogue=_catalogue(folder / "products.jsonl"),
            engine=EMBEDDED,
            smoke=True,
        )
        with generators(COURSE.generators, COURSE.connections) as load:
            for scenario in shortened(scenarios):
                result = measure(scenario, COURSE, setup, load)
                problems += check(scenario, result)
                problems += _check_kept(result, folder)
            problems += _check_knee(setup, load)
        problems += check_overload(setup)
    return problems


def shortened(scenarios: Iterable[Scenario]) -> Iterator[Scenario]:
    """Leave out the arms that were run before an upstream of the same kind already.

    The first arm of a scenario always stays; of the proxies before a real engine, the first and
    the last.
    """
    seen: list[tuple[bool, ArmSpec]] = []
    for scenario in scenarios:
        constant = bool(scenario.sizes_bytes)
        first = next(iter(scenario.arms))
        arms = {
            name: spec
            for name, spec in scenario.arms.items()
            if name == first or (constant, spec) not in seen
        }
        seen += [(constant, spec) for spec in arms.values()]
        proxies = [name for name, spec in arms.items() if isinstance(spec.front, Proxy)]
        skipped = () if constant else proxies[1:-1]
        kept = {name: spec for name, spec in arms.items() if name not in skipped}
        yield replace(scenario, arms=kept)


def check(scenario: Scenario, result: Result) -> Iterator[str]:
    """Yield what does not hold of a result, in whole sentences."""
    for measurement in result.measurements:
        for arm in measurement.arms:
            where = f"{scenario.name}, {arm.name}"
            for holds, problem in _invariants(scenario.arms[arm.name], arm):
                if not holds:
                    yield f"{where}: {problem}"


def _invariants(spec: ArmSpec, arm: ArmResult) -> Iterator[tuple[bool, str]]:
    share = arm.achieved_hz / arm.offered_hz if arm.sent else 0.0
    timed = int(decode(each.latencies for each in arm.slices).sum())
    noticed = int(decode(each.lags for each in arm.slices).sum())
    roles = {use.role for use in arm.processes()}
    yield arm.sent > 0, "nothing was sent"
    yield arm.errors == 0, f"{arm.errors} of {arm.sent} searches failed"
    yield timed == arm.answered, f"{timed} latencies of {arm.answered} answered searches"
    yield noticed == arm.sent, f"{noticed} due times of {arm.sent} searches"
    yield _KEPT_UP[0] <= share <= _KEPT_UP[1], f"{share:.0%} of the offered rate was answered"
    if spec.degrades:
        yield arm.degraded_share > 0, "a plugin is broken, and no search says so"
    elif not _is_hurried(spec):
        skipped = f"{arm.degraded_share:.1%} of searches went without a plugin"
        yield arm.degraded_share == 0, f"{skipped} though nothing is broken: {arm.counters()}"
    yield "generator" in roles, "the load generator's cost is not in the result"
    if isinstance(spec.front, Proxy | Nginx):
        yield "arm" in roles, "the cost of its processes is not in the result"
    if isinstance(spec.front, Proxy) and (spec.front.pipeline or {}).get("rewriters"):
        yield bool(arm.counters()), "it has counted no plugin call"


def _is_hurried(spec: ArmSpec) -> bool:
    pipeline = (spec.front.pipeline or {}) if isinstance(spec.front, Proxy) else {}
    return bool(pipeline.get("timeout_ms", _PATIENT_MS) < _PATIENT_MS)


def _check_kept(result: Result, folder: Path) -> Iterator[str]:
    path = folder / f"{result.scenario}.json"
    write_result(result, path)
    if read_result(path) != result:
        yield f"{result.scenario}: the kept result reads differently"
    lines = section(path, folder / "pictures")
    if not any(line.startswith("## ") for line in lines):
        yield f"{result.scenario}: no section was written"


def _check_knee(setup: Setup, load: Generators) -> Iterator[str]:
    scenario = replace(PASSTHROUGH, arms={DIRECT: PASSTHROUGH.arms[DIRECT]})
    course = replace(COURSE, slice_s=0.1, warmup_s=0.0)
    with (
        next(upstreams_of(scenario, setup)) as upstream,
        standing(scenario, setup, upstream, new=0) as arms,
    ):
        (curve,) = find_knees(arms, load, course, p99_ms=_KNEE_MS, advance=setup.tell)
    if not curve.points:
        yield "knee: no step was made"
    if any(each.slice.errors for each in curve.points):
        yield "knee: searches failed"


def check_overload(setup: Setup) -> Iterator[str]:
    """Yield what does not hold of a proxy that takes few requests on and is offered many."""
    limits = {"max_in_pipelines": 2, "max_under_way": 4}
    few = ArmSpec(front=Proxy(pipeline=RULES_PIPELINE, limits=limits), degrades=True)
    sweep = Sweep(rounds=1, slice_s=0.5, warmup_s=0, shares=(0.5, 3.0), probe_s=1.0, rest_s=0)
    found = overload(
        replace(OVERLOAD, arms={"few": few}),
        sweep,
        deadline_ms=1_000,
        processes=COURSE.generators,
        first_port=setup.first_port,
        tell=setup.tell,
    )
    (arm,) = found.arms
    light, heavy = arm.levels
    yield from (
        f"overload: {problem}"
        for holds, problem in (
            (light.slice.answered > 0, "nothing is answered at half of the load"),
            (heavy.slice.answered > 0, "nothing is answered at too much load"),
            (not light.lost + heavy.lost, "searches were neither answered nor refused"),
            (heavy.slice.refused > 0, "nothing was refused"),
            (arm.after.descriptors < arm.before.descriptors + _FEW_SOCKETS, "sockets are left"),
        )
        if not holds
    )


def _catalogue(path: Path) -> Path:
    lines = [
        msgspec.json.encode(
            {
                "id": str(number),
                "title": f"{QUERIES[number % len(QUERIES)]} {number}",
                "brand": ("acme", "nova")[number % 2],
                "description": f"{QUERIES[(number + 7) % len(QUERIES)]} of good quality",
            }
        )
        for number in range(_PRODUCTS)
    ]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path
