"""What an asynchronous client with pipelines does, as its user sees it."""

import asyncio

import pytest
from elasticsearch import BadRequestError, helpers

from qrmiddleware import PluginError
from qrmiddleware_elasticsearch_py import with_pipeline

LAPTOP = {"match": {"title": "laptop"}}


def settings(**pipeline):
    synonyms = {"rewriters": [{"plugin": "synonyms"}], "timeout_ms": 5_000}
    return {"pipelines": {"shop": {**synonyms, **pipeline}}}


def ids(reply):
    return [hit["_id"] for hit in reply["hits"]["hits"]]


async def test_a_search_is_rewritten_and_reranked(async_plain):
    client = with_pipeline(async_plain, settings(rewards=[{"plugin": "cheapest"}]))

    reply = await client.search(index="shop", query=LAPTOP)

    assert ids(reply) == ["3", "2", "1"]
    assert reply.meta.headers["x-qrm-applied"] == "rewrite,rerank"
    assert ids(await async_plain.search(index="shop", query=LAPTOP)) == ["1", "3"]


async def test_searches_run_side_by_side(async_plain):
    client = with_pipeline(async_plain, settings(merge={"policy": "rrf"}))

    replies = await asyncio.gather(*(client.search(index="shop", query=LAPTOP) for _ in range(20)))

    assert {tuple(sorted(ids(reply))) for reply in replies} == {("1", "2", "3")}


async def test_msearch_and_count_agree_with_search(async_plain):
    client = with_pipeline(async_plain, settings())
    searches = [{"index": "shop"}, {"query": LAPTOP}, {"index": "nowhere"}, {"query": LAPTOP}]

    found, missing = (await client.msearch(searches=searches))["responses"]
    counted = await client.count(index="shop", query=LAPTOP)

    assert len(ids(found)) == counted["count"] == 3
    assert missing["status"] == 404


async def test_everything_else_passes(async_plain):
    client = with_pipeline(async_plain, settings())

    await helpers.async_bulk(client, [{"_id": "5", "title": "desk"}], index="shop", refresh=True)

    assert await client.exists(index="shop", id="5")
    assert not await client.indices.exists(index="nowhere")


async def test_errors_are_the_clients_own(async_plain):
    client = with_pipeline(async_plain, settings())

    with pytest.raises(BadRequestError, match="illegal_argument_exception"):
        await client.options(headers={"x-qrm-pipeline": "nope"}).search(query=LAPTOP)
    with pytest.raises(BadRequestError):
        await client.search(index="shop", query={"no_such_query": {}})


async def test_a_plugin_that_must_not_fail_raises(async_plain):
    slot = {"plugin": "broken", "ignore_failure": False}
    client = with_pipeline(async_plain, settings(rewriters=[slot]))

    with pytest.raises(PluginError, match="the model is gone"):
        await client.search(index="shop", query=LAPTOP)


async def test_closing_lets_the_plugins_go_once(async_plain, plugins):
    async with with_pipeline(async_plain, settings()) as client:
        assert plugins().SHUT_DOWN == []

    await client.close()

    assert len(plugins().SHUT_DOWN) == 1
