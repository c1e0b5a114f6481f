"""More requests than are taken on: what is refused, how, and what becomes of the others."""

import asyncio
import contextlib
import json
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families

SEARCH = b'{"query": {"match": {"title": "laptop"}}}'
LENGTH = len(SEARCH)
REFUSED = "es_rejected_execution_exception"


def head(method="POST", target="/p/_search", length=LENGTH, **fields):
    named = {"host": "x", "content-type": "application/json", "content-length": length, **fields}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in named.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()


def metrics(proxy):
    text = proxy.service.metrics.render().decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def wait_until(holds):
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.005)


class Held:
    """A proxy before an engine that answers only once it is let go, and who waits for it."""

    def __init__(self, proxy, go_on):
        self.proxy = proxy
        self.go_on = go_on
        self.waiting = []

    async def fill(self, count, **asked):
        """Ask until the engine has this many requests."""
        ask = {"target": "/p/_search", "body": SEARCH, **asked}
        self.waiting += [asyncio.create_task(self.proxy.ask(**ask)) for _ in range(count)]
        await wait_until(lambda: len(self.proxy.engine.asked) >= count)

    async def let_go(self):
        """Let the engine answer, and return what those who waited got."""
        self.go_on.set()
        return await asyncio.gather(*self.waiting)


@pytest.fixture
def held(proxied, write_http, reply_with):
    async def start(**config):
        go_on = asyncio.Event()

        async def answer(asked):
            await go_on.wait()
            body = reply_with("acme laptop")
            return write_http({"responses": [body]} if "_msearch" in asked.target else body)

        return Held(await proxied(answer, **config), go_on)

    return start


async def test_a_request_too_many_is_refused_as_engines_do(held, one_synonym):
    held = await held(pipelines=one_synonym, limits={"max_under_way": 2})
    await held.fill(2)

    refused = await held.proxy.ask("/p/_search", SEARCH)

    assert refused.status == 429
    assert int(refused.field("retry-after")) >= 1
    assert refused.field("content-type") == "application/json"
    assert refused.json["status"] == 429
    assert refused.json["error"]["type"] == REFUSED
    assert refused.json["error"]["root_cause"][0]["type"] == REFUSED
    assert "limits.max_under_way" in refused.json["error"]["reason"]
    assert len(held.proxy.engine.asked) == 2
    assert metrics(held.proxy)["qrm_requests_shed_total",] == 1
    assert metrics(held.proxy)["qrm_requests_in_flight",] == 2


async def test_what_was_taken_on_is_answered_and_then_there_is_room_again(held):
    held = await held(limits={"max_under_way": 3})
    await held.fill(3)
    refused = [await held.proxy.ask("/p/_search", SEARCH) for _ in range(5)]

    answered = await held.let_go()
    later = await held.proxy.ask("/p/_search", SEARCH)

    assert {reply.status for reply in refused} == {429}
    assert [reply.status for reply in answered] == [200, 200, 200]
    assert later.status == 200
    assert metrics(held.proxy)["qrm_requests_total", "200", "search"] == 4


@pytest.mark.parametrize("target", ["/_bulk", "/p/_doc/1", "/_cat/indices", "/_msearch"])
async def test_every_endpoint_counts_and_is_refused_alike(held, target):
    held = await held(limits={"max_under_way": 1})
    await held.fill(1, target=target)

    assert (await held.proxy.ask(target, b"{}\n")).status == 429
    assert [reply.status for reply in await held.let_go()] == [200]


async def test_a_client_that_goes_makes_room(held):
    held = await held(limits={"max_under_way": 1})
    await held.fill(1)

    held.waiting.pop().cancel()
    await asyncio.wait_for(held.proxy.engine.hung_up.wait(), 20)
    held.go_on.set()

    assert (await held.proxy.ask("/p/_search", SEARCH)).status == 200


async def test_the_body_of_what_is_refused_is_dropped_and_the_connection_goes_on(held):
    held = await held(limits={"max_under_way": 1})
    await held.fill(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", held.proxy.port)

    writer.write(head(target="/_bulk", length=300_000))
    refused = await held.proxy.read(reader)
    writer.write(b"x" * 300_000)
    await held.let_go()
    writer.write(head() + SEARCH)
    answered = await held.proxy.read(reader)
    writer.close()

    assert (refused.status, answered.status) == (429, 200)
    assert [asked.target for asked in held.proxy.engine.asked] == ["/p/_search"] * 2
    assert held.proxy.engine.asked[-1].body == SEARCH


async def test_a_connection_is_good_for_many_refusals(held):
    held = await held(limits={"max_under_way": 1})
    await held.fill(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", held.proxy.port)

    writer.write((head() + SEARCH) * 50)
    statuses = [(await held.proxy.read(reader)).status for _ in range(50)]
    writer.write(head("HEAD", "/", 0))
    bodiless = await held.proxy.read(reader, method="HEAD")
    await held.let_go()
    writer.write(head() + SEARCH)
    answered = await held.proxy.read(reader)
    writer.close()

    assert statuses == [429] * 50
    assert (bodiless.status, answered.status) == (429, 200)


@pytest.mark.parametrize(
    "request_bytes",
    [
        head(connection="close") + SEARCH,
        (head() + SEARCH).replace(b"HTTP/1.1", b"HTTP/1.0"),
        head(expect="100-continue"),
        head(connection="close") + SEARCH + head() + SEARCH,
    ],
    ids=["close", "HTTP/1.0", "waits for a word", "more behind the end"],
)
async def test_a_connection_ends_with_the_refusal_where_it_must(held, request_bytes):
    held = await held(limits={"max_under_way": 1})
    await held.fill(1)
    reader, writer = await asyncio.open_connection("127.0.0.1", held.proxy.port)

    writer.write(request_bytes)
    refused = await held.proxy.read(reader)

    assert (refused.status, refused.field("connection")) == (429, "close")
    assert await asyncio.wait_for(reader.read(), 20) == b""
    assert len(held.proxy.engine.asked) == 1
    writer.close()


async def test_a_request_behind_another_of_its_connection_waits_for_its_turn(held):
    held = await held(limits={"max_under_way": 1})
    reader, writer = await asyncio.open_connection("127.0.0.1", held.proxy.port)

    writer.write((head() + SEARCH) * 2)
    await wait_until(lambda: held.proxy.engine.asked)
    await held.let_go()
    statuses = [(await held.proxy.read(reader)).status for _ in range(2)]
    writer.close()

    assert statuses == [200, 200]


async def test_who_reads_no_refusals_is_read_no_further(held):
    held = await held(limits={"max_under_way": 1})
    await held.fill(1)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(("127.0.0.1", held.proxy.port))
    reader, writer = await asyncio.open_connection(sock=client)
    many = 20_000

    writer.write((head() + SEARCH) * many)
    await wait_until(lambda: len(held.proxy.engine.asked) == 2)
    shed = metrics(held.proxy)["qrm_requests_shed_total",]
    await held.let_go()
    first = await held.proxy.read(reader)
    writer.transport.abort()

    assert shed < many
    assert first.status == 429


async def test_without_room_in_pipelines_a_search_is_passed_on_as_it_came(held, one_synonym):
    held = await held(pipelines=one_synonym, limits={"max_in_pipelines": 1})
    await held.fill(1)
    plain = json.loads(SEARCH)
    with_ours = {**plain, "ext": {"qrm": {"debug": True}}}

    second = asyncio.create_task(held.proxy.ask("/p/_search", with_ours))
    await wait_until(lambda: len(held.proxy.engine.asked) == 2)
    (first,) = await held.let_go()
    second = await second
    third = await held.proxy.ask("/p/_search", SEARCH)

    assert "x-qrm-degraded" not in dict(first.fields)
    assert (second.status, second.field("x-qrm-degraded")) == (200, "pipeline=saturated")
    assert second.field("x-qrm-applied") == "none"
    assert held.proxy.engine.asked[1].json == plain
    assert third.field("x-qrm-applied") == "rewrite"
    assert metrics(held.proxy)["qrm_searches_total", "default", "saturated"] == 1
    assert metrics(held.proxy)["qrm_searches_total", "default", "handled"] == 2


async def test_without_room_in_pipelines_an_msearch_is_passed_on_as_it_came(held, one_synonym):
    held = await held(pipelines=one_synonym, limits={"max_in_pipelines": 1})
    await held.fill(1)
    items = b'{"index": "p"}\n' + SEARCH + b"\n"

    asking = asyncio.create_task(held.proxy.ask("/_msearch", items))
    await wait_until(lambda: len(held.proxy.engine.asked) == 2)
    await held.let_go()
    answered = await asking

    assert (answered.status, answered.field("x-qrm-degraded")) == (200, "pipeline=saturated")
    assert held.proxy.engine.asked[1].body == items
    assert metrics(held.proxy)["qrm_searches_total", "default", "saturated"] == 1


async def test_without_room_an_msearch_still_says_which_pipeline_there_is_not(held, one_synonym):
    held = await held(pipelines=one_synonym, limits={"max_in_pipelines": 1})
    await held.fill(1)
    wrong = {**json.loads(SEARCH), "ext": {"qrm": {"pipeline": "nowhere"}}}
    items = b'{"index": "p"}\n' + json.dumps(wrong).encode() + b"\n"

    answered = await held.proxy.ask("/_msearch", items)
    await held.let_go()

    (reply,) = answered.json["responses"]
    assert (answered.status, reply["status"]) == (200, 400)
    assert "nowhere" in reply["error"]["reason"]
    assert len(held.proxy.engine.asked) == 1


async def test_what_no_pipeline_serves_is_not_called_degraded(held):
    pipelines = {"shop": {"index": "shop", "rewriters": [{"plugin": "synonyms"}]}}
    held = await held(pipelines=pipelines, limits={"max_in_pipelines": 1})
    await held.fill(1, target="/shop/_search")

    asking = [
        asyncio.create_task(held.proxy.ask("/p/_search", SEARCH)),
        asyncio.create_task(held.proxy.ask("/_msearch", b"{}\n" + SEARCH + b"\n")),
    ]
    await wait_until(lambda: len(held.proxy.engine.asked) == 3)
    await held.let_go()

    for answered in await asyncio.gather(*asking):
        assert "x-qrm-degraded" not in dict(answered.fields)


async def test_a_search_that_breaks_off_leaves_its_room_in_pipelines(held, one_synonym):
    held = await held(pipelines=one_synonym, limits={"max_in_pipelines": 1})
    await held.fill(1)

    held.waiting[0].cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await held.waiting.pop()
    await wait_until(lambda: metrics(held.proxy)["qrm_requests_in_flight",] == 0)
    held.go_on.set()

    assert (await held.proxy.ask("/p/_search", SEARCH)).field("x-qrm-applied") == "rewrite"
