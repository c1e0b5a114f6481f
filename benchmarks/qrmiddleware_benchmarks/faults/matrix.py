"""The table of faults: what happens, what clients may see, what is counted, how fast it passes."""

import signal
from typing import Final

from qrmiddleware_benchmarks.faults import acts, engine
from qrmiddleware_benchmarks.faults.cell import Cell
from qrmiddleware_benchmarks.faults.proxy import Counted
from qrmiddleware_benchmarks.faults.scenes import (
    with_embedded,
    with_plugin,
    with_real,
    with_redis,
    with_table,
    with_wrong_clock,
)


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


def _failures(problem: str) -> Counted:
    return Counted("qrm_upstream_node_failures_total", {"problem": problem})


_ALONE: Final = with_plugin()
_PAIR: Final = with_plugin(engines=2)
_SOON_SILENT: Final = with_plugin(engines=2, upstream={"timeout_ms": 1_000})
_UNREACHABLE: Final = frozenset({"502", "503"})

UPSTREAM: Final = (
    Cell(
        name="the engine answers 429",
        what="it refuses every search, as one that is overloaded does",
        setting=_ALONE,
        breaks=acts.behave(engine.refusing(429, "circuit_breaking_exception")),
        mends=acts.behave_well,
        sees=frozenset({"429"}),
        shows=frozenset({"429"}),
        engine_answers=False,
        counted=Counted("qrm_searches_total", {"outcome": "unanswered"}),
    ),
    Cell(
        name="the engine answers 503",
        what="it refuses every search, as one that is not ready does",
        setting=_ALONE,
        breaks=acts.behave(engine.refusing(503, "cluster_block_exception")),
        mends=acts.behave_well,
        sees=frozenset({"503"}),
        shows=frozenset({"503"}),
        engine_answers=False,
        counted=_failures("unavailable"),
    ),
    Cell(
        name="the engine takes no further searches",
        what="with `merge: rrf` it answers 429 to all but the client's own search",
        setting=with_plugin(pipeline={"merge": {"policy": "rrf"}}),
        breaks=acts.behave(
            engine.refusing_if(b"original", engine.refusing(429, "circuit_breaking_exception"))
        ),
        mends=acts.behave_well,
        sees=frozenset({"200 pipeline=refused"}),
        shows=frozenset({"200 pipeline=refused"}),
        counted=Counted("qrm_searches_total", {"outcome": "refused"}),
    ),
    Cell(
        name="a shard fails",
        what="the engine answers from one of two shards",
        setting=_ALONE,
        breaks=acts.behave(engine.partial),
        mends=acts.behave_well,
        sees=frozenset({"200 partial"}),
        shows=frozenset({"200 partial"}),
        counted=Counted("qrm_partial_replies_total"),
    ),
    Cell(
        name="the engine is slow",
        what="it takes 1 s for every search",
        setting=_ALONE,
        breaks=acts.behave(engine.slow(1.0)),
        mends=acts.behave_well,
        slow=0.9,
        counted=Counted("qrm_stage_seconds_sum", {"stage": "search"}),
        grows=10,
    ),
    Cell(
        name="replies break off midway",
        what="the engine resets the connection in the middle of a reply, and not when asked again",
        setting=_ALONE,
        breaks=acts.behave(engine.first_time(engine.resets_midway)),
        mends=acts.behave_well,
        counted=_failures("broken_off"),
    ),
    Cell(
        name="connections break off",
        what="the engine resets the connection instead of a reply, and not when asked again",
        setting=_ALONE,
        breaks=acts.behave(engine.first_time(engine.resets_at_once)),
        mends=acts.behave_well,
        counted=_failures("broken_off"),
    ),
    Cell(
        name="the engine talks rubbish",
        what="it answers what is no HTTP, and not when asked again",
        setting=_ALONE,
        breaks=acts.behave(engine.first_time(engine.talks_rubbish)),
        mends=acts.behave_well,
        counted=_failures("broken_off"),
    ),
    Cell(
        name="the engine is gone",
        what="the only node is down, and comes back later",
        setting=_ALONE,
        breaks=acts.kill_engine,
        mends=acts.start_engine_again,
        sees=_UNREACHABLE,
        shows=frozenset({"503"}),
        engine_answers=False,
        counted=Counted("qrm_upstream_errors_total"),
    ),
    Cell(
        name="one of two nodes is dead",
        what="it refuses connections, and comes back later",
        setting=_PAIR,
        breaks=acts.kill_engine,
        mends=acts.start_engine_and_await_load,
        counted=_failures("unreached"),
    ),
    Cell(
        name="one of two nodes is silent",
        what="it takes searches and does not answer within `upstream.timeout_ms`, here 1 s",
        setting=_SOON_SILENT,
        breaks=acts.behave(engine.stays_silent),
        mends=acts.behave_well,
        lasts_s=2.5,
        slow=0.9,
        counted=_failures("silent"),
    ),
    Cell(
        name="one of two nodes is not ready",
        what="it answers 503, as one that has just started does",
        setting=_PAIR,
        breaks=acts.behave(engine.refusing(503, "cluster_block_exception")),
        mends=acts.behave_well,
        counted=_failures("unavailable"),
    ),
    Cell(
        name="OpenSearch is killed",
        what="`kill -9` of the only node; started again with its data",
        setting=with_real("opensearch"),
        breaks=acts.send(signal.SIGKILL),
        mends=acts.start_real,
        sees=_UNREACHABLE,
        shows=frozenset({"503"}),
        engine_answers=False,
        counted=Counted("qrm_upstream_errors_total"),
        within_s=30.0,
        engines=("opensearch",),
        quick=False,
    ),
    Cell(
        name="one of two OpenSearch nodes is killed",
        what="`kill -9` of one; started again with its data (two clusters of one node each)",
        setting=with_real("opensearch", nodes=2),
        breaks=acts.send(signal.SIGKILL),
        mends=acts.start_real,
        counted=_failures("unreached"),
        within_s=30.0,
        engines=("opensearch",),
        quick=False,
    ),
)

_WORKERS: Final = {"listen": {"workers": 2}}
_BROKEN: Final = frozenset({"broken off", "refused"})
_STARTED: Final = Counted("process_start_time_seconds")

PROXY: Final = (
    Cell(
        name="the proxy is killed",
        what="`kill -9`; a service manager starts it again",
        setting=_ALONE,
        breaks=acts.kill_proxy,
        mends=acts.start_proxy,
        lasts_s=0.5,
        sees=_BROKEN,
        shows=frozenset({"refused"}),
        counted=_STARTED,
        grows=0.1,
        within_s=15.0,
        mending_counts=True,
        patience_s=60.0,
    ),
    Cell(
        name="the proxy is restarted",
        what="`SIGTERM`; started again when it has ended",
        setting=_ALONE,
        breaks=acts.stop_proxy,
        mends=acts.start_proxy,
        lasts_s=0.0,
        sees=_BROKEN,
        shows=frozenset({"refused"}),
        counted=_STARTED,
        grows=0.1,
        within_s=15.0,
        mending_counts=True,
        patience_s=60.0,
    ),
    Cell(
        name="the workers' parent is killed",
        what="`kill -9` of the process that watches over two workers; started again at once",
        setting=with_plugin(**_WORKERS),
        breaks=acts.kill_proxy,
        mends=acts.start_proxy,
        lasts_s=0.0,
        sees=_BROKEN,
        counted=_STARTED,
        grows=0.1,
        within_s=15.0,
        mending_counts=True,
        patience_s=60.0,
    ),
    Cell(
        name="a worker is killed",
        what="`kill -9` of one of two workers",
        setting=with_plugin(**_WORKERS),
        breaks=acts.kill_worker,
        mends=acts.nothing,
        lasts_s=0.0,
        sees=_BROKEN,
        counted=_STARTED,
        grows=0.1,
        within_s=10.0,
        patience_s=60.0,
    ),
    Cell(
        name="a plugin crashes its process",
        what="a call of a rewriter reads where it must not, in one of two workers",
        setting=with_plugin(**_WORKERS),
        breaks=acts.mood("crashes"),
        mends=acts.nothing,
        lasts_s=1.0,
        sees=_BROKEN,
        shows=frozenset({"broken off"}),
        counted=_STARTED,
        grows=0.1,
        within_s=10.0,
        patience_s=60.0,
    ),
    Cell(
        name="a plugin leaks memory",
        what="2 MB a call, in two workers with `limits.max_worker_bytes` of 250 MB",
        setting=with_plugin(**_WORKERS, limits={"max_worker_bytes": 250 << 20}),
        breaks=acts.mood("leaks"),
        mends=acts.cheer_up,
        lasts_s=6.0,
        sees=_BROKEN,
        counted=_STARTED,
        grows=0.1,
        within_s=15.0,
        patience_s=60.0,
    ),
    Cell(
        name="the disk is full",
        what="of the embedded engine, under writes and searches; room is made later",
        setting=with_embedded,
        breaks=acts.fill_disk,
        mends=acts.make_room,
        counted=Counted("qrm_requests_total", {"kind": "other", "status": "429"}),
    ),
    Cell(
        name="the log's disk is full",
        what="no line can be written, while every call of a plugin raises",
        setting=_ALONE,
        breaks=acts.fill_log,
        mends=acts.empty_log,
        sees=_without("faulty", "error", "open_circuit"),
        shows=_without("faulty", "error"),
        counted=_calls("faulty", "error"),
    ),
    Cell(
        name="the clock is set back",
        what="by a day, while one of two nodes is down; it is asked again when it is back",
        setting=with_wrong_clock,
        breaks=acts.set_clock(-24),
        mends=acts.start_engine_and_await_load,
        counted=_failures("unreached"),
    ),
    Cell(
        name="the clock is set forward",
        what="by a day, while one of two nodes is down; it is asked again when it is back",
        setting=with_wrong_clock,
        breaks=acts.set_clock(24),
        mends=acts.start_engine_and_await_load,
        counted=_failures("unreached"),
    ),
)

CELLS: Final = (*PLUGINS, *REDIS, *TABLES, *UPSTREAM, *PROXY)
