"""Trips upstream on behalf of a search."""

import gzip

import pytest


@pytest.fixture
def shop(proxied, one_synonym):
    async def start(answer):
        return await proxied(answer, pipelines=one_synonym)

    return start


async def test_a_reply_that_comes_compressed_all_the_same_is_read(
    shop, laptop, reply_with, write_http
):
    body = gzip.compress(str(reply_with("acme laptop")).replace("'", '"').encode())
    proxy = await shop(write_http(body, content_encoding="gzip"))

    answer = await proxy.ask("/p/_search", laptop, accept_encoding="gzip")

    assert answer.json["hits"]["hits"][0]["_id"] == "d1"
    assert answer.field("content-encoding") is None
    assert proxy.engine.asked[0].field("accept-encoding") is None


async def test_a_trip_carries_the_clients_own_headers(shop, laptop):
    proxy = await shop(None)
    kind = "application/vnd.elasticsearch+json; compatible-with=9"

    await proxy.ask("/p/_search", laptop, content_type=kind, accept=kind, authorization="ApiKey x")

    asked = proxy.engine.asked[0]
    assert asked.field("content-type") == kind
    assert asked.field("accept") == kind
    assert asked.field("authorization") == "ApiKey x"


async def test_the_engines_headers_come_back(shop, laptop, reply_with, write_http):
    proxy = await shop(
        write_http(reply_with("x"), x_elastic_product="Elasticsearch", warning='299 ES "old"')
    )

    answer = await proxy.ask("/p/_search", laptop)

    assert answer.field("x-elastic-product") == "Elasticsearch"
    assert answer.field("warning") == '299 ES "old"'
    assert [name for name, _ in answer.fields].count("content-length") == 1


async def test_searches_of_one_trip_are_asked_at_the_same_time(proxied, one_synonym, laptop):
    pipeline = {**one_synonym["default"], "merge": {"policy": "rrf"}}
    proxy = await proxied(pipelines={"default": pipeline})

    answer = await proxy.ask("/p/_search", laptop)

    assert len(proxy.engine.asked) == 3
    assert answer.json["hits"]["hits"][0]["_id"] == "d1"


async def test_one_search_of_several_that_is_refused_is_the_whole(
    proxied, one_synonym, laptop, reply_with, write_http
):
    def answer(asked):
        changed = b"notebook" in asked.body
        return write_http({}, "400 Bad Request") if changed else write_http(reply_with("own"))

    pipeline = {**one_synonym["default"], "merge": {"policy": "rrf"}}
    proxy = await proxied(answer, pipelines={"default": pipeline})

    reply = await proxy.ask("/p/_search", laptop)

    assert reply.field("x-qrm-degraded") == "pipeline=refused"
    assert reply.json["hits"]["hits"][0]["_source"] == {"title": "own"}


@pytest.mark.parametrize("status", ["429 Too Many Requests", "503 Service Unavailable"])
async def test_an_engine_that_takes_no_further_searches_still_answers_the_clients_own(
    proxied, one_synonym, laptop, reply_with, write_http, *, status
):
    def answer(asked):
        changed = b"notebook" in asked.body
        return write_http({}, status) if changed else write_http(reply_with("own"))

    pipeline = {**one_synonym["default"], "merge": {"policy": "rrf"}}
    proxy = await proxied(answer, pipelines={"default": pipeline})

    reply = await proxy.ask("/p/_search", laptop)

    assert (reply.status, reply.field("x-qrm-degraded")) == (200, "pipeline=refused")
    assert reply.json["hits"]["hits"][0]["_source"] == {"title": "own"}


async def test_an_index_that_is_missing_is_not_searched_again(
    proxied, one_synonym, laptop, write_http
):
    pipeline = {**one_synonym["default"], "merge": {"policy": "rrf"}}
    missing = write_http({}, "404 Not Found")
    proxy = await proxied(missing, pipelines={"default": pipeline})

    reply = await proxy.ask("/p/_search", laptop)

    assert (reply.status, reply.field("x-qrm-degraded")) == (404, None)
    assert len(proxy.engine.asked) == 3


async def test_a_second_trip_that_fails_does_not_cost_the_first(
    proxied, one_synonym, laptop, reply_with, write_http
):
    def answer(asked):
        broken = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nabc"
        return broken if b"notebook" in asked.body else write_http(reply_with("own"))

    pipeline = {**one_synonym["default"], "merge": {"policy": "append"}}
    proxy = await proxied(answer, pipelines={"default": pipeline})

    reply = await proxy.ask("/p/_search", laptop)

    assert (reply.status, reply.field("x-qrm-degraded")) == (200, "pipeline=error")
    assert reply.json["hits"]["hits"][0]["_source"] == {"title": "own"}


async def test_a_reply_that_breaks_off_is_asked_for_again(shop, laptop, reply_with, write_http):
    breaks = iter([True, False])

    def answer(asked):
        whole = write_http(reply_with("acme laptop"), connection="close")
        return whole[: len(whole) // 2 + 60] if next(breaks) else whole

    proxy = await shop(answer)

    reply = await proxy.ask("/p/_search", laptop)

    assert reply.status == 200
    assert reply.json["hits"]["hits"][0]["_id"] == "d1"
    assert len(proxy.engine.asked) == 2
