"""The load generator: open loop, one thread, times every search from when it was due.

It waits in ``select``, which wakes up within tens of microseconds; an event loop's timers, and
``epoll`` by itself, are a millisecond coarse, which is more than what is measured here.
"""

import gc
import os
import select
import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns

import httptools
import numpy as np
import numpy.typing as npt
import psutil

from qrmiddleware_benchmarks.schedule import Plan

Nanoseconds = npt.NDArray[np.int64]
_SECOND_NS = 1_000_000_000
_CHUNK_BYTES = 256 * 1024
_OK = 200
_TOO_MANY = 429
_STALE_NS = _SECOND_NS // 2
"""A connection idle for longer may have been closed by the server, and is looked at first."""


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked what.

    Attributes:
        host: Name or address.
        port: TCP port.
        requests: Whole HTTP/1.1 requests.
    """

    host: str
    port: int
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice of load brought; warm-up searches are in none of it.

    Attributes:
        latencies_ns: From due to answered in full, of the searches answered with 200.
        lags_ns: From due to noticed, of every search: how late the generator itself was.
        errors: Searches answered otherwise or not at all.
        degraded: Searches answered with 200 whose reply says that something was skipped.
        due_ns: When the first and the last of them were due, by ``perf_counter_ns``.
        answered_ns: When the first and the last answer came; 0 without any.
        cpu_s: Processor time of the generator meanwhile.
        rss_bytes: Its memory.
        refused: Errors that are refusals for too much load, status 429.
    """

    latencies_ns: Nanoseconds
    lags_ns: Nanoseconds
    errors: int
    degraded: int
    due_ns: tuple[int, int]
    answered_ns: tuple[int, int]
    cpu_s: float
    rss_bytes: int
    refused: int = 0


class _Connection:
    """One kept connection; the parser calls back."""

    __slots__ = ("_parser", "answered", "counts", "degraded", "due_ns", "kept", "since", "socket")

    def __init__(self, target: Target) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.socket = socket.create_connection((target.host, target.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.since = perf_counter_ns()
        self.due_ns = 0
        self.answered = self.degraded = self.counts = False
        self.kept = True

    def on_header(self, name: bytes, _value: bytes) -> None:
        if name.lower() == b"x-qrm-degraded":
            self.degraded = True

    def on_message_complete(self) -> None:
        self.answered = True
        self.kept = self._parser.should_keep_alive()

    def ask(self, request: bytes, due_ns: int, *, counts: bool) -> None:
        self.due_ns = due_ns
        self.counts = counts
        self.answered = self.degraded = False
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come in; tell whether the answer is there in full."""
        data = self.socket.recv(_CHUNK_BYTES)
        if not data:
            message = "closed by the server"
            raise ConnectionError(message)
        self._parser.feed_data(data)
        return self.answered

    def stale(self, now_ns: int) -> bool:
        """Tell whether the server has closed it while nothing was asked."""
        if now_ns - self.since < _STALE_NS:
            return False
        readable, _, _ = select.select((self.socket,), (), (), 0)
        return bool(readable)

    @property
    def status(self) -> int:
        return int(self._parser.get_status_code())


@dataclass(slots=True)
class _Connections:
    """Connections to one target: the idle ones, and the busy ones by descriptor.

    ``select`` waits for one descriptor, which stands for all: with hundreds, looking through them
    would be most of a generator's work.

    They are opened as they are needed, as a client's are: who opens a hundred at once may have
    to wait a second for a server whose queue for new ones is shorter.
    """

    target: Target
    limit: int
    news: selectors.DefaultSelector = field(default_factory=selectors.DefaultSelector)
    idle: list[_Connection] = field(default_factory=list)
    busy: dict[int, _Connection] = field(default_factory=dict)
    latencies_ns: list[int] = field(default_factory=list)
    first_ns: int = 0
    last_ns: int = 0
    errors: int = 0
    refused: int = 0
    degraded: int = 0

    def ask(self, pick: int, due_ns: int, *, counts: bool) -> None:
        connection = self._idle() or self._open()
        try:
            connection.ask(self.target.requests[pick], due_ns, counts=counts)
        except ConnectionError:
            self._give_up(connection)
        else:
            self.busy[connection.socket.fileno()] = connection

    @property
    def has_room(self) -> bool:
        return len(self.busy) < self.limit

    def take_answers(self, wait_s: float) -> int:
        """Wait for something to come in, note what is answered; return how many are."""
        select.select((self.news,), (), (), wait_s)
        answered = 0
        for key, _ in self.news.select(0):
            descriptor, connection = key.fd, self.busy.get(key.fd)
            if connection is None:
                self._drop_idle(descriptor)
                continue
            try:
                if not connection.receive():
                    continue
            except (ConnectionError, httptools.HttpParserError):
                del self.busy[descriptor]
                self._give_up(connection)
                continue
            del self.busy[descriptor]
            self._note(connection, perf_counter_ns())
            self._take_back(connection)
            answered += 1
        return answered

    def unanswered(self) -> int:
        return sum(connection.counts for connection in self.busy.values())

    def close(self) -> None:
        for connection in (*self.idle, *self.busy.values()):
            connection.socket.close()
        self.news.close()

    def _open(self) -> _Connection:
        connection = _Connection(self.target)
        self.news.register(connection.socket, selectors.EVENT_READ)
        return connection

    def _drop_idle(self, descriptor: int) -> None:
        """Let go of a connection that the server has closed while nothing was asked."""
        place = next(n for n, each in enumerate(self.idle) if each.socket.fileno() == descriptor)
        self._close(self.idle.pop(place))

    def _close(self, connection: _Connection) -> None:
        self.news.unregister(connection.socket)
        connection.socket.close()

    def _note(self, connection: _Connection, now_ns: int) -> None:
        connection.since = now_ns
        if not connection.counts:
            return
        if connection.status == _OK:
            self.latencies_ns.append(now_ns - connection.due_ns)
            self.first_ns = self.first_ns or now_ns
            self.last_ns = now_ns
            self.degraded += connection.degraded
        else:
            self.errors += 1
            self.refused += connection.status == _TOO_MANY

    def _take_back(self, connection: _Connection) -> None:
        if connection.kept:
            self.idle.append(connection)
        else:
            self._close(connection)

    def _give_up(self, connection: _Connection) -> None:
        self.errors += connection.counts
        self._close(connection)

    def _idle(self) -> _Connection | None:
        while self.idle:
            connection = self.idle.pop()
            if not connection.stale(perf_counter_ns()):
                return connection
            self._close(connection)
        return None


def ready() -> int:
    """Return the id of this process, which has imported by now all that a load generator needs."""
    return os.getpid()


def drive(
    target: Target,
    plan: Plan,
    *,
    connections: int,
    start_ns: int = 0,
    patience_s: float = 10.0,
) -> Slice:
    """Send every search when it is due, whether or not earlier ones have been answered.

    Args:
        target: Who is asked what.
        plan: What is sent when.
        connections: Most searches under way at a time; later ones wait, and their wait counts.
        start_ns: When the plan begins, by ``perf_counter_ns``, which all processes of a machine
            share; at once without. If it has passed, the first searches are late.
        patience_s: How long to wait for answers after the last search.
    """
    with _connected(target, connections) as pool:
        start_ns = start_ns or perf_counter_ns() + _SECOND_NS // 1_000
        run = _Run(plan, pool, start_ns, patience_s)
        run.until(run.counted_ns)
        worked_s = time.process_time()
        run.until(run.last_ns)
        return run.slice(time.process_time() - worked_s)


class _Run:
    """One plan under way."""

    def __init__(self, plan: Plan, pool: _Connections, start_ns: int, patience_s: float) -> None:
        due_ns = (plan.due_s * _SECOND_NS).astype(np.int64) + start_ns
        self.counted_ns = int(due_ns[min(plan.warmups, len(due_ns) - 1)])
        self.last_ns = int(due_ns[-1]) + int(patience_s * _SECOND_NS)
        self._due_ns = self.counted_ns, int(due_ns[-1])
        self._pool = pool
        self._coming = deque(
            (due, pick, place >= plan.warmups)
            for place, (due, pick) in enumerate(
                zip(due_ns.tolist(), plan.picks.tolist(), strict=True)
            )
        )
        self._waiting: deque[tuple[int, int, bool]] = deque()
        self._lags_ns: list[int] = []
        self._now_ns = perf_counter_ns()

    def until(self, end_ns: int) -> None:
        """Go on until this moment, or until everything is answered."""
        pool = self._pool
        while (self._coming or self._waiting or pool.busy) and self._now_ns < end_ns:
            self._take_due()
            while self._waiting and pool.has_room:
                due_ns, pick, counts = self._waiting.popleft()
                pool.ask(pick, due_ns, counts=counts)
            next_ns = min(end_ns, self._coming[0][0]) if self._coming else end_ns
            pool.take_answers(max(0, next_ns - perf_counter_ns()) / _SECOND_NS)
            self._now_ns = perf_counter_ns()

    def slice(self, cpu_s: float) -> Slice:
        waiting = sum(counts for _, _, counts in self._waiting)
        return Slice(
            np.array(self._pool.latencies_ns, dtype=np.int64),
            np.array(self._lags_ns, dtype=np.int64),
            self._pool.errors + self._pool.unanswered() + waiting,
            self._pool.degraded,
            self._due_ns,
            (self._pool.first_ns, self._pool.last_ns),
            cpu_s,
            psutil.Process(os.getpid()).memory_info().rss,
            self._pool.refused,
        )

    def _take_due(self) -> None:
        coming, now_ns = self._coming, self._now_ns
        while coming and coming[0][0] <= now_ns:
            search = coming.popleft()
            if search[2]:
                self._lags_ns.append(now_ns - search[0])
            self._waiting.append(search)


def saturate(target: Target, *, seconds: float, connections: int) -> float:
    """Measure how many searches a second are answered when every connection always asks.

    Closed loop: good for the rate only, its latencies say nothing.
    """
    with _connected(target, connections) as pool:
        answered, sent = 0, 0
        start_ns = perf_counter_ns()
        end_ns = start_ns + int(seconds * _SECOND_NS)
        while (now_ns := perf_counter_ns()) < end_ns:
            while pool.has_room:
                pool.ask(sent % len(target.requests), now_ns, counts=False)
                sent += 1
            answered += pool.take_answers(0.1)
        return answered / ((now_ns - start_ns) / _SECOND_NS)


@contextmanager
def _connected(target: Target, connections: int) -> Iterator[_Connections]:
    pool = _Connections(target, connections)
    gc.collect()
    gc.disable()
    try:
        yield pool
    finally:
        gc.enable()
        pool.close()
