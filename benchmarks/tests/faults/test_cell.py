"""What was promised is held against what came of it."""

from dataclasses import replace

import pytest

from qrmiddleware_benchmarks.faults.cell import Cell, Outcome, problems
from qrmiddleware_benchmarks.faults.proxy import Counted


async def nothing(_scene):
    pass


CELL = Cell(
    name="a plugin raises",
    what="it raises",
    setting=nothing,
    breaks=nothing,
    mends=nothing,
    sees=frozenset({"200 faulty=error"}),
    shows=frozenset({"200 faulty=error"}),
    slow=0.5,
    counted=Counted("qrm_plugin_calls_total", {"outcome": "error"}),
)
KEPT = Outcome(
    cell="a plugin raises",
    searches=50,
    saw={"200": 40, "200 faulty=error": 10},
    lost=0,
    asked_again=0,
    slowest_s=0.6,
    grew=10,
    recovered_s=1.0,
)


def test_a_promise_that_was_kept_is_no_problem():
    assert problems(CELL, KEPT) == []


@pytest.mark.parametrize(
    ("came", "problem"),
    [
        ({"saw": {"200 faulty=error": 1, "500": 1}}, "clients saw 500"),
        ({"saw": {"200": 50}}, "none saw it"),
        ({"slowest_s": 0.1}, "none waited longer than 0.10 s"),
        ({"lost": 2}, "2 searches lost of 50"),
        ({"grew": 0}, 'qrm_plugin_calls_total{outcome="error"} grew by 0 only'),
        ({"recovered_s": 9.0}, "all was as before after 9.0 s, not 5"),
        ({"recovered_s": None}, "all was as before after None s, not 5"),
    ],
)
def test_one_that_was_not_is(came, problem):
    (found,) = problems(CELL, replace(KEPT, **came))

    assert problem in found
