"""Tables and Redis servers for the tests."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import redis

from qrmiddleware_rewrite_table.normalise import NFKC_CASEFOLD
from qrmiddleware_rewrite_table.sqlite_table import write_table
from qrmiddleware_rewrite_table.table import Entry

REWRITES = [
    Entry("garden hoze", "garden hose", 0.9),
    Entry("garden hoze", "water hose", 0.5),
    Entry("garden hoze", "hose reel", 0.1),
    Entry("sneekers", "sneakers", 0.8),
]


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Iterable[Entry]], Path]:
    """Writes a table, always at the same path."""

    def write_entries(entries: Iterable[Entry]) -> Path:
        path = tmp_path / "rewrites.sqlite"
        write_table(path, entries, normalisation=NFKC_CASEFOLD, source="test")
        return path

    return write_entries


@pytest.fixture
def table_path(write: Callable[[Iterable[Entry]], Path]) -> Path:
    """A table of a few rewrites."""
    return write(REWRITES)


@contextmanager
def running_redis(folder: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        port = probe.getsockname()[1]
    program = shutil.which("redis-server") or "redis-server"
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(folder)]
    with ExitStack() as stack:
        server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.kill)
        with redis.Redis(port=port) as client:
            deadline = time.monotonic() + 10
            while True:
                try:
                    client.ping()
                    break
                except redis.ConnectionError:
                    assert time.monotonic() < deadline, "redis-server did not start"
                    time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0", server


def require_redis_server() -> None:
    if shutil.which("redis-server") is None:
        give_up = pytest.fail if os.environ.get("QRM_E2E_REQUIRE") == "1" else pytest.skip
        give_up("no Redis: install redis-server or set QRM_E2E_REDIS_URL")


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis that the tests share; each keeps to a prefix of its own."""
    if url := os.environ.get("QRM_E2E_REDIS_URL"):
        yield url
        return
    require_redis_server()
    with running_redis(tmp_path_factory.mktemp("redis")) as (url, _):
        yield url


@pytest.fixture
def mortal_redis(tmp_path: Path) -> Iterator[tuple[str, Callable[[], None], Callable[[], None]]]:
    """A Redis of the test's own: its URL, how to kill it, and how to bring it back, empty."""
    require_redis_server()
    with ExitStack() as stack:
        url, server = stack.enter_context(running_redis(tmp_path))
        port = int(url.rpartition(":")[2].removesuffix("/0"))

        def kill() -> None:
            server.kill()
            server.wait()

        yield url, kill, lambda: stack.enter_context(running_redis(tmp_path, port))


@pytest.fixture
def prefix() -> str:
    return f"test:{os.getpid()}:{time.monotonic_ns()}"
