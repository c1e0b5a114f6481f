"""Memory, descriptors and threads of the proxy under load, over minutes."""

from dataclasses import dataclass
from math import ceil
from pathlib import Path
from time import monotonic

import msgspec
import numpy as np

from qrmiddleware_benchmarks.arms import ArmSpec, Proxy, Scenario
from qrmiddleware_benchmarks.fronts import Asked, arms_before
from qrmiddleware_benchmarks.generators import Load, generators
from qrmiddleware_benchmarks.histogram import count
from qrmiddleware_benchmarks.machine import today
from qrmiddleware_benchmarks.processes import Tell, Usage, together, usage
from qrmiddleware_benchmarks.progress import progress
from qrmiddleware_benchmarks.scenarios import RULES_PIPELINE
from qrmiddleware_benchmarks.schedule import Plan, due_times_s, in_turn
from qrmiddleware_benchmarks.searches import QUERIES, search_body
from qrmiddleware_benchmarks.statistics import percentile_ms
from qrmiddleware_benchmarks.upstreams import constant_upstream

_SAMPLE_S = 5.0
_CONNECTIONS = 128
_SOAK = Scenario(
    name="soak",
    question="Does it stay as large as it is under load?",
    meaning="",
    arms={"rules": ArmSpec(front=Proxy(pipeline=RULES_PIPELINE))},
    rate_hz=0,
)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a few seconds of load left behind.

    Attributes:
        minute: Since the start.
        rss_bytes: Of the proxy.
        searches: Answered with 200.
        errors: Answered otherwise, or not at all.
        p99_ms: From due to answered.
        descriptors: Files and sockets that the proxy has open.
        threads: Of the proxy.
    """

    minute: float
    rss_bytes: int
    searches: int
    errors: int
    p99_ms: float
    descriptors: int = 0
    threads: int = 0


@dataclass(frozen=True, slots=True)
class Soak:
    """A run of the proxy with ``rules`` under steady load.

    Attributes:
        date: When, in UTC, ISO 8601.
        rate_hz: Searches a second.
        size_bytes: Of the upstream's answers.
        samples: In order of time.
    """

    date: str
    rate_hz: float
    size_bytes: int
    samples: tuple[Sample, ...]

    @property
    def growth_mb_per_hour(self) -> float:
        """Slope of the memory over the second half, when everything has been seen once."""
        late = self.samples[len(self.samples) // 2 :]
        minutes = np.array([sample.minute for sample in late])
        megabytes = np.array([sample.rss_bytes for sample in late]) / 1e6
        return float(np.polyfit(minutes, megabytes, 1)[0]) * 60 if len(late) > 1 else 0.0


def soak(*, minutes: float, rate_hz: float, size_bytes: int, first_port: int, tell: Tell) -> Soak:
    """Load the proxy and watch what it holds."""
    asked = Asked(QUERIES, (), search_body)
    samples: list[Sample] = []
    with (
        constant_upstream(first_port, size_bytes) as upstream,
        arms_before(upstream.port, _SOAK, asked, first_port=first_port + 1, tell=tell) as (arm,),
        arm.serving() as running,
        generators(1, _CONNECTIONS) as load,
        progress("soak", ceil(minutes * 60 / _SAMPLE_S)) as advance,
    ):
        start_s = monotonic()
        while (minute := (monotonic() - start_s) / 60) < minutes:
            brought = load.drive(arm.target, _plan(rate_hz, len(samples)))
            used = together(each for part in running.parts for each in usage(part).values())
            samples.append(_sample(minute, used, brought))
            advance(f"{samples[-1].rss_bytes / 1e6:.1f} MB")
    return Soak(today(), rate_hz, size_bytes, tuple(samples))


def _plan(rate_hz: float, number: int) -> Plan:
    due_s = due_times_s(rate_hz=rate_hz, seconds=_SAMPLE_S, arrivals="poisson", seed=number)
    return Plan(due_s, in_turn(len(due_s), len(QUERIES)))


def _sample(minute: float, used: Usage, brought: Load) -> Sample:
    return Sample(
        minute=round(minute, 3),
        rss_bytes=used.rss_bytes,
        searches=len(brought.latencies_ns),
        errors=brought.errors,
        p99_ms=round(percentile_ms(count(brought.latencies_ns), 99), 3),
        descriptors=used.descriptors,
        threads=used.threads,
    )


def write_soak(found: Soak, path: Path) -> None:
    """Write JSON that ``read_soak`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(found) + b"\n")


def read_soak(path: Path) -> Soak:
    """Read what ``write_soak`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Soak)
