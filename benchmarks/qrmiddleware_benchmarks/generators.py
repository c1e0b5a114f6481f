"""Load from several processes, which share one plan, and what they brought as one."""

import multiprocessing
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter_ns

import numpy as np

from qrmiddleware_benchmarks.load import Slice, Target, drive, ready, saturate
from qrmiddleware_benchmarks.processes import ProcessError
from qrmiddleware_benchmarks.schedule import Plan, needed

_LEAD_S = 0.1
"""From handing a plan over to its start: time for reading it."""
_EAGER = 32
"""Connections of a closed loop."""


@dataclass(frozen=True, slots=True)
class Load:
    """What all generators together brought in one slice.

    Attributes:
        latencies_ns: As in ``Slice``, of all.
        lags_ns: As in ``Slice``, of all.
        errors: Searches answered otherwise or not at all.
        degraded: Searches answered, but with something skipped.
        due_s: From the first search's due time to the last one's.
        seconds: From the first answer to the last, or as long as searches were due if that
            is longer: who keeps up needs no more than that.
        generators: What each one brought.
        refused: Errors with status 429.
    """

    latencies_ns: np.typing.NDArray[np.int64]
    lags_ns: np.typing.NDArray[np.int64]
    errors: int
    degraded: int
    due_s: float
    seconds: float
    generators: tuple[Slice, ...]
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Flight:
    """A slice of load under way."""

    counted_ns: int
    jobs: tuple[Future[Slice], ...]

    def wait_until_it_counts(self) -> None:
        """Sleep until the warm-up is over."""
        time.sleep(max(0.0, (self.counted_ns - perf_counter_ns()) / 1e9))

    def result(self) -> Load:
        """Wait for the last answer.

        Raises:
            ProcessError: If the target does not take connections.
        """
        try:
            return merged([job.result() for job in self.jobs])
        except OSError as error:
            message = f"the load generator has lost what it asks: {error}"
            raise ProcessError(message) from error


@dataclass(frozen=True, slots=True)
class Generators:
    """Load generators that wait for plans; each is a process of its own."""

    processes: tuple[ProcessPoolExecutor, ...]
    connections: int

    def start(self, target: Target, plan: Plan) -> Flight:
        """Hand a plan out; the generators begin at the same moment."""
        parts = plan.split(len(self.processes))
        each = max(1, self.connections // len(parts))
        handed = [needed(target.requests, part) for part in parts]
        start_ns = perf_counter_ns() + int(_LEAD_S * 1e9)
        jobs = [
            process.submit(
                drive,
                Target(target.host, target.port, requests),
                part,
                connections=each,
                start_ns=start_ns,
            )
            for process, (requests, part) in zip(self.processes, handed, strict=False)
        ]
        return Flight(start_ns + int(plan.counted_from_s * 1e9), tuple(jobs))

    def drive(self, target: Target, plan: Plan) -> Load:
        """Hand a plan out and wait for what it brings."""
        return self.start(target, plan).result()

    def saturate(self, target: Target, seconds: float) -> float:
        """Measure in a closed loop how many searches a second are answered at most."""
        jobs = [
            process.submit(
                saturate, target, seconds=seconds, connections=-(-_EAGER // len(self.processes))
            )
            for process in self.processes
        ]
        return sum(job.result() for job in jobs)


@contextmanager
def generators(processes: int, connections: int) -> Iterator[Generators]:
    """Start load generators, for as long as the block lasts.

    Args:
        processes: How many; more than one where one would be the bottleneck.
        connections: Most searches under way at a time, of all together.
    """
    spawn = multiprocessing.get_context("spawn")
    with ExitStack() as stack:
        pools = [
            stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn)) for _ in range(processes)
        ]
        for started in [pool.submit(ready) for pool in pools]:
            started.result()
        yield Generators(tuple(pools), connections)


def merged(slices: Sequence[Slice]) -> Load:
    """See what several generators brought as one."""
    due_ns = max(each.due_ns[1] for each in slices) - min(each.due_ns[0] for each in slices)
    answered = [each.answered_ns for each in slices if len(each.latencies_ns)]
    first_ns = min((first for first, _ in answered), default=0)
    last_ns = max((last for _, last in answered), default=0)
    return Load(
        latencies_ns=np.concatenate([each.latencies_ns for each in slices]),
        lags_ns=np.concatenate([each.lags_ns for each in slices]),
        errors=sum(each.errors for each in slices),
        degraded=sum(each.degraded for each in slices),
        due_s=due_ns / 1e9,
        seconds=max(due_ns, last_ns - first_ns) / 1e9,
        generators=tuple(slices),
        refused=sum(each.refused for each in slices),
    )
