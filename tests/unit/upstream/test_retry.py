import pytest

from qrmiddleware.upstream.exchange import UpstreamRequest
from qrmiddleware.upstream.retry import may_repeat


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/"),
        ("HEAD", "/products"),
        ("GET", "/_cat/indices?v"),
        ("POST", "/_search"),
        ("POST", "/products*,-old/_search?q=_bulk"),
        ("POST", "/_all/_count"),
        ("POST", "/a/_msearch"),
        ("POST", "/_msearch/template"),
        ("POST", "/a/_search/template"),
        ("POST", "/a/_validate/query"),
        ("POST", "/a/_explain/17"),
        ("POST", "/_field_caps?fields=*"),
        ("POST", "/_mget"),
    ],
)
def test_reads_may_be_repeated(method, target):
    assert may_repeat(UpstreamRequest(method, target, body=b"{}"))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/_bulk"),
        ("POST", "/a/_doc"),
        ("POST", "/a/_doc/_search"),
        ("POST", "/a/_update/_count"),
        ("POST", "/a/_update_by_query"),
        ("POST", "/a/_delete_by_query?_search"),
        ("POST", "/a/_pit?keep_alive=1m"),
        ("PUT", "/a/_search"),
        ("DELETE", "/a"),
        ("POST", "/"),
    ],
)
def test_writes_may_not_be_repeated(method, target):
    assert not may_repeat(UpstreamRequest(method, target, body=b"{}"))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_scrolling_may_not_be_repeated_because_it_moves_the_cursor(method):
    assert not may_repeat(UpstreamRequest(method, "/_search/scroll", body=b"{}"))
    assert not may_repeat(UpstreamRequest(method, "/_search/scroll/abc"))


def test_a_streamed_body_may_not_be_repeated():
    async def chunks():
        yield b"{}"

    assert not may_repeat(UpstreamRequest("POST", "/_search", body=chunks()))
