"""The admin port: is the proxy alive, is it ready, what has it counted."""

import asyncio
import json

import pytest

from qrmiddleware.proxy import admin as module
from qrmiddleware.proxy.admin import AdminApp


async def get(app: AdminApp, path: str) -> tuple[int, bytes]:
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    await app({"type": "http", "method": "GET", "path": path}, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def test_a_proxy_that_runs_is_alive(proxied):
    proxy = await proxied()

    assert (await get(AdminApp(proxy.service), "/_qrm/health/live"))[0] == 200


async def test_a_proxy_is_ready_when_its_engine_answers_whatever_it_says(proxied, write_http):
    proxy = await proxied(write_http(b"", "401 Unauthorized"))

    status, body = await get(AdminApp(proxy.service), "/_qrm/health/ready")

    assert status == 200
    assert json.loads(body) == {"status": "ready", "upstream_status": 401}


async def test_a_proxy_that_drains_is_not_ready(proxied):
    proxy = await proxied()
    app = AdminApp(proxy.service)
    app.draining = True

    status, body = await get(app, "/_qrm/health/ready")

    assert status == 503
    assert json.loads(body) == {"status": "draining"}


async def test_a_proxy_whose_engine_is_silent_says_so_soon(proxied, monkeypatch):
    async def never(asked):
        await asyncio.sleep(60)

    monkeypatch.setattr(module, "_PATIENCE_S", 0.05)
    proxy = await proxied(never)

    status, body = await get(AdminApp(proxy.service), "/_qrm/health/ready")

    assert status == 503
    assert json.loads(body)["problem"] == "no answer within 0.05 s"


async def test_a_proxy_without_its_engine_is_not_ready(proxied):
    proxy = await proxied(upstream={"urls": ["http://127.0.0.1:1"]})

    status, body = await get(AdminApp(proxy.service), "/_qrm/health/ready")

    assert status == 503
    assert "cannot connect" in json.loads(body)["problem"]


async def test_pipelines_are_shown_with_their_plugins(proxied, one_synonym):
    proxy = await proxied(pipelines=one_synonym)

    _, body = await get(AdminApp(proxy.service), "/_qrm/pipelines")

    shown = json.loads(body)["default"]
    assert shown["merge"] == "dis_max"
    assert shown["plugins"] == [{"name": "synonyms", "hook": "qrm_rewrite", "open_circuit": False}]


@pytest.mark.parametrize("path", ["/", "/_search", "/_qrm", "/_qrm/nothing"])
async def test_what_is_not_there_is_refused_naming_what_is(proxied, path):
    proxy = await proxied()

    status, body = await get(AdminApp(proxy.service), path)

    assert status == 404
    assert "/_qrm/health/ready" in json.loads(body)["error"]["reason"]


async def test_metrics_are_in_prometheus_text(proxied):
    proxy = await proxied()

    status, body = await get(AdminApp(proxy.service), "/_qrm/metrics")

    assert status == 200
    assert b"# TYPE qrm_requests_in_flight gauge" in body
