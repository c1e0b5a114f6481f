"""Whole requests of any kind: never a fault of the proxy, and nothing changed that is not ours."""

import json
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.dsl.msearch import read_msearch, render_msearch
from qrmiddleware.dsl.raw import NotJsonError
from qrmiddleware.upstream.embedded import EmbeddedUpstream

PATHS = (
    *("/p/_search", "/_search", "/p/_msearch", "/_msearch", "/p/_count", "/_all/_search"),
    *("/p/_async_search", "/p/_search/template", "/_msearch/template", "/_bulk", "/p/_bulk", "/"),
    *("/p,q*/_search", "//_search", "/p%2Fq/_search", "/%00/_search", "/../_search", "/p/_search/"),
)
HEADERS = (
    *("x-qrm-debug", "x-qrm-pipeline", "x-qrm-query", "x-qrm-timeout-ms", "x-request-id"),
    *("x-opaque-id", "content-type", "accept", "accept-encoding", "content-encoding", "te"),
    *("connection", "authorization", "content-length", "expect", "x-qrm-anything"),
)
VALUES = (
    *("true", "default", "_none", "laptop", "0", "nan", "1e999", "-1", "", "\xff\xfe", "\x9b31m"),
    *(
        "gzip",
        "gzip;q=0",
        "application/cbor",
        "application/x-ndjson",
        "authorization",
        "\t",
        "a" * 9_000,
    ),
    *("application/json; charset=utf-16", "application/vnd.elasticsearch+json;compatible-with=9"),
)
NAMES = (
    *("q", "from", "size", "sort", "source", "filter_path", "pretty", "scroll", "qrm_pipeline"),
    *("qrm_debug", "qrm_timeout_ms", "format", "track_total_hits", "_source", "search_type"),
)
ANSWERS = (
    "*",
    "**",
    "hits.**.x",
    "-took",
    "laptop",
    "%7B%22a%22%3A",
    "%",
    "%ff",
    "9" * 30,
    "true",
    "",
)


@pytest.fixture(scope="module")
def app(start_app, rules_file):
    slot = {"plugin": "rules", "path": str(rules_file)}
    pipelines = {
        "default": {"timeout_ms": 5000, "rewriters": [slot]},
        "fused": {"timeout_ms": 5000, "rewriters": [slot], "merge": {"policy": "rrf"}},
    }
    return start_app(pipelines=pipelines)


@pytest.fixture(scope="module")
def embedded(start_app, rules_file):
    slot = {"plugin": "rules", "path": str(rules_file)}
    pipelines = {"default": {"timeout_ms": 5000, "rewriters": [slot]}}
    made = start_app(EmbeddedUpstream(), pipelines=pipelines)
    made.ask("PUT", "/p", body=b'{"mappings":{"properties":{"title":{"type":"text"}}}}')
    lines = b'{"index":{"_id":"1"}}\n{"title":"acme laptop"}\n'
    made.ask("POST", "/p/_bulk", "refresh=true", lines)
    return made


def parameters(rng: random.Random) -> str:
    """A query string of what means something, and of what does not."""
    pairs = [f"{rng.choice(NAMES)}={rng.choice(ANSWERS)}" for _ in range(rng.randint(0, 3))]
    return "&".join(pairs) + rng.choice(["", "", "&", "=&=", "&\xff=\xe9"])


def fields(rng: random.Random) -> tuple[tuple[str, str], ...]:
    """Header fields, repeats among them."""
    return tuple((rng.choice(HEADERS), rng.choice(VALUES)) for _ in range(rng.randint(0, 3)))


def frames(rng: random.Random, draw_body) -> bytes:
    """Lines of ``_msearch`` or ``_bulk``, in order or not."""
    headers = [b"{}", b"", b'{"index":"p"}', b'{"index":["p","q"]}', b'{"index":1}', b"[]"]
    actions = [b'{"index":{"_id":"2"}}', b'{"delete":{"_id":"1"}}', b'{"update":{}}', b'{"nope":1}']
    end = rng.choice([b"\n", b"\n", b"\r\n"])
    lines: list[bytes] = []
    for _ in range(rng.randint(0, 5)):
        lines += [rng.choice([*headers, *actions]), draw_body().replace(b"\n", b" ")]
    if rng.random() < 0.2 and lines:
        lines.pop(rng.randrange(len(lines)))
    return end.join(lines) + rng.choice([end, end, b"", end * 2])


def assert_no_fault(answered) -> None:
    """Whatever the request was, the proxy knew what to do with it."""
    degraded = answered.headers.get("x-qrm-degraded", "")
    assert "pipeline=error" not in degraded, answered
    assert answered.status in {200, 400}, answered
    if answered.status == 400:
        assert json.loads(answered.body)["error"]["reason"]
    for name, value in answered.headers.items():
        assert not set("\r\n\0") & set(name + value)


@given(
    data=st.data(),
    seed=st.integers(0, 2**32),
    path=st.sampled_from(PATHS),
    method=st.sampled_from(["GET", "POST"]),
)
def test_no_request_brings_a_fault_of_the_proxy(app, bodies, *, data, seed, path, method):
    rng = random.Random(seed)  # noqa: S311 can be repeated
    framed = "_msearch" in path or "_bulk" in path
    body = frames(rng, lambda: data.draw(bodies)) if framed else data.draw(bodies)

    assert_no_fault(app.ask(method, path, parameters(rng), body, fields(rng)))


@given(st.binary(max_size=300), st.sampled_from(PATHS))
def test_no_bytes_bring_a_fault_of_the_proxy(app, body, path):
    assert_no_fault(app.ask("POST", path, body=body))


@given(st.data(), st.integers(0, 2**32), st.sampled_from(PATHS))
def test_the_embedded_engine_answers_or_says_what_is_wrong(embedded, bodies, data, seed, path):
    rng = random.Random(seed)  # noqa: S311 can be repeated
    framed = "_msearch" in path or "_bulk" in path
    body = frames(rng, lambda: data.draw(bodies)) if framed else data.draw(bodies)

    answered = embedded.ask("POST", path, parameters(rng), body)

    assert answered.status < 500, answered
    if "_cat" not in path and answered.body:
        json.loads(answered.body)


@given(st.data(), st.integers(0, 2**32), st.sampled_from(PATHS))
def test_what_no_pipeline_serves_goes_on_as_it_came(app, bodies, data, seed, path):
    rng = random.Random(seed)  # noqa: S311 can be repeated
    body = frames(rng, lambda: data.draw(bodies)) if "_msearch" in path else data.draw(bodies)
    if b"qrm" in body or not body or "template" in path:
        return
    app.upstream.asked.clear()

    app.ask("POST", path, "a=%20b&c", body, (("x-qrm-pipeline", "_none"), ("x-a", "b")))

    ((request, sent),) = app.upstream.asked
    assert (sent, request.target) == (body, f"{path}?a=%20b&c")
    assert request.headers == [("x-a", "b")]


@given(st.data(), st.integers(0, 2**32))
def test_frames_that_are_read_are_written_as_they_came(bodies, data, seed):
    lines = frames(random.Random(seed), lambda: data.draw(bodies))  # noqa: S311 can be repeated
    try:
        items = read_msearch(lines)
    except NotJsonError:
        return

    written = render_msearch(items)

    assert written.rstrip() == lines.rstrip()
    assert read_msearch(written) == items


def test_a_filter_path_of_wildcards_costs_no_more_than_its_length(app):
    body = b'{"query":{"match":{"title":"laptop"}}}'
    for path in ("**." * 2_000 + "a", ",".join(["**.a*b*c*d*e*f*"] * 60), "*a" * 400 + "b"):
        assert_no_fault(app.ask("POST", "/p/_search", f"filter_path={path}", body))
