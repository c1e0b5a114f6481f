"""The admin port: every route, method and odd parameter; never 500, JSON where promised."""

import itertools
import json
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qrmiddleware.proxy.admin import AdminApp

ROUTES = ("/_qrm/health/live", "/_qrm/health/ready", "/_qrm/metrics", "/_qrm/pipelines")
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "get",
    "X",
)
PATHS = (
    *(
        f"{route}{end}"
        for route in ROUTES
        for end in ("/", "//", "/..", "/x", "%00", "\x00", ";a=b")
    ),
    *(
        "/",
        "",
        "*",
        "/_qrm",
        "/_qrm/",
        "/_QRM/metrics",
        "/_qrm/../etc/passwd",
        "/\ud800",
        "/é",
        "//",
    ),
    *("/_qrm/health", "/_search", "/<script>alert(1)</script>", "/a\r\nx: y", "/" + "a" * 2_000),
)
QUERIES = ("", "pretty", "a=%ff&b", "?" * 50, "=&=", "format=yaml", "x" * 2_000)
BODIES = (b"", b"{}", b"\xff" * 10, b"[" * 2_000)


@pytest.fixture(scope="module")
def app(start_app, rules_file):
    slot = {"plugin": "rules", "path": str(rules_file)}
    return start_app(pipelines={"shop <b>": {"rewriters": [slot]}, "other": {}})


def assert_promised(app, method: str, path: str, query: str = "", body: bytes = b"") -> None:
    began = perf_counter()

    answered = app.ask(method, path, query, body, app=AdminApp(app.service))

    assert answered.status in {200, 404}, answered
    assert perf_counter() - began < 5
    if path.rstrip("/") == "/_qrm/metrics":
        assert answered.headers["content-type"].startswith("text/plain")
        answered.body.decode()
    else:
        assert answered.headers["content-type"] == "application/json"
        assert isinstance(json.loads(answered.body), dict)
    assert int(answered.headers["content-length"]) == len(answered.body)


@pytest.mark.parametrize("method", METHODS)
def test_every_route_answers_every_method_as_promised(app, method):
    for path, query, body in itertools.product((*ROUTES, *PATHS), QUERIES[:3], BODIES[:2]):
        assert_promised(app, method, path, query, body)


@given(
    st.sampled_from(METHODS),
    st.sampled_from((*ROUTES, *PATHS)) | st.text(max_size=30),
    st.sampled_from(QUERIES) | st.text(max_size=30),
    st.sampled_from(BODIES) | st.binary(max_size=30),
)
def test_any_request_is_answered_as_promised(app, method, path, query, body):
    assert_promised(app, method, path, query, body)
