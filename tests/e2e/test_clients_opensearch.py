"""The unmodified opensearch-py gets through the proxy what it gets directly, or more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from opensearchpy import (
    NotFoundError,
    OpenSearch,
    RequestError,
    helpers,
)

pytestmark = pytest.mark.opensearch

INDEX = "shop"
LAPTOP = {"match": {"title": "laptop"}}
MAPPINGS = {
    "properties": {
        "title": {"type": "text"},
        "brand": {"type": "keyword"},
        "price": {"type": "integer"},
    }
}


@dataclass(frozen=True, slots=True)
class Shop:
    """One index, seen directly and through the proxy."""

    direct: OpenSearch
    proxied: OpenSearch
    pipeline: str

    @property
    def laptops(self) -> int:
        """How many products a search for laptops finds through this pipeline."""
        return 45 if self.pipeline == "rules" else 30


@pytest.fixture(scope="module")
def shop(opensearch, proxy, pipelines, catalogue) -> Iterator[Shop]:
    started = proxy(opensearch, pipelines=pipelines)
    direct = OpenSearch(opensearch.url, http_auth=opensearch.auth, ca_certs=opensearch.ca_certs)
    proxied = OpenSearch(started.url, http_auth=opensearch.auth)
    actions = ({"_id": str(number), **product} for number, product in enumerate(catalogue))
    with direct, proxied:
        direct.indices.delete(index=INDEX, ignore_unavailable=True)
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        proxied.indices.create(index=INDEX, body={"mappings": MAPPINGS, "settings": settings})
        indexed, _ = helpers.bulk(proxied, actions, index=INDEX, refresh=True)
        assert indexed == len(catalogue)

        yield Shop(direct, proxied, next(iter(pipelines), "off"))

        proxied.indices.delete(index=INDEX)
        assert not direct.indices.exists(index=INDEX)


def ranking(reply: Any) -> list[tuple[str, float]]:
    return [(hit["_id"], hit["_score"]) for hit in reply["hits"]["hits"]]


def test_what_was_indexed_through_the_proxy_is_there(shop, catalogue):
    document = shop.direct.get(index=INDEX, id="7")

    assert document["_source"] == catalogue[7]
    assert shop.proxied.get(index=INDEX, id="7") == document
    assert shop.direct.indices.get_mapping(index=INDEX)[INDEX]["mappings"] == MAPPINGS


def test_a_search_without_an_opinion_is_ranked_as_directly(shop):
    body = {"query": {"match": {"title": "acme mouse"}}, "size": 60}

    assert ranking(shop.proxied.search(index=INDEX, body=body)) == ranking(
        shop.direct.search(index=INDEX, body=body)
    )


def test_a_rule_widens_the_search_and_loses_nothing(shop):
    directly = shop.direct.search(index=INDEX, body={"query": LAPTOP, "size": 60})

    reply = shop.proxied.search(index=INDEX, body={"query": LAPTOP, "size": 60})

    assert reply["hits"]["total"] == {"value": shop.laptops, "relation": "eq"}
    if shop.pipeline == "rules":
        assert {doc_id for doc_id, _ in ranking(directly)} < {
            doc_id for doc_id, _ in ranking(reply)
        }
        assert all("matched_queries" not in hit for hit in reply["hits"]["hits"])
    else:
        assert ranking(reply) == ranking(directly)


def test_pages_partition_the_ranking(shop):
    whole = shop.proxied.search(index=INDEX, body={"query": LAPTOP, "size": 60})
    bodies = ({"query": LAPTOP, "from": start, "size": 7} for start in range(0, 60, 7))
    pages = [hit for body in bodies for hit in ranking(shop.proxied.search(index=INDEX, body=body))]

    assert pages == ranking(whole)


def test_msearch_answers_every_item_in_its_place(shop):
    searches = [
        {"index": INDEX},
        {"query": LAPTOP, "size": 60},
        {"index": "nowhere"},
        {"query": LAPTOP},
        {},
        {"query": {"match": {"title": "mouse"}}, "size": 3},
    ]

    found, missing, mice = shop.proxied.msearch(body=searches)["responses"]

    assert found["hits"]["total"]["value"] == shop.laptops
    assert missing["error"]["type"] == "index_not_found_exception"
    assert ranking(mice) == ranking(shop.direct.search(body=searches[-1]))


def test_scroll_finds_every_hit_once(shop):
    scanned = [
        hit["_id"]
        for hit in helpers.scan(shop.proxied, index=INDEX, query={"query": LAPTOP}, size=7)
    ]

    assert len(scanned) == len(set(scanned)) == shop.laptops


def test_point_in_time_with_search_after_finds_every_hit_once(shop):
    pit = shop.proxied.create_pit(index=INDEX, params={"keep_alive": "1m"})["pit_id"]
    body = {"pit": {"id": pit}, "query": LAPTOP, "sort": [{"price": "asc"}, "_doc"], "size": 8}
    prices: list[int] = []
    ids: list[str] = []
    while (page := shop.proxied.search(body=body))["hits"]["hits"]:
        ids += [hit["_id"] for hit in page["hits"]["hits"]]
        prices += [hit["_source"]["price"] for hit in page["hits"]["hits"]]
        body["search_after"] = page["hits"]["hits"][-1]["sort"]

    assert shop.proxied.delete_pit(body={"pit_id": [pit]})["pits"][0]["successful"]
    assert len(ids) == len(set(ids)) == shop.laptops
    assert prices == sorted(prices)


def test_count_agrees_with_search(shop):
    assert shop.proxied.count(index=INDEX, body={"query": LAPTOP})["count"] == shop.laptops
    assert shop.proxied.count(index=INDEX)["count"] == 60


def test_aggregations_count_what_is_found(shop):
    aggregations = {
        "brands": {"terms": {"field": "brand"}},
        "price": {"stats": {"field": "price"}},
        "everything": {"global": {}, "aggs": {"price": {"max": {"field": "price"}}}},
    }

    query = {"match": {"title": "laptop notebook"}} if shop.pipeline == "rules" else LAPTOP

    found, directly = (
        client.search(index=INDEX, body={"query": query, "size": 0, "aggs": aggregations})
        for client, query in ((shop.proxied, LAPTOP), (shop.direct, query))
    )

    assert found["aggregations"] == directly["aggregations"]
    assert found["hits"]["hits"] == []


def test_writes_and_deletes_pass_through(shop):
    shop.proxied.index(
        index=INDEX, id="new", body={"title": "laptop new"}, params={"refresh": "true"}
    )
    added = shop.direct.exists(index=INDEX, id="new")
    shop.proxied.update(index=INDEX, id="new", body={"doc": {"price": 3}})
    updated = shop.direct.get(index=INDEX, id="new")["_source"]
    shop.proxied.delete(index=INDEX, id="new", params={"refresh": "true"})

    assert added
    assert updated == {"title": "laptop new", "price": 3}
    with pytest.raises(NotFoundError):
        shop.proxied.get(index=INDEX, id="new")


def test_the_engines_errors_come_through_unchanged(shop):
    errors = []
    for client in (shop.direct, shop.proxied):
        with pytest.raises(RequestError) as caught:
            client.search(index=INDEX, body={"query": {"no_such_query": {"title": "laptop"}}})
        errors.append(caught.value)

    assert errors[0].status_code == errors[1].status_code
    assert errors[0].info == errors[1].info


def test_the_other_ways_to_search_are_widened_too(shop):
    template = {
        "source": {"query": {"match": {"title": "{{words}}"}}, "size": 60},
        "params": {"words": "laptop"},
    }

    rendered = shop.proxied.search_template(index=INDEX, body=template)
    by_url = shop.proxied.search(index=INDEX, params={"q": "laptop", "size": "60"})

    assert rendered["hits"]["total"]["value"] == shop.laptops
    assert by_url["hits"]["total"]["value"] == shop.laptops


def test_info_names_the_engine_behind_the_proxy(shop):
    assert shop.proxied.info() == shop.direct.info()
