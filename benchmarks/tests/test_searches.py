import json

import pytest

from qrmiddleware_benchmarks.searches import (
    QUERIES,
    body_from,
    new_queries,
    rewrites_text,
    rules_text,
    search_body,
    search_request,
)


def test_a_body_searches_for_the_query():
    body = json.loads(search_body('say "hi"'))

    assert body["query"]["bool"]["must"][0]["multi_match"]["query"] == 'say "hi"'


def test_requests_are_whole():
    request = search_request("/products/_search?a=b", '{"ä": 1}'.encode(), headers={"X-A": "1"})
    head, _, body = request.partition(b"\r\n\r\n")

    assert head.startswith(b"POST /products/_search?a=b HTTP/1.1\r\n")
    assert f"content-length: {len(body)}".encode() in head
    assert b"x-a: 1" in head


def test_new_queries_all_differ_and_look_like_no_article_number():
    queries = new_queries(3_000)

    assert len(set(queries)) == 3_000
    assert not any(char.isdigit() for query in queries for char in query.split()[-1])


def test_a_body_of_ones_own_takes_the_query_as_it_is():
    body = body_from('{"query": {"match": {"title": "{{query}}"}}, "size": 3}')

    assert json.loads(body('say "hi"\n')) == {
        "query": {"match": {"title": 'say "hi"\n'}},
        "size": 3,
    }


@pytest.mark.parametrize(
    ("template", "problem"), [("{", "no JSON"), ('{"query": "{query}"}', "stands nowhere")]
)
def test_a_body_that_cannot_take_the_query_is_refused(template, problem):
    with pytest.raises(ValueError, match=problem):
        body_from(template)


def test_every_query_has_a_rule_and_two_rewrites():
    rules = rules_text(QUERIES)

    assert all(f"{query.split()[0]} =>" in rules for query in QUERIES)
    assert len(rewrites_text(QUERIES).splitlines()) == 2 * len(QUERIES)
    assert all(len(line.split("\t")) == 3 for line in rewrites_text(QUERIES).splitlines())
