"""Every row of the table of faults: what it promises holds."""

import asyncio

import pytest

from qrmiddleware_benchmarks.faults.cell import problems
from qrmiddleware_benchmarks.faults.matrix import CELLS
from qrmiddleware_benchmarks.faults.run import run_cell


pytestmark = pytest.mark.timeout(400)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name.replace(" ", "-"))
def test_a_fault_costs_no_more_than_is_promised(cell, tmp_path, kept):
    outcome = asyncio.run(run_cell(cell, tmp_path))

    print(outcome)
    kept(outcome)
    assert problems(cell, outcome) == []
