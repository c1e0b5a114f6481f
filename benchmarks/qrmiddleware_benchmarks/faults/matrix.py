"""The table of faults: what happens, what clients may see, what is counted, how fast it passes."""

import signal
from typing import Final

from qrmiddleware_benchmarks.faults import acts, engine
from qrmiddleware_benchmarks.faults.cell import Cell
from qrmiddleware_benchmarks.faults.proxy import Counted
from qrmiddleware_benchmarks.faults.scenes import with_plugin, with_redis, with_table


def _calls(plugin: str, outcome: str) -> Counted:
    return Counted("qrm_plugin_calls_total", {"plugin": plugin, "outcome": outcome})


def _without(plugin: str, *outcomes: str) -> frozenset[str]:
    return frozenset(f"200 {plugin}={outcome}" for outcome in outcomes)


PLUGINS: Final = (
    Cell(
        name="a plugin raises",
        what="every call of a rewriter raises",
        setting=with_plugin(),
        breaks=acts.mood("raises"),
        mends=acts.cheer_up,
        sees=_without("faulty", "error", "open_circuit"),
        shows=_without("faulty", "error"),
        counted=_calls("faulty", "error"),
    ),
    Cell(
        name="a plugin sleeps",
        what="every call of a rewriter takes 2 s, of which 0.5 s are waited for",
        setting=with_plugin(),
        breaks=acts.mood("sleeps"),
        mends=acts.cheer_up,
        sees=_without("faulty", "timeout", "open_circuit", "saturated"),
        shows=_without("faulty", "timeout"),
        counted=_calls("faulty", "timeout"),
    ),
    Cell(
        name="a plugin returns rubbish",
        what="every call of a rewriter returns what its hook does not allow",
        setting=with_plugin(),
        breaks=acts.mood("rubbish"),
        mends=acts.cheer_up,
        sees=_without("faulty", "error", "open_circuit"),
        shows=_without("faulty", "error"),
        counted=_calls("faulty", "error"),
    ),
    Cell(
        name="a plugin blocks the interpreter",
        what="a call of a rewriter computes for 1 s and lets no other thread run",
        setting=with_plugin(),
        breaks=acts.mood("blocks"),
        mends=acts.nothing,
        sees=_without("faulty", "timeout"),
        slow=0.8,
        counted=Counted("qrm_stage_seconds_sum", {"stage": "rewrite"}),
        grows=0.8,
    ),
)

REDIS: Final = (
    Cell(
        name="Redis is down",
        what="Redis, which holds the rewrite table, is killed; started and filled again later",
        setting=with_redis,
        breaks=acts.send(signal.SIGKILL),
        mends=acts.start_redis_and_fill,
        sees=_without("rewrite_table", "error", "open_circuit", "timeout"),
        shows=_without("rewrite_table", "error"),
        counted=_calls("rewrite_table", "error"),
        engines=("redis",),
    ),
    Cell(
        name="Redis does not answer",
        what="Redis is stopped (`SIGSTOP`), and goes on later",
        setting=with_redis,
        breaks=acts.send(signal.SIGSTOP),
        mends=acts.send(signal.SIGCONT),
        sees=_without("rewrite_table", "error", "open_circuit", "timeout", "saturated"),
        shows=_without("rewrite_table", "error", "timeout"),
        counted=_calls("rewrite_table", "error"),
        engines=("redis",),
    ),
    Cell(
        name="Redis is flushed",
        what="`FLUSHALL` under load; the table is imported again later",
        setting=with_redis,
        breaks=acts.flush_redis,
        mends=acts.fill_redis,
        lasts_s=2.5,
        sees=_without("rewrite_table", "error", "open_circuit", "timeout") | {"200 plain"},
        shows=_without("rewrite_table", "error"),
        counted=_calls("rewrite_table", "error"),
        engines=("redis",),
    ),
    Cell(
        name="Redis is restarted",
        what="Redis ends in order and starts again with its data",
        setting=with_redis,
        breaks=acts.restart_redis,
        mends=acts.nothing,
        sees=_without("rewrite_table", "error", "open_circuit", "timeout"),
        shows=_without("rewrite_table", "error"),
        counted=_calls("rewrite_table", "error"),
        engines=("redis",),
    ),
)

TABLES: Final = (
    Cell(
        name="the rewrite table is replaced",
        what="`qrm table import` over a table in use",
        setting=with_table(),
        breaks=acts.replace_table,
        mends=acts.nothing,
        counted=_calls("rewrite_table", "success"),
    ),
    Cell(
        name="the rewrite table is truncated",
        what="its SQLite file loses its second half; imported again later",
        setting=with_table(),
        breaks=acts.truncate_table,
        mends=acts.replace_table,
        lasts_s=2.5,
        sees=_without("rewrite_table", "error", "open_circuit"),
        shows=_without("rewrite_table", "error"),
        counted=_calls("rewrite_table", "error"),
    ),
    Cell(
        name="the rewrite table is corrupted",
        what="zeros all over its SQLite file; imported again later",
        setting=with_table(),
        breaks=acts.corrupt_table,
        mends=acts.replace_table,
        lasts_s=2.5,
        sees=_without("rewrite_table", "error", "open_circuit"),
        shows=_without("rewrite_table", "error"),
        counted=_calls("rewrite_table", "error"),
    ),
    Cell(
        name="the rewrite table is deleted",
        what="its SQLite file is gone; imported again later",
        setting=with_table(),
        breaks=acts.delete_table,
        mends=acts.replace_table,
        lasts_s=2.5,
        sees=_without("rewrite_table", "error", "open_circuit"),
        shows=_without("rewrite_table", "error"),
        counted=_calls("rewrite_table", "error"),
    ),
)

CELLS: Final = (*PLUGINS, *REDIS, *TABLES)
