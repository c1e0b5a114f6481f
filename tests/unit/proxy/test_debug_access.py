"""Who is shown debug output: everybody, who has the token, or nobody."""

import json

import pytest

LAPTOP = {"query": {"match": {"title": "laptop"}}}
ASKING = [
    {"target": "/p/_search?qrm_debug", "body": LAPTOP},
    {"target": "/p/_search", "body": LAPTOP, "x_qrm_debug": "true"},
    {"target": "/p/_search", "body": {**LAPTOP, "ext": {"qrm": {"debug": True}}}},
    {"target": "/p/_search", "body": {"query": {"match_all": {}}, "ext": {"qrm": {"debug": True}}}},
    {
        "target": "/p/_msearch",
        "body": b'{}\n{"query":{"match":{"title":"laptop"}},"ext":{"qrm":{"debug":true}}}\n',
    },
    {"target": "/p/_msearch?qrm_debug", "body": b'{}\n{"query":{"match_all":{}}}\n'},
]
TOKEN = {"access": "token", "token": "sésame"}


@pytest.fixture
def start(proxied, write_http, reply_with, one_synonym):
    def answer(asked):
        found = reply_with("acme laptop", "notebook")
        return write_http(
            {"took": 1, "responses": [found]} if "_msearch" in asked.target else found
        )

    async def start(**debug):
        return await proxied(answer, pipelines=one_synonym, debug=debug)

    return start


def shows(reply) -> bool:
    text = json.dumps(reply.json)
    return "processor_results" in text or "_qrm" in text or "decisions" in text


@pytest.mark.parametrize("asking", ASKING)
async def test_everybody_is_shown_it_by_default(start, asking):
    proxy = await start()

    reply = await proxy.ask(**asking)

    assert shows(reply)
    assert reply.field("x-qrm-degraded") is None


@pytest.mark.parametrize("asking", ASKING)
async def test_nobody_is_shown_what_is_forbidden_and_the_search_goes_on(start, asking):
    proxy = await start(access="forbidden")

    reply = await proxy.ask(**asking, x_qrm_debug_token="sésame")  # noqa: S106 of a test

    assert reply.status == 200
    assert not shows(reply)
    assert reply.field("x-qrm-degraded") == "debug=forbidden"
    assert b"qrm" not in b"".join(asked.body for asked in proxy.engine.asked).replace(b"_qrm.", b"")


@pytest.mark.parametrize("asking", ASKING)
@pytest.mark.parametrize("token", [None, "", "true", "s\u00e9same ", "SÉSAME", "s"])
async def test_a_wrong_token_shows_nothing(start, asking, token):
    proxy = await start(**TOKEN)
    shown = {} if token is None else {"x_qrm_debug_token": token + "x"}

    reply = await proxy.ask(**asking, **shown)

    assert reply.status == 200
    assert not shows(reply)
    assert reply.field("x-qrm-degraded") == "debug=token"


@pytest.mark.parametrize("asking", ASKING)
async def test_the_token_shows_it_and_goes_no_further(start, asking):
    proxy = await start(**TOKEN)

    reply = await proxy.ask(**asking, x_qrm_debug_token="sésame")  # noqa: S106 of a test

    assert shows(reply)
    assert reply.field("x-qrm-degraded") is None
    assert all(asked.field("x-qrm-debug-token") is None for asked in proxy.engine.asked)


async def test_who_asks_for_none_learns_nothing_of_the_access(start):
    proxy = await start(access="forbidden")

    reply = await proxy.ask("/p/_search", LAPTOP)

    assert reply.field("x-qrm-degraded") is None
