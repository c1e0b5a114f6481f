"""The load generator: open loop, one thread, times every search from when it was due.

It waits in ``select``, which wakes up within tens of microseconds; an event loop's timers are
a millisecond coarse, which is more than what is measured here.
"""

import gc
import select
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter_ns

import httptools
import numpy as np
import numpy.typing as npt

Nanoseconds = npt.NDArray[np.int64]
_SECOND_NS = 1_000_000_000
_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """Who is asked what.

    Attributes:
        host: Name or address.
        port: TCP port.
        requests: Whole HTTP/1.1 requests, sent in turn.
    """

    host: str
    port: int
    requests: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Slice:
    """What one slice of load brought.

    Attributes:
        latencies_ns: From due to answered in full, of the searches answered with 200.
        lags_ns: From due to noticed, of every search: how late the generator itself was.
        errors: Searches answered otherwise or not at all.
        seconds: From the first search's due time to the last answer.
    """

    latencies_ns: Nanoseconds
    lags_ns: Nanoseconds
    errors: int
    seconds: float


class _Connection:
    """One kept connection; the parser calls back."""

    __slots__ = ("_parser", "_target", "answered", "due_ns", "kept", "socket")

    def __init__(self, target: Target) -> None:
        self._target = target
        self._parser = httptools.HttpResponseParser(self)
        self.socket = socket.create_connection((target.host, target.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.due_ns = 0
        self.answered = False
        self.kept = True

    def on_message_complete(self) -> None:
        self.answered = True
        self.kept = self._parser.should_keep_alive()

    def ask(self, request: bytes, due_ns: int) -> None:
        self.due_ns = due_ns
        self.answered = False
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has come in; tell whether the answer is there in full."""
        data = self.socket.recv(_CHUNK_BYTES)
        if not data:
            message = "closed by the server"
            raise ConnectionError(message)
        self._parser.feed_data(data)
        return self.answered

    @property
    def good(self) -> bool:
        return bool(self._parser.get_status_code() == 200)  # noqa: PLR2004 - HTTP's OK


@dataclass(slots=True)
class _Connections:
    """All connections to one target: the idle ones, and the busy ones by descriptor."""

    target: Target
    idle: list[_Connection] = field(default_factory=list)
    busy: dict[int, _Connection] = field(default_factory=dict)
    sent: int = 0
    errors: int = 0

    def ask(self, due_ns: int) -> None:
        connection = self.idle.pop()
        request = self.target.requests[self.sent % len(self.target.requests)]
        self.sent += 1
        try:
            connection.ask(request, due_ns)
        except ConnectionError:
            self._replace(connection)
        else:
            self.busy[connection.socket.fileno()] = connection

    def answers(self, wait_s: float) -> Iterator[int]:
        """Wait for something to come in; yield the latencies of searches answered well."""
        readable, _, _ = select.select(list(self.busy), (), (), wait_s)
        for descriptor in readable:
            connection = self.busy[descriptor]
            try:
                if not connection.receive():
                    continue
            except (ConnectionError, httptools.HttpParserError):
                del self.busy[descriptor]
                self._replace(connection)
                continue
            del self.busy[descriptor]
            if connection.good:
                yield perf_counter_ns() - connection.due_ns
            else:
                self.errors += 1
            self._take_back(connection)

    def close(self) -> None:
        for connection in (*self.idle, *self.busy.values()):
            connection.socket.close()

    def _take_back(self, connection: _Connection) -> None:
        if connection.kept:
            self.idle.append(connection)
        else:
            connection.socket.close()
            self.idle.append(_Connection(self.target))

    def _replace(self, connection: _Connection) -> None:
        self.errors += 1
        connection.socket.close()
        self.idle.append(_Connection(self.target))


def drive(
    target: Target, due_s: Sequence[float], *, connections: int, patience_s: float = 10.0
) -> Slice:
    """Send every search when it is due, whether or not earlier ones have been answered.

    Args:
        target: Who is asked what.
        due_s: Due times in seconds from now, ascending.
        connections: Most searches under way at a time; later ones wait, and their wait counts.
        patience_s: How long to wait for answers after the last search.
    """
    with _connected(target, connections) as pool:
        start_ns = perf_counter_ns() + _SECOND_NS // 100
        due_ns = (np.asarray(due_s) * _SECOND_NS).astype(np.int64) + start_ns
        last_ns = int(due_ns[-1]) + int(patience_s * _SECOND_NS)
        coming = deque(due_ns.tolist())
        waiting: deque[int] = deque()
        latencies_ns: list[int] = []
        lags_ns: list[int] = []
        now_ns = perf_counter_ns()
        while (coming or waiting or pool.busy) and now_ns < last_ns:
            while coming and coming[0] <= now_ns:
                lags_ns.append(now_ns - coming[0])
                waiting.append(coming.popleft())
            while waiting and pool.idle:
                pool.ask(waiting.popleft())
            next_ns = coming[0] if coming else last_ns
            wait_s = max(0, next_ns - perf_counter_ns()) / _SECOND_NS
            latencies_ns.extend(pool.answers(wait_s))
            now_ns = perf_counter_ns()
        unanswered = len(pool.busy) + len(waiting)
        return Slice(
            np.array(latencies_ns, dtype=np.int64),
            np.array(lags_ns, dtype=np.int64),
            pool.errors + unanswered,
            (now_ns - start_ns) / _SECOND_NS,
        )


def saturate(target: Target, *, seconds: float, connections: int) -> float:
    """Measure how many searches a second are answered when every connection always asks.

    Closed loop: good for the rate only, its latencies say nothing.
    """
    with _connected(target, connections) as pool:
        answered = 0
        start_ns = perf_counter_ns()
        end_ns = start_ns + int(seconds * _SECOND_NS)
        while (now_ns := perf_counter_ns()) < end_ns:
            while pool.idle:
                pool.ask(now_ns)
            answered += sum(1 for _ in pool.answers(0.1))
        return answered / ((now_ns - start_ns) / _SECOND_NS)


@contextmanager
def _connected(target: Target, connections: int) -> Iterator[_Connections]:
    pool = _Connections(target, [_Connection(target) for _ in range(connections)])
    gc.collect()
    gc.disable()
    try:
        yield pool
    finally:
        gc.enable()
        pool.close()
