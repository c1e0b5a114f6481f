"""The questions that ``qrm-bench run`` answers."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil

from qrmiddleware_benchmarks.fronts import arms_before
from qrmiddleware_benchmarks.machine import describe_machine, nginx_version, ticks
from qrmiddleware_benchmarks.report import Measurement, Report, arm_reports
from qrmiddleware_benchmarks.scenario import Course, Tell, take_turns
from qrmiddleware_benchmarks.searches import QUERIES, search_requests
from qrmiddleware_benchmarks.upstreams import INDEX, constant_upstream, elasticsearch

PASSTHROUGH = "What does the proxy cost, compared with no proxy and with nginx?"
SEARCH = "What does the proxy cost in front of Elasticsearch with a real catalogue?"
_DISTRIBUTIONS = ("qrmiddleware", "uvicorn", "uvloop", "httptools", "aiohttp", "elastic-transport")


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how to measure.

    Attributes:
        course: How long and how hard.
        first_port: This port and the dozen after it are used.
        smoke: Whether the course is too short to mean anything.
        tell: Takes lines about the progress.
    """

    course: Course
    first_port: int
    smoke: bool
    tell: Tell

    def passthrough(self, sizes_bytes: Sequence[int]) -> Report:
        """Measure all arms before a constant upstream, for answers of each size."""
        background = psutil.cpu_percent(interval=2) / 100
        measurements = tuple(
            self._measure(constant_upstream(self.first_port, size_bytes), QUERIES)
            for size_bytes in sizes_bytes
        )
        return self._report("passthrough", PASSTHROUGH, background, measurements)

    def search(self, catalogue: Path, queries: Sequence[str]) -> Report:
        """Measure all arms before Elasticsearch with this catalogue, asked these queries."""
        background = psutil.cpu_percent(interval=2) / 100
        measurements = (self._measure(elasticsearch(self.first_port, catalogue), queries),)
        return self._report("search", SEARCH, background, measurements)

    def _measure(
        self, upstream: AbstractContextManager[str], queries: Sequence[str]
    ) -> Measurement:
        requests = search_requests(queries, index=INDEX)
        with (
            upstream as name,
            arms_before(self.first_port, requests, queries, first_port=self.first_port + 1) as arms,
        ):
            self.tell(name)
            before = ticks()
            harvests = take_turns(arms, self.course, self.tell)
            after = ticks()
        total_s = after.total_s - before.total_s
        return Measurement(
            upstream=name,
            rate_hz=harvests.rate_hz,
            busy=(after.busy_s - before.busy_s) / total_s,
            stolen=(after.stolen_s - before.stolen_s) / total_s,
            arms=arm_reports(harvests),
        )

    def _report(
        self,
        scenario: str,
        question: str,
        background: float,
        measurements: tuple[Measurement, ...],
    ) -> Report:
        return Report(
            scenario=scenario,
            question=question,
            date=datetime.now(UTC).date().isoformat(),
            smoke=self.smoke,
            background=background,
            machine=describe_machine(_DISTRIBUTIONS, {"nginx": nginx_version()}),
            course=self.course,
            measurements=measurements,
        )
