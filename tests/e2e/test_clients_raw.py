"""With the pipeline off, an answer through the proxy is the engine's own to the byte."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import pytest
import urllib3

from qrmiddleware_benchmarks.engines import Engine

JSON = "application/json"
NDJSON = "application/x-ndjson"


class Ask(NamedTuple):
    """One request."""

    method: str
    target: str
    content_type: str = ""
    body: bytes = b""


REQUESTS = [
    Ask("POST", "/raw/_search", JSON, b'{ "query": {"match": {"title": "laptop"}},\n "size": 60}'),
    Ask("GET", "/raw/_search", JSON, b'{"query": {"match": {"title": "laptop"}}}'),
    Ask("GET", "/raw/_search?q=title:laptop&typed_keys=true&filter_path=hits.hits._id"),
    Ask("GET", "/raw/_search?pretty&size=2&rest_total_hits_as_int=true"),
    Ask("POST", "/_msearch", NDJSON, b'{"index":"raw"}\n{"query":{"match":{"title":"laptop"}}}\n'),
    Ask("POST", "/_msearch", NDJSON, b'{"index":"raw"}\n{"query":\n'),
    Ask("POST", "/raw/_count", JSON, b'{"query": {"match": {"title": "laptop"}}}'),
    Ask("POST", "/raw/_search", JSON, b'{"query": '),
    Ask("POST", "/raw/_search", JSON, b'{"query": {"no_such_query": {}}}'),
    Ask("POST", "/raw/_search", JSON, b'{"query": {"match": {"title": "\xff\xfe"}}}'),
    Ask("POST", "/raw/_search", "text/csv", b"laptop"),
    Ask("GET", "/raw/_doc/7"),
    Ask("GET", "/raw/_doc/none"),
    Ask("GET", "/_cat/count/raw?v=true&h=count"),
    Ask("HEAD", "/raw"),
    Ask("HEAD", "/nowhere"),
    Ask("GET", "/nowhere/_search"),
    Ask("OPTIONS", "/raw"),
    Ask("GET", "/"),
]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("secure_elasticsearch", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
        pytest.param("secure_opensearch", marks=pytest.mark.opensearch),
    ],
)
def engine(request) -> Engine:
    value = request.getfixturevalue(request.param)
    return Engine(request.param, value) if isinstance(value, str) else value


@pytest.fixture(scope="module")
def urls(engine, proxy, catalogue) -> Iterator[tuple[str, str]]:
    """The engine's URL and the proxy's, with the catalogue in the index ``raw``."""
    started = proxy(engine)
    lines = (
        json.dumps(line)
        for number, product in enumerate(catalogue)
        for line in ({"index": {"_id": str(number)}}, product)
    )
    body = "\n".join((*lines, "")).encode()

    reply = send(engine, started.url, Ask("POST", "/raw/_bulk?refresh=true", NDJSON, body))
    assert json.loads(reply.data)["errors"] is False
    yield engine.url, started.url
    assert send(engine, started.url, Ask("DELETE", "/raw")).status == 200


def send(engine: Engine, url: str, ask: Ask, accept_encoding: str | None = None) -> Any:
    headers = urllib3.make_headers(
        basic_auth=":".join(engine.auth) if engine.auth else None, accept_encoding=accept_encoding
    )
    if ask.content_type:
        headers["content-type"] = ask.content_type
    ca_certs = str(engine.ca_certs) if engine.ca_certs else None
    with urllib3.PoolManager(ca_certs=ca_certs) as http:
        return http.request(ask.method, url + ask.target, body=ask.body or None, headers=headers)


@pytest.mark.parametrize("ask", REQUESTS, ids=lambda ask: f"{ask.method} {ask.target}")
@pytest.mark.parametrize("accept_encoding", [None, "gzip"])
def test_the_answer_is_the_engines_own_to_the_byte(engine, urls, ask, accept_encoding):
    directly, proxied = (send(engine, url, ask, accept_encoding) for url in urls)

    assert proxied.status == directly.status
    assert without_took(proxied.data) == without_took(directly.data)
    for header in ("content-type", "content-encoding", "x-elastic-product", "warning", "allow"):
        assert proxied.headers.get(header) == directly.headers.get(header), header


@pytest.mark.parametrize("username", ["", "elastic", "nobody"])
def test_credentials_are_the_clients_own(engine, urls, username):
    stranger = replace(engine, username=username, password="wrong")  # noqa: S106 - wrong on purpose
    directly, proxied = (send(stranger, url, Ask("GET", "/raw/_search")) for url in urls)

    assert proxied.status == directly.status == (401 if engine.auth else 200)
    assert proxied.headers.get("www-authenticate") == directly.headers.get("www-authenticate")


def without_took(body: bytes) -> bytes:
    return re.sub(rb'"took" ?: ?\d+', b'"took":0', body)
