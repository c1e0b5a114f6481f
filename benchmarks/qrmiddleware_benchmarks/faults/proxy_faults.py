"""The proxy's own processes, disks and clocks."""

from typing import Final

from qrmiddleware_benchmarks.faults import acts
from qrmiddleware_benchmarks.faults.cell import Cell
from qrmiddleware_benchmarks.faults.promises import calls, failures, without
from qrmiddleware_benchmarks.faults.proxy import Counted
from qrmiddleware_benchmarks.faults.scenes import with_embedded, with_plugin, with_wrong_clock

_ALONE: Final = with_plugin()
_WORKERS: Final = {"listen": {"workers": 2}}
_BROKEN: Final = frozenset({"broken off", "refused"})
_STARTING: Final = _BROKEN | {"200 pipeline=saturated"}
"""Searches wait while it starts, and are taken all at once: on a slow machine too many."""
_STARTED: Final = Counted("process_start_time_seconds")

PROXY: Final = (
    Cell(
        name="the proxy is killed",
        what="`kill -9`; a service manager starts it again",
        setting=_ALONE,
        breaks=acts.kill_proxy,
        mends=acts.start_proxy,
        lasts_s=0.5,
        sees=_STARTING,
        shows=frozenset({"refused"}),
        counted=_STARTED,
        grows=0.1,
        within_s=60.0,
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
        sees=_STARTING,
        shows=frozenset({"refused"}),
        counted=_STARTED,
        grows=0.1,
        within_s=60.0,
        mending_counts=True,
        patience_s=60.0,
        quick=False,
    ),
    Cell(
        name="the workers' parent is killed",
        what="`kill -9` of the process that watches over two workers; started again at once",
        setting=with_plugin(**_WORKERS),
        breaks=acts.kill_proxy,
        mends=acts.start_proxy,
        lasts_s=0.0,
        sees=_STARTING,
        counted=_STARTED,
        grows=0.1,
        within_s=60.0,
        mending_counts=True,
        patience_s=60.0,
        quick=False,
    ),
    Cell(
        name="a worker is killed",
        what="`kill -9` of one of two workers",
        setting=with_plugin(**_WORKERS),
        breaks=acts.kill_worker,
        mends=acts.await_workers,
        lasts_s=0.0,
        sees=_BROKEN,
        counted=_STARTED,
        grows=0.1,
        within_s=60.0,
        mending_counts=True,
        patience_s=60.0,
    ),
    Cell(
        name="a plugin crashes its process",
        what="a call of a rewriter reads where it must not, in one of two workers",
        setting=with_plugin(**_WORKERS),
        breaks=acts.mood("crashes"),
        mends=acts.await_workers,
        lasts_s=1.0,
        sees=_BROKEN,
        shows=frozenset({"broken off"}),
        counted=_STARTED,
        grows=0.1,
        within_s=60.0,
        mending_counts=True,
        patience_s=60.0,
        quick=False,
    ),
    Cell(
        name="a plugin leaks memory",
        what="2 MB a call, in two workers with `limits.max_worker_bytes` of 150 MB",
        setting=with_plugin(**_WORKERS, limits={"max_worker_bytes": 150 << 20}),
        breaks=acts.mood("leaks"),
        mends=acts.cheer_up_and_await_workers,
        lasts_s=6.0,
        sees=_BROKEN,
        counted=_STARTED,
        grows=0.1,
        within_s=60.0,
        mending_counts=True,
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
        sees=without("faulty", "error", "open_circuit"),
        shows=without("faulty", "error"),
        counted=calls("faulty", "error"),
    ),
    Cell(
        name="the clock is set back",
        what="by a day, while one of two nodes is down; it is asked again when it is back",
        setting=with_wrong_clock,
        breaks=acts.set_clock(-24),
        mends=acts.start_engine_and_await_load,
        counted=failures("unreached"),
    ),
    Cell(
        name="the clock is set forward",
        what="by a day, while one of two nodes is down; it is asked again when it is back",
        setting=with_wrong_clock,
        breaks=acts.set_clock(24),
        mends=acts.start_engine_and_await_load,
        counted=failures("unreached"),
        quick=False,
    ),
)
