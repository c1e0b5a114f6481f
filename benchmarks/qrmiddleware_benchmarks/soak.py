"""Memory of the proxy under load, over minutes."""

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import msgspec
import numpy as np

from qrmiddleware_benchmarks.fronts import HOST, RULES, pipelines_by_arm, proxy
from qrmiddleware_benchmarks.load import Target, drive
from qrmiddleware_benchmarks.processes import usage
from qrmiddleware_benchmarks.scenario import Tell
from qrmiddleware_benchmarks.schedule import due_times_s
from qrmiddleware_benchmarks.searches import QUERIES, search_requests
from qrmiddleware_benchmarks.upstreams import INDEX, constant_upstream

_SAMPLE_S = 5.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a few seconds of load left behind.

    Attributes:
        minute: Since the start.
        rss_bytes: Of the proxy.
        searches: Answered with 200.
        errors: Answered otherwise, or not at all.
        p99_ms: From due to answered.
    """

    minute: float
    rss_bytes: int
    searches: int
    errors: int
    p99_ms: float


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
    """Load the proxy and watch its memory."""
    requests = search_requests(QUERIES, index=INDEX)
    samples: list[Sample] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="qrm-bench-")))
        stack.enter_context(constant_upstream(first_port, size_bytes))
        upstream = f"http://{HOST}:{first_port}"
        rules = pipelines_by_arm(folder, QUERIES)[RULES]
        pid = stack.enter_context(proxy(folder, first_port + 1, upstream, rules))
        spawn = multiprocessing.get_context("spawn")
        generator = stack.enter_context(ProcessPoolExecutor(1, mp_context=spawn))
        target = Target(HOST, first_port + 1, requests)
        start_s = monotonic()
        while (minute := (monotonic() - start_s) / 60) < minutes:
            due_s = due_times_s(
                rate_hz=rate_hz, seconds=_SAMPLE_S, arrivals="poisson", seed=len(samples)
            )
            slice_ = generator.submit(drive, target, due_s.tolist(), connections=128).result()
            samples.append(
                Sample(
                    minute=round(minute, 3),
                    rss_bytes=usage([pid]).rss_bytes,
                    searches=len(slice_.latencies_ns),
                    errors=slice_.errors,
                    p99_ms=round(float(np.percentile(slice_.latencies_ns, 99)) / 1e6, 3),
                )
            )
            tell(f"minute {minute:.1f}: {samples[-1].rss_bytes / 1e6:.1f} MB")
    return Soak(datetime.now(UTC).date().isoformat(), rate_hz, size_bytes, tuple(samples))


def write_soak(found: Soak, path: Path) -> None:
    """Write JSON that ``read_soak`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(found) + b"\n")


def read_soak(path: Path) -> Soak:
    """Read what ``write_soak`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Soak)
