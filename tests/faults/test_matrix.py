"""Every row of the table of faults: what it promises holds."""

import asyncio

import pytest

from qrmiddleware_benchmarks.engines import EngineMissingError, require
from qrmiddleware_benchmarks.faults.cell import problems
from qrmiddleware_benchmarks.faults.matrix import CELLS
from qrmiddleware_benchmarks.faults.run import run_cell

ROWS = [
    pytest.param(cell, id=cell.name.replace(" ", "-"), marks=() if cell.quick else pytest.mark.slow)
    for cell in CELLS
]


@pytest.mark.parametrize("cell", ROWS)
def test_a_fault_costs_no_more_than_is_promised(cell, tmp_path, keep, required):
    for engine in cell.engines:
        try:
            require(engine, fetch=required)
        except EngineMissingError as error:
            pytest.skip(f"needs {engine}: {error}")

    outcome = asyncio.run(run_cell(cell, tmp_path))

    keep(outcome)
    assert problems(cell, outcome) == []
