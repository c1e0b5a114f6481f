"""Engines that refuse, are slow, break off, or are gone."""

import signal
from typing import Any, Final

from qrmiddleware_benchmarks.faults import acts, engine
from qrmiddleware_benchmarks.faults.cell import Cell, Setting
from qrmiddleware_benchmarks.faults.promises import failures
from qrmiddleware_benchmarks.faults.proxy import Counted
from qrmiddleware_benchmarks.faults.scenes import with_cluster, with_plugin, with_real

_ALONE: Final = with_plugin()
_PAIR: Final = with_plugin(engines=2)
_PATIENT: Final = {"timeout_ms": 20_000}
_GENTLY_HZ: Final = 5.0
"""For real engines, whose first searches after a start take their time."""

_UNREACHABLE: Final = frozenset({"502", "503"})


def _killed(name: str, what: str, setting: Setting, needs: str, **promised: Any) -> Cell:  # noqa: ANN401 - of ``Cell``
    """Describe a real node that is killed: it takes its time to start, and little load then."""
    return Cell(
        name=name,
        what=what,
        setting=setting,
        breaks=acts.send(signal.SIGKILL),
        mends=acts.start_real,
        within_s=60.0,
        rate_hz=_GENTLY_HZ,
        patience_s=60.0,
        engines=(needs,),
        quick=False,
        **promised,
    )


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
        counted=failures("unavailable"),
        quick=False,
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
        counted=failures("broken_off"),
    ),
    Cell(
        name="connections break off",
        what="the engine resets the connection instead of a reply, and not when asked again",
        setting=_ALONE,
        breaks=acts.behave(engine.first_time(engine.resets_at_once)),
        mends=acts.behave_well,
        counted=failures("broken_off"),
        quick=False,
    ),
    Cell(
        name="the engine talks rubbish",
        what="it answers what is no HTTP, and not when asked again",
        setting=_ALONE,
        breaks=acts.behave(engine.first_time(engine.talks_rubbish)),
        mends=acts.behave_well,
        counted=failures("broken_off"),
        quick=False,
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
        counted=failures("unreached"),
    ),
    Cell(
        name="one of two nodes is silent",
        what="it takes searches and does not answer within `upstream.timeout_ms`, here 3 s",
        setting=_PAIR,
        breaks=acts.behave(engine.stays_silent),
        mends=acts.behave_well,
        lasts_s=4.5,
        slow=2.9,
        counted=failures("silent"),
    ),
    Cell(
        name="one of two nodes is not ready",
        what="it answers 503, as one that has just started does",
        setting=_PAIR,
        breaks=acts.behave(engine.refusing(503, "cluster_block_exception")),
        mends=acts.behave_well,
        counted=failures("unavailable"),
        quick=False,
    ),
    _killed(
        "OpenSearch is killed",
        "`kill -9` of the only node; started again with its data",
        with_real("opensearch", upstream=_PATIENT),
        "opensearch",
        sees=_UNREACHABLE,
        shows=frozenset({"503"}),
        engine_answers=False,
        counted=Counted("qrm_upstream_errors_total"),
    ),
    _killed(
        "one of two OpenSearch nodes is killed",
        "`kill -9` of one; started again with its data (two clusters of one node each)",
        with_real("opensearch", nodes=2, upstream=_PATIENT),
        "opensearch",
        counted=failures("unreached"),
    ),
    _killed(
        "one of two Elasticsearch nodes is killed",
        "`kill -9` of the node of a cluster that is not its master; started again with its data",
        with_cluster,
        "elasticsearch",
        counted=failures("unreached"),
    ),
)
