"""Plugins that misbehave."""

from typing import Final

from qrmiddleware_benchmarks.faults import acts
from qrmiddleware_benchmarks.faults.cell import Cell
from qrmiddleware_benchmarks.faults.promises import calls, without
from qrmiddleware_benchmarks.faults.proxy import Counted
from qrmiddleware_benchmarks.faults.scenes import with_plugin

PLUGINS: Final = (
    Cell(
        name="a plugin raises",
        what="every call of a rewriter raises",
        setting=with_plugin(),
        breaks=acts.mood("raises"),
        mends=acts.cheer_up,
        sees=without("faulty", "error", "open_circuit"),
        shows=without("faulty", "error"),
        counted=calls("faulty", "error"),
    ),
    Cell(
        name="a plugin sleeps",
        what="every call of a rewriter takes 2 s, of which one is waited for",
        setting=with_plugin(),
        breaks=acts.mood("sleeps"),
        mends=acts.cheer_up,
        sees=without("faulty", "timeout", "open_circuit", "saturated"),
        shows=without("faulty", "timeout"),
        counted=calls("faulty", "timeout"),
    ),
    Cell(
        name="a plugin returns rubbish",
        what="every call of a rewriter returns what its hook does not allow",
        setting=with_plugin(),
        breaks=acts.mood("rubbish"),
        mends=acts.cheer_up,
        sees=without("faulty", "error", "open_circuit"),
        shows=without("faulty", "error"),
        counted=calls("faulty", "error"),
        quick=False,
    ),
    Cell(
        name="a plugin blocks the interpreter",
        what="a call of a rewriter computes for 1 s and lets no other thread run",
        setting=with_plugin(),
        breaks=acts.mood("blocks"),
        mends=acts.nothing,
        sees=without("faulty", "timeout"),
        slow=0.8,
        counted=Counted("qrm_stage_seconds_sum", {"stage": "rewrite"}),
        grows=0.8,
    ),
)
