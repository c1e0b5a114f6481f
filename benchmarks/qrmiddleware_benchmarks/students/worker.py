"""The process of one arm: one runtime lives in it and no other, since their threads collide."""

import logging
import os
import sys
import warnings
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from time import perf_counter_ns

import numpy as np
import psutil

from qrmiddleware_benchmarks.students.arms import Arm, Plan, cut
from qrmiddleware_benchmarks.students.errors import StudentsError
from qrmiddleware_benchmarks.students.libraries import library
from qrmiddleware_benchmarks.students.models import Model
from qrmiddleware_benchmarks.students.parity import Numbers
from qrmiddleware_benchmarks.students.runtimes import Student, load
from qrmiddleware_benchmarks.students.workloads import Batch

_LONG_NS = 50_000_000
_TRIALS = 3


class Worker:
    """Runs one arm's students; asked over a connection, or directly in tests."""

    def __init__(self, arm: Arm, device: str) -> None:
        self._arm, self._device = arm, device
        self._model: Model | None = None
        self._students: dict[tuple[int, int], Student] = {}
        self._pools: dict[int, ThreadPoolExecutor] = {}

    def open(self, model: Model) -> None:
        """Forget the model of before and take this one."""
        self._students.clear()
        self._model = model

    def best_plan(self, batch: Batch, plans: Iterable[Plan]) -> Plan:
        """Try every plan, warm, and return the fastest."""
        return min(plans, key=lambda plan: self._trial(batch, plan))

    def answer(self, batch: Batch, plan: Plan) -> Numbers:
        """Answer a batch by a plan; the rows come back in their own order."""
        student = self._student(plan.workers, plan.threads)
        if plan.parts == 1:
            return student.answer(batch)
        parts = cut(batch.lengths, plan.parts)
        batches = [batch.part(rows) for rows in parts]
        if plan.workers == 1:
            answers = list(map(student.answer, batches))
        else:
            answers = list(self._pool(plan.workers).map(student.answer, batches))
        found = np.concatenate(answers)
        ordered = np.empty_like(found)
        ordered[np.concatenate(parts)] = found
        return ordered

    def logits(self, batch: Batch, plan: Plan) -> Numbers:
        """Return a generator's logits."""
        return self._student(plan.workers, plan.threads).logits(batch)

    def measure(self, batch: Batch, plan: Plan, seconds: float) -> list[int]:
        """Answer a batch over and over, once at least, after one time that does not count.

        Batches that take long go without that one time: others have used the caches
        meanwhile, but that costs them little.

        Returns:
            Nanoseconds of every time.
        """
        latencies: list[int] = []
        started = perf_counter_ns()
        first = self._timed(batch, plan)
        if first > _LONG_NS:
            latencies.append(first)
        else:
            started = perf_counter_ns()
        while not latencies or perf_counter_ns() - started < seconds * 1e9:
            latencies.append(self._timed(batch, plan))
        return latencies

    def _timed(self, batch: Batch, plan: Plan) -> int:
        started = perf_counter_ns()
        self.answer(batch, plan)
        return perf_counter_ns() - started

    def _trial(self, batch: Batch, plan: Plan) -> int:
        warm = self._timed(batch, plan)
        again = 1 if warm > _LONG_NS else _TRIALS
        return min(self._timed(batch, plan) for _ in range(again))

    def _student(self, workers: int, threads: int) -> Student:
        if self._model is None:
            message = "no model is open"
            raise StudentsError(message)
        key = workers, threads
        if key not in self._students:
            self._students[key] = load(
                self._model, self._arm, device=self._device, workers=workers, threads=threads
            )
        return self._students[key]

    def _pool(self, workers: int) -> ThreadPoolExecutor:
        if workers not in self._pools:
            self._pools[workers] = ThreadPoolExecutor(workers)
        return self._pools[workers]


def serve(connection: Connection, arm: Arm, device: str, cores: int) -> None:
    """Answer what the other end asks until it hangs up: a method's name and its arguments.

    What comes back is ``(True, result)``, or ``(False, message)`` where something failed.
    """
    settle(cores)
    library(arm.runtime)  # takes seconds, and all processes may do it at the same time
    worker = Worker(arm, device)
    while True:
        try:
            method, arguments = connection.recv()
        except EOFError:
            return
        try:
            connection.send((True, getattr(worker, method)(*arguments)))
        except Exception as error:  # noqa: BLE001 - libraries raise anything; the parent tells
            connection.send((False, f"{type(error).__name__}: {error}"))


def settle(cores: int) -> None:
    """Keep this process, and the threads that it starts, on the first so many cores, and quiet.

    Libraries that count cores by the environment are told, too. Only Linux pins.
    """
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(cores)
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))[:cores]
        for thread in psutil.Process().threads():  # those of numpy are there already
            os.sched_setaffinity(thread.id, allowed)
