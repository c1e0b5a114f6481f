"""Builds a rewrite table shard by shard on Ray Data: the same table as on one machine."""

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any, Final

import ray
import ray.data

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback, from_line, to_line
from qrmiddleware.errors import QrmError
from qrmiddleware.recipes.feedback.giving import give_all, giving
from qrmiddleware.recipes.feedback.store import FeedbackStore
from qrmiddleware.recipes.feedback.working import GivenUpError
from qrmiddleware.recipes.rewrite_tables.building import (
    BuildReport,
    CandidateStore,
    Names,
    Watch,
    Work,
    distinct,
    finish,
)
from qrmiddleware.recipes.rewrite_tables.settings import BuildSettings

SHARD: Final = 256
"""Queries of a shard at most: what is under way in a worker that dies is worked on again."""
_CANDIDATES: Final = "candidates"
_FEEDBACK: Final = "feedback"
_FAILED: Final = "failed"
_GIVEN_UP: Final = "given up"


class Worker:
    """Proposes rewrites of a shard's queries and searches for them; holds one generator.

    Args:
        settings: Of the build, with paths that are there on every machine.
    """

    def __init__(self, settings: BuildSettings) -> None:
        self._held = ExitStack()
        self._proposer = self._held.enter_context(settings.proposing(threads=1))
        self._system = self._held.enter_context(settings.system.open())

    def __call__(self, shard: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Work on a shard.

        Args:
            shard: Columns ``query``, and ``proposed`` with candidates as a line of JSON, where
                they are known.

        Returns:
            Columns ``kind`` and ``line``: candidates, feedback, and what failed.
        """
        told: list[tuple[str, bytes]] = []
        sets = list(self._sets(shard, told))
        try:
            tally = asyncio.run(
                give_all(self._system, sets, lambda row: told.append((_FEEDBACK, to_line(row))))
            )
            told += [(_FAILED, tally.failure.encode())] * tally.failed
        except QrmError as error:  # what is found and proposed until then is kept
            told.append((_GIVEN_UP, str(error).encode()))
        return {"kind": [kind for kind, _ in told], "line": [line for _, line in told]}

    def _sets(
        self, shard: Mapping[str, Any], told: list[tuple[str, bytes]]
    ) -> Iterator[CandidateSet]:
        lines = [bytes(line) for line in shard["proposed"]]
        asked = [str(query) for query, line in zip(shard["query"], lines, strict=True) if not line]
        proposed = iter(self._proposer.propose(asked))
        for query, line in zip(shard["query"], lines, strict=True):
            if line:
                found = from_line(line, CandidateSet)
            else:
                candidates = tuple(next(proposed))
                found = CandidateSet(query=str(query), candidates=candidates, by=self._proposer.by)
                told.append((_CANDIDATES, to_line(found)))
            if found.candidates:
                yield found


def build_on_ray(settings: BuildSettings, watch: Watch) -> BuildReport:
    """Build a table on the Ray cluster that is connected, or on this machine.

    Queries are parted into shards; each worker holds one generator and searches by itself, at its
    share of ``rate``. Results are put to the files of ``settings.work`` as they come, by this
    process alone, and chosen and imported by the same code as on one machine.

    Raises:
        ConfigError: If a setting makes no sense, or the table cannot be written.
        GivenUpError: If too many queries in a row failed in a shard; the next build goes on.
    """
    weak = settings.queries()
    work = Work(settings.work)
    names = _names(settings)
    failed = 0
    with work.candidates() as candidates, work.feedback() as feedback:
        tasks = _tasks(settings, distinct(weak), names, candidates, feedback)
        if tasks:
            done = 0
            for kind, line in _results(settings, tasks):
                if kind == _CANDIDATES:
                    candidates.add(from_line(line, CandidateSet))
                elif kind == _FEEDBACK:
                    feedback.add(from_line(line, Feedback))
                    done += 1
                    watch("searching", done, len(tasks))
                elif kind == _FAILED:
                    failed += 1
                else:
                    raise GivenUpError(line.decode())
    return finish(work, weak, names, settings.choosing, settings.target, failed=failed)


def _names(settings: BuildSettings) -> Names:
    async def engine() -> str:
        with settings.system.open() as system:
            async with giving(system) as giver:
                return giver.by

    with settings.proposing(threads=1) as proposer:
        return Names(proposer.by, asyncio.run(engine()))


def _tasks(
    settings: BuildSettings,
    queries: Sequence[str],
    names: Names,
    candidates: CandidateStore,
    feedback: FeedbackStore,
) -> list[dict[str, Any]]:
    """Return the queries that need work, with the candidates that are known."""
    known = {} if settings.refresh else Work(settings.work).sets(names.proposer)
    tasks: list[dict[str, Any]] = []
    for query in queries:
        found = known.get(same_query(query))
        if found is None or not candidates.has(names.proposer, query):
            tasks.append({"query": query, "proposed": b""})
        elif found.candidates and not feedback.has(names.system, found):
            tasks.append({"query": query, "proposed": to_line(found)})
    return tasks


def _results(settings: BuildSettings, tasks: list[dict[str, Any]]) -> Iterator[tuple[str, bytes]]:
    _connect()
    ray.data.DataContext.get_current().enable_progress_bars = False
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    cores = max(1, int(resources.get("CPU", 1)))
    workers = settings.workers or cores
    shard = min(SHARD, ceil(len(tasks) / workers))
    workers = min(workers, ceil(len(tasks) / shard))
    found = (
        ray.data.from_items(tasks, override_num_blocks=ceil(len(tasks) / shard))
        .map_batches(
            Worker,
            fn_constructor_args=(_everywhere(settings, workers),),
            batch_size=shard,
            compute=ray.data.ActorPoolStrategy(size=workers),
        )
        .iter_rows()
    )
    for row in found:
        yield str(row["kind"]), bytes(row["line"])


def _connect() -> None:
    """Use the cluster of this process or of ``RAY_ADDRESS``, or start one here."""
    if not ray.is_initialized():
        elsewhere = bool(os.environ.get("RAY_ADDRESS"))
        ray.init(log_to_driver=False, include_dashboard=None if elsewhere else False)


def _everywhere(settings: BuildSettings, workers: int) -> BuildSettings:
    """Name files by their whole paths, and part the rate among the workers."""
    system = settings.system
    offline = replace(system.offline, rate=system.offline.rate / workers)
    return replace(
        settings,
        generator=_whole(settings.generator),
        candidates=_whole(settings.candidates),
        system=replace(
            system,
            offline=offline,
            body=_whole(system.body),
            ca_certs=_whole(system.ca_certs),
            judgments=_whole(system.judgments),
            student=_whole(system.student),
            reached=_whole(system.reached),
        ),
    )


def _whole(path: Path | None) -> Path | None:
    return None if path is None else path.absolute()
