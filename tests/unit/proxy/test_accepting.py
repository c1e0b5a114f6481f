"""Connections that come many at a time, more than may be opened, or without the TLS they need."""

import asyncio
import contextlib
import errno
import socket
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest

from qrmiddleware.config.settings import ListenSettings
from qrmiddleware.proxy import accepting
from qrmiddleware.proxy.accepting import Acceptor
from qrmiddleware.proxy.server import listening_socket

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="not used there")
MANY = 200


class Taken(asyncio.Protocol):
    """Notes what it was given."""

    def __init__(self, all_taken):
        self._all = all_taken

    def connection_made(self, transport):
        self._all.append(transport)


@contextlib.contextmanager
def waiting_clients(listener, count=MANY):
    """Connect so many clients, whom nobody has taken yet."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(socket.create_connection(listener.getsockname()))
            for _ in range(count)
        ]


@contextlib.asynccontextmanager
async def accepting_from(listener, taken, *, context=None, told=None):
    acceptor = Acceptor(
        listener, lambda: Taken(taken), context, [].append if told is None else told.append
    )
    try:
        yield acceptor
    finally:
        acceptor.close()
        await acceptor.wait_closed()
        for transport in taken:
            transport.abort()
        await asyncio.sleep(0.01)


@pytest.fixture
def listener():
    with listening_socket(ListenSettings(), 0) as bound:
        yield bound


def run_with_uvloop(main):
    import uvloop  # noqa: PLC0415 does not exist on Windows

    with asyncio.Runner(loop_factory=uvloop.Loop) as runner:
        return runner.run(main)


def descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def turns_until(holds) -> int:
    count = 0
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0)
            count += 1
    return count


def test_connections_do_not_wait_for_one_turn_of_the_event_loop_each(listener):
    async def turns() -> int:
        taken = []
        async with accepting_from(listener, taken):
            return await turns_until(lambda: len(taken) == MANY)

    with waiting_clients(listener):
        assert run_with_uvloop(turns()) <= MANY / 10


async def test_a_burst_does_not_keep_others_from_their_turn(listener, monkeypatch):
    monkeypatch.setattr(accepting, "_AT_A_TIME", 10)
    counted, taken, by_turn = Full(listener), [], [0]
    counted.is_full = False

    def turn() -> bool:
        by_turn.append(counted.asked)
        return len(taken) == 25

    with waiting_clients(listener, 25):
        async with accepting_from(counted, taken):
            await turns_until(turn)

    assert max(after - before for before, after in pairwise(by_turn)) == 10


async def test_what_is_closed_takes_no_more(listener):
    taken = []
    with waiting_clients(listener, 3):
        async with accepting_from(listener, taken) as acceptor:
            acceptor.close()
            await asyncio.sleep(0.05)

    assert taken == []


class Full:
    """A listening socket of a process that may open no more files, until it may again."""

    def __init__(self, listener):
        self._listener = listener
        self.is_full = True
        self.asked = 0

    def accept(self):
        self.asked += 1
        if self.is_full:
            raise OSError(errno.EMFILE, "Too many open files")
        return self._listener.accept()

    def fileno(self):
        return self._listener.fileno()

    def setblocking(self, flag):
        self._listener.setblocking(flag)

    def close(self):
        self._listener.close()


async def test_without_descriptors_connections_wait_and_nothing_spins(listener, monkeypatch):
    monkeypatch.setattr(accepting, "_PAUSE_S", 0.1)
    full, taken, told = Full(listener), [], []

    with waiting_clients(listener, 3):
        began = time.perf_counter()
        async with accepting_from(full, taken, told=told):
            await turns_until(lambda: full.asked >= 4)
            asked, took_s = full.asked, time.perf_counter() - began
            full.is_full = False
            await turns_until(lambda: len(taken) == 3)

    assert asked - 1 <= took_s / 0.09  # once a pause
    (line,) = told
    assert "Too many open files" in line
    assert "ulimit" in line


async def test_closed_while_it_waits_for_descriptors_it_stays_closed(listener, monkeypatch):
    monkeypatch.setattr(accepting, "_PAUSE_S", 0.05)
    full, taken = Full(listener), []

    with waiting_clients(listener, 1):
        async with accepting_from(full, taken) as acceptor:
            await turns_until(lambda: full.asked)
            acceptor.close()
            full.is_full = False
            await asyncio.sleep(0.15)

    assert taken == []


def test_who_does_not_speak_tls_leaves_nothing_behind(listener, tls_sides):
    context, trusting = tls_sides

    async def serve() -> int:
        taken, held = [], []
        async with accepting_from(listener, taken, context=context):
            for _ in range(4):
                reader, writer = await asyncio.open_connection(*listener.getsockname())
                writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    await asyncio.wait_for(reader.read(), 5)
                writer.close()
                await asyncio.sleep(0.05)
                held.append(descriptors())
            assert held[-1] == held[0]
            _, writer = await asyncio.open_connection(
                *listener.getsockname(), ssl=trusting, server_hostname="127.0.0.1"
            )
            await turns_until(lambda: taken)
            writer.close()
        return len(taken)

    assert run_with_uvloop(serve()) == 1
