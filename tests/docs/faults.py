"""The table of faults, as it was measured last."""

from pathlib import Path
from typing import Final

from qrmiddleware_benchmarks.faults.page import page, read_report

_REPORT: Final = Path(__file__).parents[2] / "benchmarks" / "results" / "fault-matrix.json"


def faults() -> str:
    """Show what every fault brought."""
    return page(read_report(_REPORT))
