"""Which endpoint a request is for."""

import pytest

from qrmiddleware.proxy.routes import OTHER, Route, route_of


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/_search", Route("search")),
        ("/_search/", Route("search")),
        ("/p/_search", Route("search", "p")),
        ("/p,q-*,-r/_search", Route("search", "p,q-*,-r")),
        ("/%3Clogs-%7Bnow%2Fd%7D%3E/_search", Route("search", "<logs-{now/d}>")),
        ("/_all/_count", Route("count", "_all")),
        ("/_msearch", Route("msearch")),
        ("/p/_msearch/template", Route("msearch_template", "p")),
        ("/p/_search/template", Route("template", "p")),
        ("/p/_async_search", Route("async_search", "p")),
        ("/_plugins/_asynchronous_search", Route("async_search")),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_searches_are_found_with_their_index(method, path, route):
    assert route_of(method, path) == route


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", ""),
        ("GET", "/p"),
        ("GET", "/p/_doc/_search"),
        ("PUT", "/p/_search"),
        ("HEAD", "/p/_search"),
        ("DELETE", "/_search/scroll"),
        ("POST", "/_search/scroll"),
        ("GET", "/_async_search/FmRldE8"),
        ("GET", "/p/_search_shards"),
        ("GET", "/p/type/_search"),
        ("GET", "/_scripts/_search"),
        ("OPTIONS", "*"),
    ],
)
def test_everything_else_passes(method, path):
    assert route_of(method, path) == OTHER
