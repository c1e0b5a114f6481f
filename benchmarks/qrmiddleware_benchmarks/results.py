"""What a run has found: plain values that are kept as JSON, raw enough to be looked at anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware_benchmarks.generators import Load
from qrmiddleware_benchmarks.histogram import count, encode
from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.turns import Course, ProcessUse, Role, Turn, generator_uses

FORMAT: Final = 2


class ResultError(Exception):
    """A file holds no result that this version reads, or two results cannot be compared."""


@dataclass(frozen=True, slots=True)
class SliceResult:
    """One slice of one arm.

    Attributes:
        latencies: From due to answered in µs, an encoded HdrHistogram (V2).
        lags: How late the load generator noticed that a search was due; likewise.
        answered: Searches answered with 200; the count of ``latencies``.
        errors: Searches answered otherwise, or not at all.
        degraded: Searches answered with 200 that went without some plugin's opinion.
        due_s: From the first search's due time to the last one's.
        seconds: From the first answer to the last, or ``due_s`` if that is longer.
        processes: What each process used.
        counters: What the arm counted itself, warm-up included.
        refused: Errors with status 429.
    """

    latencies: str
    lags: str
    answered: int
    errors: int
    degraded: int
    due_s: float
    seconds: float
    processes: tuple[ProcessUse, ...] = ()
    counters: dict[str, float] = field(default_factory=dict[str, float])
    refused: int = 0

    @property
    def sent(self) -> int:
        """Searches that were due."""
        return self.answered + self.errors

    def cpu_s(self, role: Role) -> float:
        """Processor time of all processes in a role."""
        return sum(each.cpu_s for each in self.processes if each.role == role)


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One arm's slices, one a round."""

    name: str
    slices: tuple[SliceResult, ...]

    @property
    def answered(self) -> int:
        """Searches answered with 200."""
        return sum(each.answered for each in self.slices)

    @property
    def sent(self) -> int:
        """Searches that were due."""
        return sum(each.sent for each in self.slices)

    @property
    def errors(self) -> int:
        """Searches answered otherwise, or not at all."""
        return sum(each.errors for each in self.slices)

    @property
    def degraded_share(self) -> float:
        """Share of the answered searches that went without some plugin's opinion."""
        return sum(each.degraded for each in self.slices) / max(1, self.answered)

    @property
    def offered_hz(self) -> float:
        """Searches a second that were due."""
        return self.sent / max(1e-9, sum(each.due_s for each in self.slices))

    @property
    def achieved_hz(self) -> float:
        """Searches a second that were answered."""
        return self.answered / max(1e-9, sum(each.seconds for each in self.slices))

    def counters(self) -> Mapping[str, float]:
        """What the arm counted itself, over all slices and their warm-ups."""
        total: dict[str, float] = {}
        for each in self.slices:
            for name, value in each.counters.items():
                total[name] = total.get(name, 0) + value
        return total

    def processes(self) -> Sequence[ProcessUse]:
        """Processor time of each process over all slices, and its largest memory."""
        total: dict[tuple[Role, str], ProcessUse] = {}
        for use in (use for each in self.slices for use in each.processes):
            before = total.get((use.role, use.name), ProcessUse(use.role, use.name, 0.0, 0))
            total[use.role, use.name] = ProcessUse(
                use.role,
                use.name,
                before.cpu_s + use.cpu_s,
                max(before.rss_bytes, use.rss_bytes),
            )
        return list(total.values())

    @property
    def seconds(self) -> float:
        """Length of all slices together."""
        return sum(each.seconds for each in self.slices)


@dataclass(frozen=True, slots=True)
class Measurement:
    """All arms against one upstream at one rate.

    Attributes:
        upstream: What answers, for people.
        rate_hz: Searches a second, offered to each arm in its turn.
        busy: Share of the machine's processor time that was used, by all and everything.
        stolen: Share that the host took for others.
        arms: In order; the first is what the others are compared with.
    """

    upstream: str
    rate_hz: float
    busy: float
    stolen: float
    arms: tuple[ArmResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One run of a scenario.

    Attributes:
        format: Of this file.
        scenario: Name on the command line.
        question: What it answers.
        queries: What was asked, for people.
        date: When, in UTC, ISO 8601.
        smoke: Whether it was too short to mean anything.
        background: Share of processor time in use before the run began.
        machine: Where.
        course: How long and how hard.
        measurements: One an upstream.
    """

    format: int = FORMAT
    scenario: str
    question: str
    queries: str
    date: str
    smoke: bool
    background: float
    machine: Machine
    course: Course
    measurements: tuple[Measurement, ...]


def slice_result(turn: Turn) -> SliceResult:
    """Keep what one turn brought."""
    kept = load_result(turn.load)
    processes = (*turn.processes, *kept.processes)
    return replace(kept, processes=processes, counters=turn.counters)


def load_result(load: Load) -> SliceResult:
    """Keep what the load generators saw."""
    return SliceResult(
        latencies=encode(count(load.latencies_ns)),
        lags=encode(count(load.lags_ns)),
        answered=len(load.latencies_ns),
        errors=load.errors,
        degraded=load.degraded,
        due_s=round(load.due_s, 6),
        seconds=round(load.seconds, 6),
        processes=generator_uses(load),
        refused=load.refused,
    )


def write_result(result: object, path: Path) -> None:
    """Write JSON that ``read_result`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")


def read_result(path: Path) -> Result:
    """Read what ``write_result`` wrote.

    Raises:
        ResultError: If the file is not there, or holds something else.
    """
    try:
        raw = msgspec.json.decode(path.read_bytes())
        written = raw.get("format", 1)
        if written != FORMAT:
            message = (
                f"{path}: written in format {written}, this version reads {FORMAT}; measure anew "
                f"with: qrm-bench run {raw.get('scenario', '')}"
            )
            raise ResultError(message)
        return msgspec.convert(raw, Result)
    except OSError as error:
        message = f"{path}: {error.strerror or error}"
        raise ResultError(message) from error
    except (msgspec.MsgspecError, AttributeError) as error:
        message = f"{path}: no result of qrm-bench run: {error}"
        raise ResultError(message) from error
