import asyncio
import ssl
import sys
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise

import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from qrmiddleware.asking.completions import Reply
from qrmiddleware.asking.endpoint import Endpoint, EndpointOptions
from qrmiddleware.asking.errors import EndpointError, RefusedError, Trouble, UnansweredError
from qrmiddleware.asking.pace import Pace
from qrmiddleware.errors import ConfigError

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "?"}], "seed": 1}


class Answers:
    """Gives one answer after the other, made then if it is a function; then it is fine."""

    def __init__(self, *script):
        self.script = list(script)
        self.asked = []
        self.times = []

    async def handle(self, request):
        self.times.append(time.perf_counter())
        self.asked.append(
            (request.path, request.headers.get("authorization"), await request.json())
        )
        answer = self.script.pop(0) if self.script else web.json_response({"fine": True})
        return answer() if callable(answer) else answer


def app_of(answers):
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answers.handle)
    return app


def busy(**headers):
    return web.json_response({"error": {"message": "slow\ndown"}}, status=429, headers=headers)


def http_date(*, seconds):
    return format_datetime(datetime.now(UTC) + timedelta(seconds=seconds), usegmt=True)


def completion(content, **more):
    return web.json_response({"choices": [{"message": {"content": content}}], **more})


async def ask(answers, request=REQUEST, *, complete=False, **options):
    async with TestServer(app_of(answers)) as server:
        url = str(server.make_url("/v1"))
        told = {"url": url, "backoff_s": 0.001, "timeout_s": 5.0, "attempts": 3} | options
        if told["url"] == "whole":
            told["url"] = f"{url}/chat/completions/"
        async with Endpoint(EndpointOptions(**told)) as endpoint:
            return await (endpoint.complete(request) if complete else endpoint.ask(request))


@pytest.mark.parametrize("options", [{}, {"url": "whole"}])
async def test_asks_as_openai_does(options):
    answers = Answers()

    assert await ask(answers, api_key="secret", **options) == {"fine": True}
    assert answers.asked == [("/v1/chat/completions", "Bearer secret", REQUEST)]


def test_a_key_is_not_shown():
    assert "secret" not in repr(EndpointOptions("http://x", "secret"))


async def test_a_key_that_the_endpoint_quotes_is_masked():
    answers = Answers(web.json_response({"error": "wrong key secret-1"}, status=401))

    with pytest.raises(EndpointError, match=r"wrong key \*\*\*$") as raised:
        await ask(answers, api_key="secret-1")

    assert "secret-1" not in str(raised.value)


async def test_a_key_in_the_environment_is_not_sent_unasked(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    answers = Answers()

    await ask(answers)

    assert answers.asked[0][1] is None


@pytest.mark.parametrize("key", ["one two", "one\n", "clé"])
async def test_a_key_that_no_header_holds_is_said_and_not_shown(key):
    answers = Answers()

    with pytest.raises(ConfigError, match="the API's key has characters") as raised:
        await ask(answers, api_key=key)

    assert key not in str(raised.value)
    assert answers.asked == []


async def test_a_request_may_lack_what_the_endpoint_knows_itself():
    answers = Answers()

    await ask(answers, {"seed": 1})

    assert answers.asked[0][2] == {"seed": 1}


async def test_half_a_character_does_not_break_the_request():
    answers = Answers()

    await ask(answers, {"model": "m", "messages": [{"role": "user", "content": "a\ud83dü"}]})

    assert answers.asked[0][2]["messages"] == [{"role": "user", "content": "a?ü"}]


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503])
async def test_asks_again_where_that_may_help(status):
    answers = Answers(web.Response(status=status, text="oh"))

    assert await ask(answers) == {"fine": True}
    assert len(answers.asked) == 2


@pytest.mark.parametrize(
    ("headers", "least_s"),
    [
        ({"retry-after": "0.3"}, 0.29),
        ({"retry-after-ms": "300"}, 0.29),
        ({"retry-after": http_date(seconds=-3600)}, 0.0),
        ({"retry-after": "soon"}, 0.0),
    ],
    ids=["seconds", "milliseconds", "past", "words"],
)
async def test_waits_as_long_as_it_is_told(headers, least_s):
    answers = Answers(busy(**headers))

    await ask(answers)

    (wait,) = (after - before for before, after in pairwise(answers.times))
    assert least_s <= wait < least_s + 10


async def test_reads_a_date_to_wait_for():
    answers = Answers(lambda: busy(**{"retry-after": http_date(seconds=2)}))

    await ask(answers)

    assert answers.times[1] - answers.times[0] >= 0.5


async def test_all_wait_where_one_is_told_to(monkeypatch):
    answers, told = Answers(busy(**{"retry-after": "0.4"})), asyncio.Event()
    pause = Pace.pause
    monkeypatch.setattr(Pace, "pause", lambda *args: pause(*args) or told.set())

    async with (
        TestServer(app_of(answers)) as server,
        Endpoint(EndpointOptions(str(server.make_url("/v1")))) as endpoint,
    ):
        first = asyncio.create_task(endpoint.ask(REQUEST))
        await asyncio.wait_for(told.wait(), 10)
        await endpoint.ask(REQUEST)
        await first

    assert min(answers.times[1:]) - answers.times[0] >= 0.39


async def test_does_not_wait_for_hours():
    answers = Answers(busy(**{"retry-after": "7200"}))

    with pytest.raises(UnansweredError, match=r"HTTP 429: slow down") as raised:
        await ask(answers)
    assert raised.value.trouble is Trouble.RATE_LIMITED
    assert len(answers.asked) == 1


async def test_a_quota_that_is_used_up_ends_all():
    used = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    answers = Answers(web.json_response(used, status=429))

    with pytest.raises(EndpointError, match="You exceeded your quota"):
        await ask(answers)
    assert len(answers.asked) == 1


@pytest.mark.parametrize("status", [302, 307, 401, 402, 403, 404, 405])
async def test_what_no_repetition_mends_ends_all(status):
    elsewhere = {"location": "/elsewhere"} if status < 400 else {}
    told = {"error": {"message": "no such\nmodel"}}
    answers = Answers(web.json_response(told, status=status, headers=elsewhere))

    with pytest.raises(EndpointError, match=f"HTTP {status}: no such model"):
        await ask(answers)
    assert len(answers.asked) == 1


@pytest.mark.parametrize("error", [{"error": "too long"}, {"error": {"message": "too long"}}])
async def test_a_request_that_is_not_taken_is_refused(error):
    with pytest.raises(RefusedError, match="HTTP 400: too long"):
        await ask(Answers(web.json_response(error, status=400)))


async def test_complaints_are_told_in_short():
    answers = Answers(web.Response(status=400, text="x" * 1000))

    with pytest.raises(RefusedError, match=r"HTTP 400: x+…") as raised:
        await ask(answers)
    assert len(str(raised.value)) < 300


async def test_gives_up_after_its_attempts():
    answers = Answers(*(web.Response(status=500, text="oh") for _ in range(3)))

    with pytest.raises(UnansweredError, match=r"HTTP 500: oh") as raised:
        await ask(answers)
    assert raised.value.trouble is Trouble.SERVER_ERROR
    assert len(answers.asked) == 3


async def test_what_is_no_json_is_asked_again():
    answers = Answers(web.Response(text="<html>hello"))

    assert await ask(answers) == {"fine": True}


async def test_what_stays_no_json_is_told():
    answers = Answers(*(web.Response(text='{"choices": [') for _ in range(3)))

    with pytest.raises(UnansweredError, match=r"HTTP 200 with what is no JSON") as raised:
        await ask(answers)
    assert raised.value.trouble is Trouble.NO_JSON


async def test_a_completion_is_read():
    usage = {"prompt_tokens": 100, "completion_tokens": 7}

    assert await ask(Answers(completion("fine", usage=usage)), complete=True) == Reply(
        "fine", 100, 7
    )
    assert await ask(Answers(completion(None)), complete=True) == Reply("")


@pytest.mark.parametrize("body", [{"choices": []}, [1], {"choices": [{}]}])
async def test_what_is_no_completion_is_asked_again_by_who_wants_one(body):
    answers = Answers(web.json_response(body), completion("fine"))

    assert await ask(answers, complete=True) == Reply("fine")
    assert await ask(Answers(web.json_response(body))) == body


async def test_what_stays_no_completion_is_told():
    with pytest.raises(UnansweredError, match=r"no chat completion: {\"fine\": true}") as raised:
        await ask(Answers(), complete=True)
    assert raised.value.trouble is Trouble.NO_CHOICE


async def test_an_answer_that_trickles_is_not_waited_for():
    async def trickle(request):
        reply = web.StreamResponse()
        await reply.prepare(request)
        for _ in range(200):
            await reply.write(b" ")
            await asyncio.sleep(0.05)
        return reply

    app = web.Application()
    app.router.add_post("/v1/chat/completions", trickle)
    async with TestServer(app) as server:
        options = EndpointOptions(str(server.make_url("/v1")), timeout_s=0.3, attempts=1)
        async with Endpoint(options) as endpoint:
            with pytest.raises(UnansweredError, match=r"did not answer within 0.3 s") as raised:
                await endpoint.ask(REQUEST)
    assert raised.value.trouble is Trouble.TIMEOUT


async def test_an_endpoint_that_is_slow_once_is_asked_again():
    answers = Answers()
    late = asyncio.Event()

    async def slow_at_first(request):
        if not late.is_set():
            late.set()
            await asyncio.sleep(0.6)
        return await answers.handle(request)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", slow_at_first)
    async with TestServer(app) as server:
        options = EndpointOptions(str(server.make_url("/v1")), timeout_s=0.3, backoff_s=0.001)
        async with Endpoint(options) as endpoint:
            assert await endpoint.ask(REQUEST) == {"fine": True}


async def test_asks_by_way_of_the_environments_proxy(monkeypatch):
    answers = Answers()
    async with TestServer(app_of(answers)) as proxy:
        for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HTTP_PROXY", str(proxy.make_url("/")))
        monkeypatch.setenv("http_proxy", str(proxy.make_url("/")))
        async with Endpoint(EndpointOptions("http://model.invalid/v1", attempts=1)) as endpoint:
            assert await endpoint.ask(REQUEST) == {"fine": True}

    assert len(answers.asked) == 1


async def test_goes_no_faster_than_it_may():
    answers = Answers()
    async with TestServer(app_of(answers)) as server:
        url = str(server.make_url("/v1"))
        async with Endpoint(EndpointOptions(url, requests_per_minute=600, burst_s=0)) as endpoint:
            began = time.perf_counter()
            await asyncio.gather(*(endpoint.ask(REQUEST) for _ in range(4)))

    assert answers.times[-1] - began >= 0.28


async def test_says_that_nobody_listens():
    with pytest.raises(UnansweredError, match=r"^http://127.0.0.1:9/v1: .+") as raised:
        await ask(Answers(), url="http://127.0.0.1:9/v1")
    assert raised.value.trouble is Trouble.CONNECTION


@pytest.mark.parametrize("url", ["nowhere", "ftp://a/v1", "http://", "http://a:b/v1", "http://[a"])
async def test_an_impossible_url_is_named(url):
    with pytest.raises(ConfigError, match=r"^endpoint '.+' is no URL"):
        await ask(Answers(), url=url)


@pytest.mark.parametrize("library", ["openai", "aiolimiter"])
async def test_says_what_to_install(monkeypatch, library):
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(ConfigError, match=r"pip install 'qrmiddleware\[llm\]'"):
        await ask(Answers())


async def test_speaks_tls_to_whom_it_is_told_to_trust(tmp_path):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = TestServer(app_of(Answers()), host="localhost", scheme="https")
    await server.start_server(ssl=context)

    try:
        url = str(server.make_url("/v1"))
        assert await ask(Answers(), url=url, ca=tmp_path / "ca.pem") == {"fine": True}
        with pytest.raises(UnansweredError, match=r"(?i)certificate"):
            await ask(Answers(), url=url, attempts=1)
    finally:
        await server.close()


async def test_no_certificates_to_trust_is_an_error(tmp_path):
    (tmp_path / "ca.pem").write_text("none")

    with pytest.raises(ConfigError, match=r"ca.pem: no certificates to trust"):
        await ask(Answers(), ca=tmp_path / "ca.pem")


async def test_asks_only_while_it_is_open():
    with pytest.raises(ValueError, match="not open"):
        await Endpoint(EndpointOptions("http://x")).ask(REQUEST)
