"""The unmodified elasticsearch-py gets through the proxy what it gets directly, or more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from elasticsearch import (
    BadRequestError,
    Elasticsearch,
    NotFoundError,
    helpers,
)

pytestmark = pytest.mark.elasticsearch

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

    direct: Elasticsearch
    proxied: Elasticsearch
    pipeline: str

    @property
    def laptops(self) -> int:
        """How many products a search for laptops finds through this pipeline."""
        return 45 if self.pipeline == "rules" else 30


@pytest.fixture(scope="module")
def shop(elasticsearch, proxy, pipelines, catalogue) -> Iterator[Shop]:
    started = proxy(elasticsearch, pipelines=pipelines)
    direct = Elasticsearch(
        elasticsearch.url,
        basic_auth=elasticsearch.auth,
        **({"ca_certs": str(elasticsearch.ca_certs)} if elasticsearch.ca_certs else {}),
    )
    proxied = Elasticsearch(started.url, basic_auth=elasticsearch.auth)
    actions = ({"_id": str(number), **product} for number, product in enumerate(catalogue))
    with direct, proxied:
        direct.indices.delete(index=INDEX, ignore_unavailable=True)
        proxied.indices.create(
            index=INDEX,
            mappings=MAPPINGS,
            settings={"number_of_shards": 1, "number_of_replicas": 0},
        )
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
    assert shop.proxied.get(index=INDEX, id="7").body == document.body
    assert shop.direct.indices.get_mapping(index=INDEX)[INDEX]["mappings"] == MAPPINGS


def test_a_search_without_an_opinion_is_ranked_as_directly(shop):
    query = {"match": {"title": "acme mouse"}}

    assert ranking(shop.proxied.search(index=INDEX, query=query, size=60)) == ranking(
        shop.direct.search(index=INDEX, query=query, size=60)
    )


def test_a_rule_widens_the_search_and_loses_nothing(shop):
    directly = shop.direct.search(index=INDEX, query=LAPTOP, size=60)

    reply = shop.proxied.search(index=INDEX, query=LAPTOP, size=60)

    assert reply["hits"]["total"] == {"value": shop.laptops, "relation": "eq"}
    if shop.pipeline == "rules":
        assert {doc_id for doc_id, _ in ranking(directly)} < {
            doc_id for doc_id, _ in ranking(reply)
        }
        assert all("matched_queries" not in hit for hit in reply["hits"]["hits"])
    else:
        assert ranking(reply) == ranking(directly)


def test_pages_partition_the_ranking(shop):
    whole = shop.proxied.search(index=INDEX, query=LAPTOP, size=60)
    pages = [
        hit
        for start in range(0, 60, 7)
        for hit in ranking(shop.proxied.search(index=INDEX, query=LAPTOP, from_=start, size=7))
    ]

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

    found, missing, mice = shop.proxied.msearch(searches=searches)["responses"]

    assert found["hits"]["total"]["value"] == shop.laptops
    assert missing["error"]["type"] == "index_not_found_exception"
    assert ranking(mice) == ranking(shop.direct.search(query={"match": {"title": "mouse"}}, size=3))


def test_scroll_finds_every_hit_once(shop):
    scanned = [
        hit["_id"]
        for hit in helpers.scan(shop.proxied, index=INDEX, query={"query": LAPTOP}, size=7)
    ]

    assert len(scanned) == len(set(scanned)) == shop.laptops


def test_point_in_time_with_search_after_finds_every_hit_once(shop):
    pit = {"id": shop.proxied.open_point_in_time(index=INDEX, keep_alive="1m")["id"]}
    prices: list[int] = []
    ids: list[str] = []
    after = None
    while True:
        page = shop.proxied.search(
            pit=pit, query=LAPTOP, sort=[{"price": "asc"}], search_after=after, size=8
        )
        if not page["hits"]["hits"]:
            break
        ids += [hit["_id"] for hit in page["hits"]["hits"]]
        prices += [hit["_source"]["price"] for hit in page["hits"]["hits"]]
        after = page["hits"]["hits"][-1]["sort"]

    assert shop.proxied.close_point_in_time(id=page["pit_id"])["succeeded"]
    assert len(ids) == len(set(ids)) == shop.laptops
    assert prices == sorted(prices)


def test_count_agrees_with_search(shop):
    assert shop.proxied.count(index=INDEX, query=LAPTOP)["count"] == shop.laptops
    assert shop.proxied.count(index=INDEX)["count"] == 60


def test_aggregations_count_what_is_found(shop):
    aggregations = {
        "brands": {"terms": {"field": "brand"}},
        "price": {"stats": {"field": "price"}},
        "everything": {"global": {}, "aggs": {"price": {"max": {"field": "price"}}}},
    }

    found = shop.proxied.search(index=INDEX, query=LAPTOP, size=0, aggregations=aggregations)
    directly = shop.direct.search(
        index=INDEX,
        query={"match": {"title": "laptop notebook"}} if shop.pipeline == "rules" else LAPTOP,
        size=0,
        aggregations=aggregations,
    )

    assert found["aggregations"] == directly["aggregations"]
    assert found["hits"]["hits"] == []


def test_writes_and_deletes_pass_through(shop):
    shop.proxied.index(index=INDEX, id="new", document={"title": "laptop new"}, refresh=True)
    added = shop.direct.exists(index=INDEX, id="new")
    shop.proxied.update(index=INDEX, id="new", doc={"price": 3})
    updated = shop.direct.get(index=INDEX, id="new")["_source"]
    shop.proxied.delete(index=INDEX, id="new", refresh=True)

    assert added
    assert updated == {"title": "laptop new", "price": 3}
    with pytest.raises(NotFoundError):
        shop.proxied.get(index=INDEX, id="new")


def test_the_engines_errors_come_through_unchanged(shop):
    errors = []
    for client in (shop.direct, shop.proxied):
        with pytest.raises(BadRequestError) as caught:
            client.search(index=INDEX, query={"no_such_query": {"title": "laptop"}})
        errors.append(caught.value)

    assert errors[0].body == errors[1].body
    assert errors[0].meta.headers["content-type"] == errors[1].meta.headers["content-type"]
