"""A real ``qrm serve`` that is asked for more than it may take on, by many clients at once."""

import json
import socket
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import tenacity
import urllib3

from qrmiddleware_benchmarks.engines import probes

CLIENTS = 24
SEARCHES = 480
TAKEN_ON = 4
IN_PIPELINES = 2
LAPTOP = json.dumps({"query": {"match": {"title": "laptop"}}}).encode()
KIND = {"content-type": "application/json"}
FOUND = json.dumps(
    {"took": 1, "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}}
).encode()


class Engine(BaseHTTPRequestHandler):
    """Takes 20 ms for an answer, and notes how many it works on at a time."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        with self.server.lock:
            self.server.at_work += 1
            self.server.most = max(self.server.most, self.server.at_work)
        self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(0.02)
        with self.server.lock:
            self.server.at_work -= 1
            self.server.answered += self.path == "/shop/_search"
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(FOUND)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(FOUND)

    do_GET = do_HEAD = do_POST  # noqa: N815 named by the base class

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Reply:
    """A reply that holds no connection."""

    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture
def engine():
    """An engine that is slow enough to be asked for more than it has answered."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Engine) as server:
        server.daemon_threads = True
        server.lock = threading.Lock()
        server.at_work = server.most = server.answered = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def overloaded(engine, proxy, tmp_path):
    """A proxy with rules that takes little on."""
    rules = tmp_path / "rules.txt"
    rules.write_text("laptop =>\n  SYNONYM: notebook\n")
    return proxy(
        f"http://127.0.0.1:{engine.server_address[1]}",
        pipelines={
            "default": {"rewriters": [{"plugin": "rules", "path": str(rules)}], "timeout_ms": 2_000}
        },
        limits={"max_under_way": TAKEN_ON, "max_in_pipelines": IN_PIPELINES},
    )


def descriptors(running) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


def flood(url: str) -> list[Reply]:
    """Ask from many clients at once, each again as soon as it is answered."""
    with (
        urllib3.PoolManager(maxsize=CLIENTS, retries=False, timeout=30) as http,
        ThreadPoolExecutor(CLIENTS) as clients,
    ):

        def ask(_: int) -> Reply:
            reply = http.request("POST", f"{url}/shop/_search", body=LAPTOP, headers=KIND)
            return Reply(reply.status, dict(reply.headers), reply.data)

        return list(clients.map(ask, range(SEARCHES)))


def test_a_flood_is_answered_or_refused_and_leaves_nothing_behind(engine, overloaded):
    url = f"{overloaded.url}/shop/_search"
    with urllib3.PoolManager(retries=False) as http:
        assert http.request("POST", url, body=LAPTOP, headers=KIND).status == 200
        engine.answered = 0
        before = descriptors(overloaded) if sys.platform == "linux" else 0

        replies = flood(overloaded.url)
        ready = http.request("GET", f"{overloaded.admin_url}/_qrm/health/ready")
        shown = http.request("GET", f"{overloaded.admin_url}/_qrm/metrics").data.decode()
        later = http.request("POST", url, body=LAPTOP, headers=KIND)

    statuses = Counter(reply.status for reply in replies)
    refused = [reply for reply in replies if reply.status == 429]
    skipped = Counter(r.headers.get("x-qrm-degraded") for r in replies if r.status == 200)
    assert set(statuses) == {200, 429}
    assert statuses[200] == engine.answered - 1  # the last is ``later``
    assert engine.most <= TAKEN_ON + 1  # the readiness check is one more
    assert all(int(reply.headers["retry-after"]) >= 1 for reply in refused)
    assert {json.loads(reply.body)["error"]["type"] for reply in refused} == {
        "es_rejected_execution_exception"
    }
    assert set(skipped) == {None, "pipeline=saturated"}
    assert f"qrm_requests_shed_total {float(statuses[429])}" in shown
    assert ready.status == 200
    assert (later.status, later.headers["x-qrm-applied"]) == (200, "rewrite")
    if sys.platform == "linux":
        settle(lambda: descriptors(overloaded) <= before + TAKEN_ON)


def test_over_tls_too_who_is_one_too_many_or_late_is_told(engine, proxy, certified):
    port = probes.free_port()
    proxy(
        f"http://127.0.0.1:{engine.server_address[1]}",
        listen={"port": port, **certified.listen},
        limits={"max_under_way": 1, "client_timeout_ms": 4_000},
    )
    begun = b"POST /shop/_doc/1 HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{"

    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        certified.context.wrap_socket(plain, server_hostname="127.0.0.1") as late,
        urllib3.PoolManager(ssl_context=certified.context, retries=False) as http,
    ):
        late.sendall(begun)
        url = f"https://127.0.0.1:{port}/shop/_search"
        settle(lambda: http.request("POST", url, body=LAPTOP, headers=KIND).status == 429)
        heard = b"".join(iter(lambda: late.recv(65_536), b""))
        later = http.request("POST", url, body=LAPTOP, headers=KIND)

    assert heard.startswith(b"HTTP/1.1 408 ")
    assert b"limits.client_timeout_ms" in heard
    assert later.status == 200


def settle(holds) -> None:
    """Wait until something holds that needs a moment."""
    tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda held: not held),
        stop=tenacity.stop_after_delay(10),
        wait=tenacity.wait_fixed(0.05),
    )(holds)
