"""Bad input through a pipeline: the engine's own answer, and a proxy that goes on."""

import gzip
import json
import socket
from typing import Any

import pytest
import urllib3

JSON = "application/json"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
    ],
)
def urls(request, proxy, tmp_path_factory):
    """The engine's URL and the proxy's, with one document in the index ``bad``."""
    url = request.getfixturevalue(request.param)
    rules = tmp_path_factory.mktemp("rules") / "rules.txt"
    rules.write_text("laptop =>\n  SYNONYM: notebook\n")
    slot = {"plugin": "rules", "path": str(rules)}
    started = proxy(url, pipelines={"default": {"timeout_ms": 2000, "rewriters": [slot]}})
    ask(url, "/bad/_doc/1?refresh=true", b'{"title": "acme laptop"}')
    yield url, started
    ask(url, "/bad", None, "DELETE")


def ask(url: str, target: str, body: bytes | None, method: str = "POST", **fields: str) -> Any:
    headers = {"content-type": JSON, **{k.replace("_", "-"): v for k, v in fields.items()}}
    with urllib3.PoolManager(retries=False) as http:
        return http.request(method, url + target, body=body, headers=headers, timeout=60)


NESTED = b'{"query":' + b'{"bool":{"must":' * 10_000 + b"{}" + b"}}" * 10_000 + b"}"
BAD_BODIES = {
    "cut": b'{"query": ',
    "two objects": b'{"query":{"match":{"title":"laptop"}}}{}',
    "array": b"[]",
    "no utf-8": b'{"query":{"match":{"title":"\xff laptop"}}}',
    "half a pair": b'{"query":{"match":{"title":"\\ud800 laptop"}}}',
    "unknown key": b'{"query":{"match":{"title":"laptop"}},"quary":1}',
    "unknown clause": b'{"query":{"matsch":{"title":"laptop"}}}',
    "nested": NESTED,
    "negative size": b'{"query":{"match":{"title":"laptop"}},"size":-5}',
    "absurd size": b'{"query":{"match":{"title":"laptop"}},"size":99999999}',
    "absurd from": b'{"query":{"match":{"title":"laptop"}},"from":2147483647}',
    "size no number": b'{"query":{"match":{"title":"laptop"}},"size":"many"}',
    "size too large": b'{"query":{"match":{"title":"laptop"}},"size":1e999}',
    "bad aggregation": b'{"query":{"match":{"title":"laptop"}},"aggs":{"a":{"turms":{}}}}',
    "bad sort": b'{"query":{"match":{"title":"laptop"}},"sort":[{"nofield":"asc"}]}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_bad_body_gets_the_engines_own_answer(urls, name):
    direct_url, started = urls

    proxied = ask(started.url, "/bad/_search", BAD_BODIES[name])
    try:
        direct = ask(direct_url, "/bad/_search", BAD_BODIES[name])
    except urllib3.exceptions.ProtocolError:  # OpenSearch hangs up on deep nesting
        assert proxied.status == 502
        return

    assert proxied.status == direct.status
    if direct.status != 200:
        assert proxied.data == direct.data
    assert started.process.poll() is None


@pytest.mark.parametrize("text", ["", " ", "a" * 10_000, "laptop " * 1_500, "\u0000", "💻" * 300])
def test_odd_queries_find_what_they_find_directly(urls, text):
    direct_url, started = urls
    body = json.dumps({"query": {"match": {"title": text}}}).encode()

    direct, proxied = (ask(url, "/bad/_search", body) for url in (direct_url, started.url))

    assert proxied.status == direct.status
    assert proxied.json().get("hits") == direct.json().get("hits")


@pytest.mark.parametrize("text", ["ноутбук laptop", "笔记本 laptop", "حاسوب laptop", "LAPTOP"])
def test_queries_of_all_scripts_are_answered(urls, text):
    body = json.dumps({"query": {"match": {"title": text}}}, ensure_ascii=False).encode()

    reply = ask(urls[1].url, "/bad/_search", body)

    assert reply.headers["x-qrm-applied"] == "rewrite"
    assert reply.json()["hits"]["total"]["value"] == 1


@pytest.mark.parametrize("size_mib", [9, 11])
def test_large_bodies_are_answered(urls, size_mib):
    body = b'{"query":{"match":{"title":"laptop"}}}'.ljust(size_mib * 2**20)

    reply = ask(urls[1].url, "/bad/_search", body)

    assert reply.json()["hits"]["total"]["value"] == 1
    assert reply.headers.get("x-qrm-degraded") == (
        "pipeline=body_too_large" if size_mib > 10 else None
    )


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(b" " * 200 * 2**20), "gzip"),
        (gzip.compress(b'{"query":{"match_all":{}}}')[:-10], "gzip"),
        (b'{"query":{"match_all":{}}}', "gzip"),
        (b'{"query":{"match_all":{}}}', "klingon"),
    ],
    ids=["bomb", "cut", "not compressed", "unknown"],
)
def test_bodies_that_are_wrongly_compressed_get_the_engines_own_answer(urls, body, encoding):
    direct_url, started = urls
    if len(body) > 100_000:
        reply = ask(started.url, "/bad/_search", body, content_encoding=encoding)
        assert reply.status in (200, 400, 413, 429)
        return

    asked = []
    for url in (direct_url, started.url):
        try:
            asked.append(ask(url, "/bad/_search", body, content_encoding=encoding).status)
        except urllib3.exceptions.HTTPError:
            asked.append("broken off")

    assert asked[1] == asked[0] or asked == ["broken off", 502]


def test_a_wrong_content_type_gets_the_engines_own_answer(urls):
    direct_url, started = urls
    body = b'{"query":{"match":{"title":"laptop"}}}'

    direct, proxied = (
        ask(url, "/bad/_search", body, content_type="application/x-www-form-urlencoded")
        for url in (direct_url, started.url)
    )

    assert proxied.status == direct.status
    assert proxied.json() == direct.json()


def test_clients_that_break_off_or_talk_nonsense_leave_the_proxy_working(urls):
    _, started = urls
    host, port = started.url.removeprefix("http://").split(":")
    head = b"POST /bad/_search HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
    for raw in (
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01",
        b"GET",
        head,
        head + b"content-length: 1000\r\n\r\n{",
        head + b"content-length: 2\r\n\r\n{}trailing nonsense",
        head + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffffff\r\n",
        head + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    ):
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(10)
            answer = connection.recv(65_536)
            assert b"Traceback" not in answer

    reply = ask(started.url, "/bad/_search", b'{"query":{"match":{"title":"laptop"}}}')
    assert reply.json()["hits"]["total"]["value"] == 1
    assert "Traceback" not in started.log.read_text()
