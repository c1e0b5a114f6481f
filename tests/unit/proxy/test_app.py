"""What can go wrong between a client and the engine, and what the client sees of it."""

import asyncio
import contextlib
import gc
import json

import pytest
from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl


def metric(proxy, line: str) -> str:
    """Return a metric's value."""
    lines = proxy.service.metrics.render().decode().splitlines()
    return next((text.split()[-1] for text in lines if text.startswith(line + " ")), "none")


async def wait_until(holds) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


@pytest.fixture
async def unused_url():
    server = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("target", ["/p/_search", "/_msearch", "/p/_doc/1", "/p/_count"])
async def test_an_unreachable_engine_is_a_503_in_its_shape(
    proxied, one_synonym, laptop, unused_url, target
):
    proxy = await proxied(pipelines=one_synonym, upstream={"urls": [unused_url]})
    body = b'{}\n{"query":{"match":{"title":"laptop"}}}\n' if target == "/_msearch" else laptop

    answer = await proxy.ask(target, body)

    assert answer.status == 503
    assert answer.json["error"]["type"] == "no_node_available_exception"
    assert "cannot connect" in answer.json["error"]["reason"]
    assert answer.json["status"] == 503
    assert metric(proxy, "qrm_upstream_errors_total") == "1.0"


@pytest.mark.parametrize("target", ["/p/_search", "/p/_doc/1"])
async def test_an_engine_that_stays_silent_is_a_504(proxied, one_synonym, laptop, target):
    async def never(asked):
        await asyncio.sleep(60)

    proxy = await proxied(never, pipelines=one_synonym, upstream={"timeout_ms": 50})

    answer = await proxy.ask(target, laptop)

    assert answer.status == 504
    assert answer.json["error"]["type"] == "gateway_timeout_exception"
    assert len(proxy.engine.asked) == 1


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\nabc\r\n",
    ],
)
async def test_a_reply_that_breaks_off_does_not_end_cleanly(proxied, reply):
    proxy = await proxied(reply)

    with pytest.raises(asyncio.IncompleteReadError):
        await proxy.ask("/a/_doc/1", b"{}", method="PUT")

    assert metric(proxy, "qrm_upstream_errors_total") == "1.0"


async def test_a_short_reply_to_a_read_that_breaks_off_is_a_502(proxied):
    half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc"
    proxy = await proxied(half)

    answer = await proxy.ask("/_cat/indices", method="GET")

    assert answer.status == 502
    assert len(proxy.engine.asked) == 3  # and two retries


async def test_a_search_reply_that_breaks_off_is_a_502(proxied, one_synonym, laptop):
    proxy = await proxied(
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc",
        pipelines=one_synonym,
    )

    answer = await proxy.ask("/p/_search", laptop)

    assert answer.status == 502
    assert answer.json["error"]["type"] == "bad_gateway_exception"


@pytest.mark.parametrize("target", ["/p/_search", "/p/_doc/1", "/_msearch"])
async def test_a_client_that_goes_cancels_its_request_upstream(
    proxied, one_synonym, laptop, target
):
    async def never(asked):
        await asyncio.sleep(60)

    proxy = await proxied(never, pipelines=one_synonym)
    body = b'{}\n{"query":{"match":{"title":"laptop"}}}\n' if target == "/_msearch" else laptop

    asking = asyncio.create_task(proxy.ask(target, body))
    await proxy.engine.got_one.wait()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking

    await asyncio.wait_for(proxy.engine.hung_up.wait(), 20)
    await wait_until(lambda: metric(proxy, "qrm_requests_in_flight") == "0.0")


async def test_a_client_that_goes_in_the_middle_of_its_body_breaks_it_off_upstream(proxied):
    proxy = await proxied()
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    writer.write(b"POST /_bulk HTTP/1.1\r\nhost: x\r\ncontent-length: 300000\r\n\r\n")
    writer.write(b"x" * 100_000)
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.close()

    await asyncio.wait_for(proxy.engine.hung_up.wait(), 20)
    assert not proxy.engine.asked
    await wait_until(lambda: metric(proxy, "qrm_requests_in_flight") == "0.0")


async def test_a_slow_client_is_waited_for(proxied, one_synonym):
    proxy = await proxied(pipelines=one_synonym)
    body = b'{"query":{"match":{"title":"laptop"}}}'
    head = b"POST /p/_search HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    raw = head + b"content-length: %d\r\n\r\n%b" % (len(body), body)
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    for at in range(0, len(raw), 7):
        writer.write(raw[at : at + 7])
        await asyncio.sleep(0.001)
    answer = await proxy.read(reader)
    writer.close()

    assert answer.field("x-qrm-applied") == "rewrite"


async def test_a_bug_in_the_pipeline_costs_its_opinion_and_shows_no_traceback(
    proxied, one_synonym, laptop, monkeypatch, capsys
):
    def broken(*args, **kwargs):
        error = "boom"
        raise LookupError(error)

    monkeypatch.setattr("qrmiddleware.proxy.search.parse_search", broken)
    proxy = await proxied(pipelines=one_synonym)

    answer = await proxy.ask("/p/_search", laptop)

    assert answer.status == 200
    assert answer.field("x-qrm-degraded") == "pipeline=error"
    assert proxy.engine.asked[0].json == laptop
    assert b"boom" not in answer.body
    assert "boom" in capsys.readouterr().err


async def test_a_bug_in_the_proxy_is_a_500_without_a_traceback(proxied, monkeypatch):
    def broken(*args, **kwargs):
        error = "boom"
        raise LookupError(error)

    monkeypatch.setattr("qrmiddleware.proxy.app.relay", broken)
    proxy = await proxied()

    answer = await proxy.ask("/p/_doc/1")

    assert answer.status == 500
    assert answer.json["error"]["reason"] == "internal error; see the proxy's log"


async def test_requests_are_counted_by_kind_and_status(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines=one_synonym)

    await proxy.ask("/p/_search", laptop)
    await proxy.ask("/p/_doc/1")
    await proxy.ask("/p/_search?qrm_pipeline=none", laptop)

    assert metric(proxy, 'qrm_requests_total{kind="search",status="200"}') == "1.0"
    assert metric(proxy, 'qrm_requests_total{kind="search",status="400"}') == "1.0"
    assert metric(proxy, 'qrm_requests_total{kind="other",status="200"}') == "1.0"
    assert metric(proxy, 'qrm_searches_total{outcome="handled",pipeline="default"}') == "1.0"


async def test_a_failing_observer_is_logged_and_costs_nothing(proxied, laptop, capsys):
    class Watching:
        class Settings(BaseModel):
            pass

        def __init__(self, settings):
            pass

        @hookimpl
        def qrm_rewrite(self, query):
            return None

        @hookimpl
        def qrm_observe(self, trace):
            error = "blind"
            raise ValueError(error)

    proxy = await proxied(
        plugins={"watching": Watching},
        pipelines={"default": {"rewriters": [{"plugin": "watching"}]}},
        log={"level": "warning"},
    )

    answer = await proxy.ask("/p/_search", laptop)

    assert answer.status == 200
    logged = ""
    async with asyncio.timeout(20):
        while "blind" not in logged:
            await asyncio.sleep(0.01)
            logged += capsys.readouterr().err


async def test_nothing_is_lost_with_many_clients_at_once(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines=one_synonym)

    answers = await asyncio.gather(*(proxy.ask("/p/_search", laptop) for _ in range(50)))

    assert {answer.status for answer in answers} == {200}
    assert len(proxy.engine.asked) == 50


def ours(thing: object) -> bool:
    """Whether an object is of the proxy or its server, or runs their code."""
    code = getattr(thing, "cr_code", None) or getattr(thing, "f_code", None)
    where = code.co_filename if code else type(thing).__module__
    return any(name in where for name in ("qrmiddleware", "uvicorn", "httptools")) and not any(
        name in where for name in ("tests", "qrmiddleware_benchmarks")
    )


@contextlib.contextmanager
def garbage():
    """Collect what the collector has to free while the block runs."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    found: list[str] = []
    try:
        yield found
        gc.collect()
        found += sorted({type(thing).__name__ for thing in gc.garbage if ours(thing)})
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


@pytest.mark.parametrize("policy", ["dis_max", "append", "rrf"])
@pytest.mark.parametrize("target", ["/_cat/indices", "/p/_search", "/_msearch", "/p/_count"])
async def test_a_request_leaves_nothing_to_the_garbage_collector(proxied, laptop, target, policy):
    pipeline = {"rewriters": [{"plugin": "synonyms"}], "merge": {"policy": policy}}
    proxy = await proxied(pipelines={"default": pipeline})
    body = b'{}\n{"query":{"match":{"title":"laptop"}}}\n' if target == "/_msearch" else b""
    body = body or json.dumps(laptop).encode()
    head = (
        f"POST {target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    ).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

    async def ask() -> None:
        writer.write(head + body)
        assert (await proxy.read(reader)).status == 200

    await ask()
    with garbage() as found:
        for _ in range(3):
            await ask()
    writer.close()

    assert found == []
