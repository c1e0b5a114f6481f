import asyncio
import time

import pytest

from qrmiddleware.upstream.connection import Connection, ConnectionBrokenError


@pytest.fixture
async def connected(start_engine, make_engine):
    """Connect to an engine that answers with these bytes."""
    connections = []

    async def connect(reply):
        url = await start_engine(make_engine(reply))
        loop = asyncio.get_running_loop()
        port = int(url.rpartition(":")[2])
        _, connection = await loop.create_connection(lambda: Connection(loop), "127.0.0.1", port)
        connections.append(connection)
        return connection

    yield connect
    for connection in connections:
        connection.abort()


async def test_one_exchange_follows_the_other(connected):
    connection = await connected(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

    for _ in range(2):
        reader = connection.begin(bodiless=False)
        connection.write(b"GET / HTTP/1.1\r\n\r\n")
        while not reader.complete:
            await connection.wait(1)
        assert connection.usable


async def test_waiting_ends_after_silence(connected):
    connection = await connected(b"")
    connection.begin(bodiless=False)
    began = time.perf_counter()

    with pytest.raises(TimeoutError):
        await connection.wait(0.1)

    assert time.perf_counter() - began > 0.09
    assert not connection.usable


async def test_a_node_that_speaks_unasked_is_left(connected):
    connection = await connected(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n" * 2)
    reader = connection.begin(bodiless=False)
    connection.write(b"GET / HTTP/1.1\r\n\r\n")
    while not reader.complete:
        await connection.wait(1)

    assert not connection.usable


async def test_after_the_end_nothing_can_be_waited_for(connected):
    connection = await connected(b"")
    connection.abort()

    with pytest.raises(ConnectionBrokenError, match="closed by us"):
        await connection.wait(1)
    with pytest.raises(ConnectionBrokenError, match="closed by us"):
        await connection.drain()
    connection.write(b"nothing happens")
    assert connection.peer_certificate() == b""
