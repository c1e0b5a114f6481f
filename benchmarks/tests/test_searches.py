import json

from qrmiddleware_benchmarks.searches import (
    QUERIES,
    rewrites_text,
    rules_text,
    search_body,
    search_requests,
)


def test_a_body_searches_for_the_query():
    body = json.loads(search_body('say "hi"'))

    assert body["query"]["bool"]["must"][0]["multi_match"]["query"] == 'say "hi"'


def test_requests_are_whole():
    (request,) = search_requests(["ä"], index="products")
    head, _, body = request.partition(b"\r\n\r\n")

    assert head.startswith(b"POST /products/_search HTTP/1.1\r\n")
    assert f"content-length: {len(body)}".encode() in head


def test_every_query_has_a_rule_and_two_rewrites():
    rules = rules_text(QUERIES)

    assert all(f"{query.split()[0]} =>" in rules for query in QUERIES)
    assert len(rewrites_text(QUERIES).splitlines()) == 2 * len(QUERIES)
    assert all(len(line.split("\t")) == 3 for line in rewrites_text(QUERIES).splitlines())
