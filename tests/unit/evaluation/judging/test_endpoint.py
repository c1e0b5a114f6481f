"""An endpoint that misbehaves, over real HTTP."""

import asyncio
import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.judging.endpoint import (
    ChatEndpoint,
    EndpointError,
    EndpointOptions,
    Pace,
    RefusedError,
    Reply,
    UnansweredError,
)

MESSAGES = ({"role": "system", "content": "judge"}, {"role": "user", "content": "Query: a"})


async def ask(judge, **options):
    options = {"backoff_s": 0.001, "timeout_s": 5.0, "url": judge.url} | options
    async with ChatEndpoint(EndpointOptions(model="m", **options)) as endpoint:
        return await endpoint.ask(MESSAGES)


async def slow(body):
    await asyncio.sleep(0.5)


async def test_asks_as_openai_does(fake_judge):
    fake_judge.script = ["fine"]

    reply = await ask(fake_judge, api_key="secret", body={"seed": 1, "max_tokens": None})

    assert reply == Reply("fine", 100, 7)
    assert fake_judge.headers["Authorization"] == "Bearer secret"
    assert fake_judge.requests == [
        {"model": "m", "messages": list(MESSAGES), "temperature": 0, "seed": 1}
    ]


async def test_takes_the_full_url_too_and_sends_no_key_unasked(fake_judge):
    fake_judge.script = ["fine"]

    await ask(fake_judge, url=f"{fake_judge.url}/chat/completions/")

    assert "Authorization" not in fake_judge.headers


async def test_a_key_is_not_shown():
    assert "secret" not in repr(EndpointOptions("http://x", "m", "secret"))


@pytest.mark.parametrize(
    "trouble",
    [
        web.Response(status=500, text="oh"),
        web.Response(status=429),
        web.Response(status=503, headers={"retry-after": "0"}),
        web.Response(text="<html>welcome to the gateway"),
        web.json_response({"choices": []}),
        web.json_response([1]),
    ],
    ids=lambda response: str(response.status),
)
async def test_asks_again_where_that_may_help(fake_judge, trouble):
    fake_judge.script = [trouble, "fine"]

    assert (await ask(fake_judge)).content == "fine"
    assert len(fake_judge.requests) == 2


async def test_waits_as_long_as_the_endpoint_asks(fake_judge):
    fake_judge.script = [web.Response(status=429, headers={"retry-after": "0.3"}), "fine"]
    started = time.perf_counter()

    await ask(fake_judge)

    assert time.perf_counter() - started >= 0.3


async def test_reads_a_date_to_wait_for(fake_judge):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    fake_judge.script = [web.Response(status=429, headers={"retry-after": until}), "fine"]
    started = time.perf_counter()

    await ask(fake_judge)

    assert time.perf_counter() - started >= 0.9


async def test_backs_off_by_itself_where_it_cannot_read_how_long(fake_judge):
    fake_judge.script = [web.Response(status=429, headers={"retry-after": "soon"}), "fine"]

    assert (await ask(fake_judge)).content == "fine"


async def test_all_wait_where_one_is_told_to(fake_judge):
    busy = web.Response(status=429, headers={"retry-after": "0.4"})
    fake_judge.script = [busy, "one", "two"]
    started = time.perf_counter()

    async with ChatEndpoint(EndpointOptions(fake_judge.url, "m")) as endpoint:
        first = asyncio.create_task(endpoint.ask(MESSAGES))
        await asyncio.sleep(0.1)
        await endpoint.ask(MESSAGES)
        await first

    assert time.perf_counter() - started >= 0.4


async def test_does_not_wait_for_hours(fake_judge):
    fake_judge.script = [web.Response(status=429, headers={"retry-after": "7200"}, text="quota")]

    with pytest.raises(UnansweredError, match="HTTP 429: quota"):
        await ask(fake_judge)
    assert len(fake_judge.requests) == 1


async def test_gives_one_pair_up_after_its_attempts(fake_judge):
    fake_judge.script = [web.Response(status=500, text="oh") for _ in range(3)]

    with pytest.raises(UnansweredError, match="HTTP 500: oh"):
        await ask(fake_judge, attempts=3)
    assert len(fake_judge.requests) == 3


async def test_does_not_wait_for_an_endpoint_that_is_slow(fake_judge):
    fake_judge.script = [slow, "fine"]

    assert (await ask(fake_judge, timeout_s=0.2)).content == "fine"


async def test_says_that_nobody_listens():
    options = EndpointOptions("http://127.0.0.1:9", "m", attempts=2, backoff_s=0.001)

    async with ChatEndpoint(options) as endpoint:
        with pytest.raises(UnansweredError, match=r"127\.0\.0\.1:9"):
            await endpoint.ask(MESSAGES)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 302])
async def test_what_no_repetition_mends_ends_all(fake_judge, status):
    told = {"error": {"message": "no such\nkey"}}
    fake_judge.script = [web.json_response(told, status=status)]

    with pytest.raises(EndpointError, match=f"answered HTTP {status}: no such key"):
        await ask(fake_judge)
    assert len(fake_judge.requests) == 1


@pytest.mark.parametrize("error", [{"error": "too long"}, {"error": {"message": "too long"}}])
async def test_what_is_wrong_with_one_request_is_refused(fake_judge, error):
    fake_judge.script = [web.json_response(error, status=400)]

    with pytest.raises(RefusedError, match="HTTP 400: too long"):
        await ask(fake_judge)


async def test_content_that_is_none_is_empty_and_tokens_may_be_untold(fake_judge):
    fake_judge.script = [web.json_response({"choices": [{"message": {"content": None}}]})]

    assert await ask(fake_judge) == Reply("")


async def test_an_impossible_url_is_named(fake_judge):
    with pytest.raises(ConfigError, match="is no URL"):
        await ask(fake_judge, url="nowhere")


async def test_speaks_tls_to_whom_it_is_told_to_trust(fake_judge, tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    app = web.Application()
    app.router.add_post("/v1/chat/completions", fake_judge.handle)
    fake_judge.script = ["fine", "fine"]
    server = TestServer(app, host="localhost", scheme="https")
    await server.start_server(ssl=context)

    try:
        url = str(server.make_url("/v1"))
        assert (await ask(fake_judge, url=url, ca=tmp_path / "ca.pem")).content == "fine"
        with pytest.raises(UnansweredError, match="certificate"):
            await ask(fake_judge, url=url, attempts=1)
    finally:
        await server.close()


async def test_no_certificates_to_trust_is_an_error(tmp_path):
    (tmp_path / "ca.pem").write_text("none")

    with pytest.raises(ConfigError, match=r"ca.pem: no certificates to trust"):
        async with ChatEndpoint(EndpointOptions("http://x", "m", ca=tmp_path / "ca.pem")):
            pass


async def test_asks_only_while_it_is_open(fake_judge):
    with pytest.raises(ValueError, match="not open"):
        await ChatEndpoint(EndpointOptions(fake_judge.url, "m")).ask(MESSAGES)


async def test_goes_no_faster_than_the_rate():
    pace = Pace(rate_hz=50)
    started = time.perf_counter()

    await asyncio.gather(*(pace.turn() for _ in range(6)))

    assert time.perf_counter() - started >= 0.098
