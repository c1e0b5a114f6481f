"""``qrm serve`` as a process: draining, workers, TLS, admin port, memory, disconnects."""

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import tenacity
import urllib3

from qrmiddleware_benchmarks.engines import probes

LAPTOP = b'{"query": {"match": {"title": "laptop"}}}'
FOUND = json.dumps(
    {
        "took": 1,
        "hits": {
            "total": {"value": 1, "relation": "eq"},
            "max_score": 1.0,
            "hits": [{"_index": "p", "_id": "1", "_score": 1.0, "_source": {"title": "laptop"}}],
        },
    }
).encode()


class Slow(BaseHTTPRequestHandler):
    """An engine that takes as long as ``?wait=`` says at most, and counts what it was sent."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        size = self._read()
        if "wait=" in self.path:
            self.server.arrived.set()
            self.server.go_on.wait(float(self.path.partition("wait=")[2]))
        body = json.dumps({"size": size}).encode() if "_bulk" in self.path else FOUND
        if "size_mib=" in self.path:
            self._send_much(int(self.path.partition("size_mib=")[2]))
            return
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST  # noqa: N815 named by the base class

    def _read(self) -> int:
        if "content-length" in self.headers:
            left = size = int(self.headers["content-length"])
            while left:
                left -= len(self.rfile.read(min(left, 65_536)))
            return size
        size = 0
        if self.headers.get("transfer-encoding") == "chunked":
            while part := int(self.rfile.readline(), 16):
                self.rfile.read(part + 2)
                size += part
            self.rfile.readline()
        return size

    def _send_much(self, size_mib: int) -> None:
        self.send_response(200)
        self.send_header("content-length", str(size_mib * 2**20))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            for _ in range(size_mib):
                self.wfile.write(b"x" * 2**20)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def engine():
    """A slow engine; its URL, what tells that a request waits, and what ends its wait."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    server.daemon_threads = True
    server.arrived, server.go_on = threading.Event(), threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def ask(url: str, target: str, body: bytes | None = LAPTOP, method: str = "POST", **fields: str):
    headers = {"content-type": "application/json", **fields}
    with urllib3.PoolManager(retries=False) as http_pool:
        return http_pool.request(method, url + target, body=body, headers=headers, timeout=60)


def eventually(holds: Callable[[], Any], seconds: float = 20) -> Any:
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type((OSError, urllib3.exceptions.HTTPError))
        | tenacity.retry_if_result(lambda answer: not answer),
        stop=tenacity.stop_after_delay(seconds),
        wait=tenacity.wait_fixed(0.05),
    )
    return waiting(holds)


def refuses(url: str) -> bool:
    host, _, port = url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def rss_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1_024


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


@pytest.mark.parametrize("workers", [1, 2])
def test_sigterm_lets_requests_finish_and_takes_no_more(engine, proxy, workers):
    started = proxy(engine.url, listen={"workers": workers}, admin={"port": two_free_ports()})
    last_admin_url = f"http://127.0.0.1:{int(started.admin_url.rpartition(':')[2]) + workers - 1}"
    eventually(lambda: ask(last_admin_url, "/_qrm/health/ready", None, "GET").status == 200)
    thread, replies = in_background(lambda: ask(started.url, "/p/_doc/1?wait=30"))
    assert engine.arrived.wait(30)

    started.process.send_signal(signal.SIGTERM)

    if workers == 1:
        admin = eventually(lambda: draining(started.admin_url))
        assert admin["status"] == "draining"
    eventually(lambda: refuses(started.url))
    thread.join(1.5)
    assert thread.is_alive()
    engine.go_on.set()
    thread.join(30)
    assert replies[0].status == 200
    assert replies[0].data == FOUND
    assert started.process.wait(30) == 0


def draining(admin_url: str) -> dict[str, str] | None:
    reply = ask(admin_url, "/_qrm/health/ready", None, "GET")
    return json.loads(reply.data) if reply.status == 503 else None


def test_requests_that_outlast_the_drain_are_broken_off(engine, proxy):
    started = proxy(engine.url, limits={"drain_ms": 1000})
    thread, replies = in_background(lambda: ask(started.url, "/p?wait=20"))
    assert engine.arrived.wait(30)

    started.process.send_signal(signal.SIGTERM)

    assert started.process.wait(15) == 0  # sooner than the request, which takes 20 s
    thread.join(30)
    assert replies[0].status == 503
    assert "the proxy stops" in json.loads(replies[0].data)["error"]["reason"]


def test_a_worker_that_is_killed_is_replaced(engine, proxy):
    started = proxy(engine.url, listen={"workers": 2}, admin={"port": two_free_ports()})
    before = eventually(lambda: workers_of(started.process.pid, count=2))

    os.kill(before[0], signal.SIGKILL)

    after = eventually(lambda: workers_of(started.process.pid, count=2, without=before[0]))
    assert before[1] in after
    for _ in range(20):
        assert ask(started.url, "/p/_doc/1").status == 200


def test_workers_do_not_outlive_the_process_that_watches_over_them(engine, proxy):
    started = proxy(engine.url, listen={"workers": 2}, admin={"port": two_free_ports()})
    workers = eventually(lambda: workers_of(started.process.pid, count=2))
    time.sleep(1)

    started.process.kill()
    started.process.wait()

    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def workers_of(parent: int, *, count: int, without: int = 0) -> list[int] | None:
    """Return the process ids of the workers that serve, once there are as many."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = [
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes() and int(child) != without
    ]
    return found if len(found) == count else None


def test_workers_that_cannot_start_end_the_command_with_exit_code_2(tmp_path):
    (tmp_path / "x.yaml").write_text(
        "listen: {port: 0, workers: 2}\n"
        "pipelines: {default: {rewriters: [{plugin: rules, path: nowhere.txt}]}}\n"
    )

    ran = subprocess.run(
        [Path(sys.executable).with_name("qrm"), "serve", "--config", "x.yaml"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 2
    assert "nowhere.txt" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_https_is_served_with_a_certificate(engine, proxy, certified):
    port = probes.free_port()
    proxy(engine.url, listen={"port": port, **certified.listen})

    with urllib3.PoolManager(ssl_context=certified.context) as http_pool:
        reply = http_pool.request("POST", f"https://127.0.0.1:{port}/p/_doc/1", body=b"{}")
    assert reply.data == FOUND
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(f"http://127.0.0.1:{port}", "/p/_doc/1")


def two_free_ports() -> int:
    """Return a port that is free as well as the next one, for the second worker's admin port."""
    while True:
        port = probes.free_port()
        with contextlib.suppress(OSError), socket.socket() as server:
            server.bind(("127.0.0.1", port + 1))
            return port


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_upload_is_streamed_in_bounded_memory(engine, proxy, framing):
    started = proxy(engine.url, pipelines={"default": {}})
    ask(started.url, "/_bulk", b"{}\n")
    before, size = rss_mib(started.process.pid), 100 * 2**20
    chunks = (b"x" * 2**20 for _ in range(100))

    if framing == "chunked":
        reply = ask(started.url, "/_bulk", chunks)
    else:
        reply = ask(started.url, "/_bulk", chunks, **{"content-length": str(size)})

    assert json.loads(reply.data) == {"size": size}
    assert rss_mib(started.process.pid) - before < 24


def test_a_long_reply_is_streamed_to_a_slow_reader_in_bounded_memory(engine, proxy):
    started = proxy(engine.url)
    ask(started.url, "/p")
    before = rss_mib(started.process.pid)
    host, port = started.url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port))

    connection.request("GET", "/p?size_mib=200")
    reply = connection.getresponse()
    time.sleep(1)
    size = 0
    while part := reply.read(2**20):
        size += len(part)

    connection.close()
    assert size == 200 * 2**20
    assert rss_mib(started.process.pid) - before < 24


def test_the_admin_port_shows_pipelines_and_metrics(engine, proxy):
    started = proxy(engine.url, pipelines={"default": {"index": "p*"}})
    ask(started.url, "/p/_search")

    metrics = ask(started.admin_url, "/_qrm/metrics", None, "GET").data.decode()
    pipelines = json.loads(ask(started.admin_url, "/_qrm/pipelines", None, "GET").data)

    assert 'qrm_requests_total{kind="search",status="200"} 1.0' in metrics
    assert 'qrm_searches_total{outcome="untouched",pipeline="default"} 1.0' in metrics
    assert pipelines["default"]["index"] == ["p*"]
    assert ask(started.url, "/_qrm/metrics", None, "GET").data == FOUND  # the engine's to answer


def test_the_log_can_be_json_with_a_line_a_request(engine, proxy):
    started = proxy(engine.url, log={"format": "json", "access": True})
    ask(started.url, "/p/_doc/1")

    with socket.create_connection(("127.0.0.1", int(started.url.rpartition(":")[2]))) as raw:
        raw.sendall(b"garbage\r\n\r\n")
        raw.recv(1_000)
    started.stop()

    lines = [json.loads(line) for line in started.log.read_text().splitlines()]
    assert [line["event"] for line in lines][-2:] == ["request", "stopped"]


async def test_nothing_is_lost_under_many_connections(engine, proxy):
    started = proxy(engine.url, pipelines={"default": {}})

    async def one() -> int:
        return (await asyncio.to_thread(ask, started.url, "/p/_search")).status

    assert set(await asyncio.gather(*(one() for _ in range(200)))) == {200}
