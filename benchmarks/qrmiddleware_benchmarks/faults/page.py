"""The table of faults that people read, written from the outcomes that were kept."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware_benchmarks.faults.cell import Cell, Outcome
from qrmiddleware_benchmarks.faults.matrix import CELLS
from qrmiddleware_benchmarks.faults.stream import WHOLE
from qrmiddleware_benchmarks.machine import Machine
from qrmiddleware_benchmarks.sections import machine_line

_LONG_S: Final = 0.7
_HEAD: Final = """\
| fault | clients see | counted as | recovered in |
|---|---|---|---:|"""
_WORDS: Final = {
    WHOLE: "200",
    f"{WHOLE} plain": "200, nothing rewritten",
    f"{WHOLE} partial": "200 with `_shards.failed`",
    "refused": "no connection",
    "broken off": "a connection that breaks off",
}


@dataclass(frozen=True, slots=True)
class Report:
    """A run of the whole table.

    Attributes:
        date: When, in UTC, ISO 8601.
        rate_hz: Searches a second, but for rows with real engines.
        machine: Where.
        busy: Processes that wanted to run, on average over the last minutes; more than there are
            cores slow down whatever starts.
        outcomes: Of every row, in order.
    """

    date: str
    rate_hz: float
    machine: Machine
    busy: float
    outcomes: tuple[Outcome, ...]


def write_report(report: Report, path: Path) -> None:
    """Write JSON that ``read_report`` reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")


def read_report(path: Path) -> Report:
    """Read what ``write_report`` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=Report)


def page(report: Report) -> str:
    """Write the table, and where it was measured."""
    outcomes = {outcome.cell: outcome for outcome in report.outcomes}
    rows = [_row(cell, outcomes[cell.name]) for cell in CELLS if cell.name in outcomes]
    searches = sum(outcome.searches for outcome in report.outcomes)
    lost = sum(outcome.lost for outcome in report.outcomes)
    return "\n".join(
        (
            (
                f"Run on {report.date} at {report.rate_hz:g} searches a second: {searches:,} "
                f"searches fell into the {len(rows)} faults, {lost or 'none'} of them lost. "
                f"{machine_line(report.machine)} The load average was {report.busy:.0f}."
            ),
            "",
            _HEAD,
            *rows,
        )
    )


def _row(cell: Cell, outcome: Outcome) -> str:
    passed = "never" if outcome.recovered_s is None else _seconds(outcome.recovered_s)
    seen = "; ".join(_seen(outcome))
    return f"| **{cell.name}**: {cell.what} | {seen} | `{cell.counted}` | {passed} |"


def _seen(outcome: Outcome) -> Iterator[str]:
    for saw, count in outcome.saw.items():
        words = _WORDS.get(saw)
        if words is None:
            status, _, degraded = saw.partition(" ")
            words = f"{status}, `{degraded}`" if degraded else status
        yield f"{words} ({count})"
    if outcome.asked_again:
        yield f"asked again, all are answered ({outcome.asked_again})"
    if outcome.slowest_s >= _LONG_S:
        yield f"up to {outcome.slowest_s:.1f} s"


def _seconds(seconds: float) -> str:
    return "at once" if seconds == 0 else f"{max(seconds, 0.1):.1f} s"
