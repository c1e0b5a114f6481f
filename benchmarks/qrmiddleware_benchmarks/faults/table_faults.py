"""What holds the rewrites: Redis, or a file."""

import signal
from typing import Final

from qrmiddleware_benchmarks.faults import acts
from qrmiddleware_benchmarks.faults.cell import Cell
from qrmiddleware_benchmarks.faults.promises import calls, without
from qrmiddleware_benchmarks.faults.proxy import Counted
from qrmiddleware_benchmarks.faults.scenes import with_redis, with_table

REDIS: Final = (
    Cell(
        name="Redis is down",
        what="Redis, which holds the rewrite table, is killed; started and filled again later",
        setting=with_redis,
        breaks=acts.send(signal.SIGKILL),
        mends=acts.start_redis_and_fill,
        sees=without("rewrite_table", "error", "open_circuit", "timeout"),
        shows=without("rewrite_table", "error"),
        counted=calls("rewrite_table", "error"),
        engines=("redis",),
    ),
    Cell(
        name="Redis does not answer",
        what="Redis is stopped (`SIGSTOP`), and goes on later",
        setting=with_redis,
        breaks=acts.send(signal.SIGSTOP),
        mends=acts.send(signal.SIGCONT),
        sees=without("rewrite_table", "error", "open_circuit", "timeout", "saturated"),
        shows=without("rewrite_table", "error", "timeout"),
        counted=calls("rewrite_table", "error"),
        engines=("redis",),
    ),
    Cell(
        name="Redis is slow",
        what=f"it answers now and then (`CLIENT PAUSE {acts.REDIS_PAUSE_MS}`, again and again)",
        setting=with_redis,
        breaks=acts.slow_redis,
        mends=acts.end_nuisance,
        sees=without("rewrite_table", "error", "open_circuit", "timeout"),
        slow=acts.REDIS_PAUSE_MS / 2_000,
        counted=Counted("qrm_stage_seconds_sum", {"stage": "rewrite"}),
        grows=0.5,
        engines=("redis",),
    ),
    Cell(
        name="Redis is flushed",
        what="`FLUSHALL` under load; the table is imported again later",
        setting=with_redis,
        breaks=acts.flush_redis,
        mends=acts.fill_redis,
        lasts_s=2.5,
        sees=without("rewrite_table", "error", "open_circuit", "timeout") | {"200 plain"},
        shows=without("rewrite_table", "error"),
        counted=calls("rewrite_table", "error"),
        engines=("redis",),
    ),
    Cell(
        name="Redis is restarted",
        what="Redis ends in order and starts again with its data",
        setting=with_redis,
        breaks=acts.restart_redis,
        mends=acts.nothing,
        sees=without("rewrite_table", "error", "open_circuit", "timeout"),
        shows=without("rewrite_table", "error"),
        counted=calls("rewrite_table", "error"),
        engines=("redis",),
        quick=False,
    ),
)

TABLES: Final = (
    Cell(
        name="the rewrite table is replaced",
        what="`qrm table import` over a table in use",
        setting=with_table(),
        breaks=acts.replace_table,
        mends=acts.nothing,
        counted=calls("rewrite_table", "success"),
        quick=False,
    ),
    Cell(
        name="the rewrite table is truncated",
        what="its SQLite file loses its second half; imported again later",
        setting=with_table(),
        breaks=acts.truncate_table,
        mends=acts.replace_table,
        lasts_s=2.5,
        sees=without("rewrite_table", "error", "open_circuit"),
        shows=without("rewrite_table", "error"),
        counted=calls("rewrite_table", "error"),
    ),
    Cell(
        name="the rewrite table is corrupted",
        what="zeros all over its SQLite file; imported again later",
        setting=with_table(),
        breaks=acts.corrupt_table,
        mends=acts.replace_table,
        lasts_s=2.5,
        sees=without("rewrite_table", "error", "open_circuit"),
        shows=without("rewrite_table", "error"),
        counted=calls("rewrite_table", "error"),
        quick=False,
    ),
    Cell(
        name="the rewrite table is deleted",
        what="its SQLite file is gone; imported again later",
        setting=with_table(),
        breaks=acts.delete_table,
        mends=acts.replace_table,
        lasts_s=2.5,
        sees=without("rewrite_table", "error", "open_circuit"),
        shows=without("rewrite_table", "error"),
        counted=calls("rewrite_table", "error"),
        quick=False,
    ),
)
