"""What an engine is asked, and what its answers become."""

import json

import pytest

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.client import EngineClient, RefusedError, connect


async def test_sends_json_and_reads_json(scripted):
    upstream = scripted((200, b'{"count": 3}'))

    answered = await EngineClient(upstream).call("POST", "/a/_count", b"{}")

    assert answered == (200, {"count": 3})
    assert upstream.asked[0].headers == [
        ("accept", "application/json"),
        ("content-type", "application/json"),
    ]


async def test_lines_are_called_so_and_no_body_is_nothing(scripted):
    upstream = scripted((200, b"{}"), (200, b""))
    client = EngineClient(upstream)

    await client.call("POST", "/_bulk", b"{}\n", ndjson=True)
    answered = await client.call("HEAD", "/a")

    assert answered == (200, None)
    assert upstream.asked[0].headers[1] == ("content-type", "application/x-ndjson")
    assert upstream.asked[1].headers == [("accept", "application/json")]


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (400, b'{"error": {"type": "x", "reason": "no such field"}}', "with 400: no such field"),
        (400, b'{"error": {"type": "x"}}', "with 400: x"),
        (405, b'{"error": "Incorrect method"}', "with 405: Incorrect method"),
        (502, b"<html>Bad Gateway</html>", "with 502: <html>Bad Gateway</html>"),
        (500, b"", "with 500: no reason given"),
        (
            401,
            b"{}",
            r"with 401: \{\}; give credentials: user:password@ in the URL, or --api-key-env",
        ),
        (403, b"[]", r"with 403: \[\]; the credentials do not allow it"),
    ],
)
async def test_a_refusal_says_the_engines_reason(scripted, status, body, problem):
    client = EngineClient(scripted((status, body)))

    with pytest.raises(RefusedError, match=f"GET /a was answered {problem}") as raised:
        await client.call("GET", "/a")

    assert raised.value.reply_status == status


async def test_a_refusal_that_is_expected_is_an_answer(scripted):
    client = EngineClient(scripted((404, b'{"error": "none"}')))

    assert await client.call("GET", "/a", expected=(404,)) == (404, {"error": "none"})


ELASTICSEARCH = {"version": {"number": "9.2.0", "build_flavor": "default"}}
OPENSEARCH = {"version": {"number": "3.8.0", "distribution": "opensearch"}}


@pytest.mark.parametrize(
    ("answers", "name"),
    [
        ([(200, ELASTICSEARCH)], "Elasticsearch 9.2.0"),
        ([(200, OPENSEARCH)], "OpenSearch 3.8.0"),
        ([(405, {}), (200, {"nodes": {"a": {"version": "9.2.0"}}})], "version 9.2.0"),
        ([(200, []), (404, {})], "an engine that does not tell its name"),
    ],
)
async def test_names_the_engine(scripted, answers, name):
    client = EngineClient(scripted(*((status, json.dumps(b).encode()) for status, b in answers)))

    assert await client.name() == name


async def test_names_the_embedded_engine(embedded):
    assert await EngineClient(embedded).name() == "the embedded engine"


def test_connecting_checks_the_url():
    with pytest.raises(ConfigError, match="localhost"):
        connect("localhost:9200")


def test_connecting_checks_the_authorities(tmp_path):
    with pytest.raises(ConfigError, match="ca_certs"):
        connect("https://localhost:9200", api_key="x", ca_certs=str(tmp_path / "none.pem"))
