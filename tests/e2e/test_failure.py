"""Plugins that are slow, broken or too many, in a real ``qrm serve``: the search goes on."""

import contextlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import tenacity
import urllib3

PLUGINS = '''
"""Plugins that do what their query says."""

import time

from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl
from qrmiddleware.model import Rewrite


class Moody:
    """Sleeps on "sleep", shortly on "nap", raises on "raise", answers nonsense on "nonsense"."""

    class Settings(BaseModel):
        """No options."""

    def __init__(self, settings):
        self.calls = 0

    @hookimpl
    def qrm_rewrite(self, query):
        if "sleep" in query.text:
            time.sleep(100)
        if "nap" in query.text:
            time.sleep(3)
        if "raise" in query.text:
            raise RuntimeError("moody today")
        if "nonsense" in query.text:
            return "not a list of rewrites"
        if "exit" in query.text:
            raise SystemExit(3)
        return [Rewrite("notebook")]

    @hookimpl
    def qrm_filter(self, query, hits):
        return [True] * (len(hits) + 1) if "miscounts" in query.text else None

    @hookimpl
    def qrm_reward(self, query, hits):
        return [float("nan")] * len(hits) if "unmeasurable" in query.text else None
'''
MEMBER = {"plugin": "moody"}
HURRIED = {"timeout_ms": 300}


@pytest.fixture(scope="module")
def moody(tmp_path_factory):
    """Install a distribution with one plugin, for processes that are started from here on."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "moody_plugin.py").write_text(PLUGINS)
    information = folder / "moody-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: moody\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[qrmiddleware]\nmoody = moody_plugin:Moody\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield


@pytest.fixture
def start(moody, proxy):
    """Start a proxy with the plugin on the embedded engine, and two documents in it."""

    def start(member: dict[str, Any] | None = None, pipeline: Any = None, **config: Any):
        slot = {**MEMBER, **(member or {})}
        started = proxy(
            "http://127.0.0.1:1",
            upstream={"embedded": True},
            pipelines={"default": {"timeout_ms": 10_000, "rewriters": [slot], **(pipeline or {})}},
            **config,
        )
        for number, title in enumerate(["acme laptop", "acme notebook"]):
            body = json.dumps({"title": title}).encode()
            ask(started.url, f"/p/_doc/{number}?refresh=true", body)
        return started

    return start


def ask(url: str, target: str, body: bytes | None, method: str = "POST") -> Any:
    headers = {"content-type": "application/json"}
    with urllib3.PoolManager(retries=False) as http:
        return http.request(method, url + target, body=body, headers=headers, timeout=20)


def search(url: str, text: str) -> Any:
    body = json.dumps({"query": {"match": {"title": text}}}).encode()
    return ask(url, "/p/_search", body)


def found(reply: Any) -> int:
    return reply.json()["hits"]["total"]["value"]


def search_until_whole(url: str) -> Any:
    """Search again and again, until no plugin is skipped any more."""
    return tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda reply: "x-qrm-degraded" in reply.headers),
        stop=tenacity.stop_after_delay(30),
        wait=tenacity.wait_fixed(0.1),
    )(search, url, "laptop")


def test_a_plugin_that_fails_costs_its_opinion_only(start):
    proxy = start(
        pipeline={"filters": [{**MEMBER, "tag": "f"}], "rewards": [{**MEMBER, "tag": "r"}]}
    )

    replies = {
        text: search(proxy.url, f"laptop {text}")
        for text in ("fine", "raise", "nonsense", "miscounts", "unmeasurable")
    }

    degraded = {text: reply.headers.get("x-qrm-degraded") for text, reply in replies.items()}
    assert degraded == {
        "fine": None,
        "raise": "moody=error",
        "nonsense": "moody=error",
        "miscounts": "f=error",
        "unmeasurable": "r=error",
    }
    assert [found(replies[text]) for text in replies] == [2, 1, 1, 2, 2]
    assert "moody today" in proxy.log.read_text()


def test_a_slow_plugin_is_given_up_in_time(start):
    proxy = start(pipeline=HURRIED)

    began = time.perf_counter()
    reply = search(proxy.url, "laptop sleep")

    assert time.perf_counter() - began < 5
    assert reply.headers["x-qrm-degraded"] == "moody=timeout"
    assert found(reply) == 1


def test_a_plugin_that_wants_to_exit_does_not_take_the_proxy_along(start):
    proxy = start()

    reply = search(proxy.url, "laptop exit")

    assert reply.status == 200
    assert found(search(proxy.url, "laptop")) == 2


def test_a_plugin_that_keeps_failing_is_switched_off_and_tried_again(start):
    proxy = start(limits={"breaker_failures": 3, "breaker_reset_ms": 5_000})

    for _ in range(3):
        search(proxy.url, "laptop raise")
    off = search(proxy.url, "laptop")
    shown = ask(proxy.admin_url, "/_qrm/pipelines", None, "GET").json()
    again = search_until_whole(proxy.url)

    assert off.headers["x-qrm-degraded"] == "moody=open_circuit"
    assert found(off) == 1
    assert shown["default"]["plugins"][0]["open_circuit"] is True
    assert found(again) == 2


def test_a_pool_that_is_full_skips_calls_and_recovers(start):
    limits = {"plugin_threads": 2, "plugin_queue": 0, "breaker_failures": 1_000}
    proxy = start(pipeline=HURRIED, limits=limits)

    with ThreadPoolExecutor(12) as pool:
        replies = list(pool.map(lambda _: search(proxy.url, "laptop nap"), range(12)))
    degraded = {reply.headers["x-qrm-degraded"] for reply in replies}

    assert degraded == {"moody=timeout", "moody=saturated"}
    assert {found(reply) for reply in replies} == {1}
    assert found(search_until_whole(proxy.url)) == 2


def test_a_plugin_whose_failure_counts_fails_the_search(start):
    proxy = start({"ignore_failure": False})

    reply = search(proxy.url, "laptop raise")

    assert reply.status == 500
    assert reply.json()["error"]["type"] == "qrm_plugin_exception"
    assert "Traceback" not in reply.data.decode()
    assert found(search(proxy.url, "laptop")) == 2


def test_a_client_in_a_hurry_does_not_switch_a_plugin_off_for_others(start):
    proxy = start(limits={"breaker_failures": 3})

    for _ in range(5):
        ask(proxy.url, "/p/_search?qrm_timeout_ms=0.001&q=laptop+sleep", None, "GET")

    assert search(proxy.url, "laptop").headers.get("x-qrm-degraded") is None


def test_metrics_tell_what_was_skipped(start):
    proxy = start(pipeline=HURRIED)

    search(proxy.url, "laptop raise")
    search(proxy.url, "laptop sleep")

    metrics = ask(proxy.admin_url, "/_qrm/metrics", None, "GET").data.decode()
    label = 'hook="qrm_rewrite",outcome="{}",pipeline="default",plugin="moody"'
    for outcome in ("error", "timeout"):
        assert f"qrm_plugin_calls_total{{{label.format(outcome)}}} 1.0" in metrics


def test_a_proxy_that_stops_does_not_wait_for_a_sleeping_plugin(start):
    proxy = start(pipeline=HURRIED)
    assert search(proxy.url, "laptop sleep").headers["x-qrm-degraded"] == "moody=timeout"

    began = time.perf_counter()
    proxy.stop()

    assert time.perf_counter() - began < 15
    assert "moody is still at work" in proxy.log.read_text()


class Fine(BaseHTTPRequestHandler):
    """An engine that finds nothing."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"{}")

    do_GET = do_HEAD = do_POST  # noqa: N815 named by the base class

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def engine(port: int = 0):
    with ThreadingHTTPServer(("127.0.0.1", port), Fine) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_an_engine_that_goes_is_a_503_until_it_comes_back(proxy):
    with engine() as port:
        started = proxy(f"http://127.0.0.1:{port}", upstream={"max_retries": 0})
        assert ask(started.url, "/p/_doc/1", None, "GET").status == 200
    time.sleep(0.2)

    gone = [ask(started.url, "/p/_doc/1", None, "PUT") for _ in range(3)]
    ready = ask(started.admin_url, "/_qrm/health/ready", None, "GET")
    with engine(port):
        back = ask(started.url, "/p/_doc/1", None, "GET")
        ready_again = ask(started.admin_url, "/_qrm/health/ready", None, "GET")

    assert gone[-1].status == 503
    assert gone[-1].json()["error"]["type"] == "no_node_available_exception"
    assert ready.status == 503
    assert (back.status, ready_again.status) == (200, 200)
