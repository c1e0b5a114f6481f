"""The same searches, through the proxy and in the client's own process, get equal answers."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from elasticsearch import ApiError, AsyncElasticsearch, Elasticsearch, helpers
from elasticsearch.dsl import Search

from qrmiddleware_elasticsearch_py import with_pipeline

pytestmark = pytest.mark.elasticsearch

INDEX = "in-process"
LAPTOP = {"match": {"title": "laptop"}}
PLUGINS = """
from pydantic import BaseModel

from qrmiddleware import hookimpl


class NoOptions(BaseModel):
    pass


class Cheapest:
    Settings = NoOptions

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_reward(self, query, hits):
        return [-hit.source["price"] for hit in hits]


class NoSleeves:
    Settings = NoOptions

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_filter(self, query, hits):
        return ["sleeve" not in hit.source["title"] for hit in hits]
"""
ENTRY_POINTS = """
[qrmiddleware]
test_cheapest = qrm_e2e_plugins:Cheapest
test_no_sleeves = qrm_e2e_plugins:NoSleeves
"""
RULES = """
laptop =>
  SYNONYM: notebook

filtered =>
  FILTER: * {"term": {"brand": "acme"}}
"""
RERANKED = {"filters": [{"plugin": "test_no_sleeves"}], "rewards": [{"plugin": "test_cheapest"}]}
MERGES = [
    {"merge": {"policy": "dis_max"}},
    {"merge": {"policy": "rrf"}, "rank_window_size": 25},
    {"merge": {"policy": "append", "min_hits": 40}, **RERANKED},
    {"merge": {"policy": "dis_max"}, **RERANKED, "fields": ["title", "price"]},
]


@pytest.fixture(scope="module")
def installed_plugins(tmp_path_factory) -> Iterator[None]:
    """Install a reward and a filter plugin, for this process and for those it starts."""
    folder = tmp_path_factory.mktemp("plugins")
    (folder / "qrm_e2e_plugins.py").write_text(PLUGINS)
    metadata = folder / "qrm_e2e_plugins-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Name: qrm-e2e-plugins\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        paths = [str(folder), os.environ.get("PYTHONPATH", "")]
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        yield
    sys.modules.pop("qrm_e2e_plugins", None)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two ways to the same pipeline."""

    proxied: Elasticsearch
    inside: Elasticsearch
    url: str
    settings: dict[str, Any]


@pytest.fixture(scope="module")
def shop_url(elasticsearch_url, catalogue) -> Iterator[str]:
    """An Elasticsearch that holds the catalogue."""
    with Elasticsearch(elasticsearch_url) as direct:
        direct.indices.delete(index=INDEX, ignore_unavailable=True)
        direct.indices.create(
            index=INDEX,
            settings={"number_of_shards": 1, "number_of_replicas": 0},
            mappings={
                "properties": {
                    "title": {"type": "text"},
                    "brand": {"type": "keyword"},
                    "price": {"type": "integer"},
                }
            },
        )
        actions = ({"_id": str(number), **product} for number, product in enumerate(catalogue))
        helpers.bulk(direct, actions, index=INDEX, refresh=True)
        yield elasticsearch_url
        direct.indices.delete(index=INDEX)


@pytest.fixture(scope="module", params=MERGES, ids=lambda m: f"{m['merge']['policy']}-{len(m)}")
def pair(request, shop_url, proxy, installed_plugins, tmp_path_factory) -> Iterator[Pair]:
    rules = tmp_path_factory.mktemp("rules") / "rules.txt"
    rules.write_text(RULES)
    pipeline = {
        "rewriters": [{"plugin": "rules", "path": str(rules)}],
        "timeout_ms": 5_000,
        **request.param,
    }
    settings = {"pipelines": {"shop": pipeline}}
    started = proxy(shop_url, **settings)
    direct = Elasticsearch(shop_url, http_compress=True)
    with Elasticsearch(started.url) as proxied, with_pipeline(direct, settings) as inside:
        yield Pair(proxied, inside, shop_url, settings)
    started.stop()


def scanned(client: Elasticsearch) -> list[dict[str, Any]]:
    return list(helpers.scan(client, index=INDEX, query={"query": LAPTOP}, size=7))


def walked(client: Elasticsearch) -> list[dict[str, Any]]:
    pit = {"id": client.open_point_in_time(index=INDEX, keep_alive="1m")["id"]}
    first = client.search(pit=pit, query=LAPTOP, sort=["price", "_shard_doc"], size=20)
    after = first["hits"]["hits"][-1]["sort"]
    second = client.search(
        pit=pit, query=LAPTOP, sort=["price", "_shard_doc"], size=20, search_after=after
    )
    client.close_point_in_time(id=second["pit_id"])
    return [first.body, second.body]


def several(client: Elasticsearch) -> dict[str, Any]:
    searches: list[dict[str, Any]] = [
        {"index": INDEX},
        {"query": LAPTOP, "size": 60},
        {"index": "nowhere"},
        {"query": LAPTOP},
        {},
        {"query": LAPTOP, "sort": ["title"]},
        {"index": INDEX},
        {"query": {"match": {"title": "mouse"}}, "ext": {"qrm": {"pipeline": "_none"}}},
        {"index": INDEX},
        {"query": LAPTOP, "ext": {"qrm": {"pipeline": "nope"}}},
    ]
    return dict(client.msearch(index=INDEX, searches=searches).body)


def dsl(client: Elasticsearch) -> list[Any]:
    search = Search(using=client, index=INDEX).query("match", title="laptop")[3:9]
    return [search.execute().to_dict(), search.count()]


def refused(client: Elasticsearch, **call: Any) -> Any:
    with pytest.raises(ApiError) as caught:
        client.search(index=INDEX, **call)
    return [caught.value.status_code, caught.value.body]


def search(**call: Any) -> Callable[[Elasticsearch], Any]:
    return lambda client: client.search(index=INDEX, **call).body


def header(name: str, value: str, **call: Any) -> Callable[[Elasticsearch], Any]:
    return lambda client: (
        client.options(headers={name: value}).search(index=INDEX, query=LAPTOP, **call).body
    )


AGGREGATIONS = {"brands": {"terms": {"field": "brand"}}, "price": {"stats": {"field": "price"}}}
SEARCHES: dict[str, Callable[[Elasticsearch], Any]] = {
    "no text": search(query={"match_all": {}}, size=5),
    "no opinion": search(query={"match": {"title": "acme mouse"}}, size=60),
    "rewritten": search(query=LAPTOP, size=60),
    "deep in a bool": search(
        query={"bool": {"must": [LAPTOP], "filter": [{"term": {"brand": "acme"}}]}}, size=60
    ),
    "second page": search(query=LAPTOP, from_=10, size=10),
    "across the window": search(query=LAPTOP, from_=20, size=10),
    "beyond the window": search(query=LAPTOP, from_=40, size=20),
    "own sort": search(query=LAPTOP, sort=[{"price": "asc"}, {"brand": "desc"}], size=60),
    "aggregations": search(query=LAPTOP, size=0, aggregations=AGGREGATIONS),
    "aggregations beside hits": search(query=LAPTOP, size=3, aggregations=AGGREGATIONS),
    "highlight": search(query=LAPTOP, highlight={"fields": {"title": {}}}, size=20),
    "source filter": search(query=LAPTOP, source=["brand"], fields=["price"], size=20),
    "collapse": search(query=LAPTOP, collapse={"field": "brand"}),
    "filter path": search(query=LAPTOP, filter_path=["hits.hits._id", "hits.total"]),
    "typed keys": search(query=LAPTOP, size=2, aggregations=AGGREGATIONS, typed_keys=True),
    "total as int": search(query=LAPTOP, rest_total_hits_as_int=True, pretty=True),
    "no total": search(query=LAPTOP, track_total_hits=False),
    "named queries": search(query={"match": {"title": {"query": "laptop", "_name": "mine"}}}),
    "in the url": search(q="laptop", df="title", size=60),
    "operators": search(q="title:laptop AND brand:acme"),
    "restricted": search(query={"match": {"title": "filtered laptop"}}, size=60),
    "not found": search(query={"match": {"title": "zzz"}}),
    "count": lambda client: client.count(index=INDEX, query=LAPTOP).body,
    "msearch": several,
    "scroll": scanned,
    "point in time": walked,
    "search dsl": dsl,
    "pipeline off": header("X-QRM-Pipeline", "_none", size=60),
    "pipeline by name": header("X-QRM-Pipeline", "shop", size=60),
    "text given": header("X-QRM-Query", "Laptop", size=60),
    "unknown pipeline": lambda client: refused(
        client.options(headers={"X-QRM-Pipeline": "nope"}), query=LAPTOP
    ),
    "unknown query": lambda client: refused(client, query={"no_such_query": {}}),
    "absurd page": lambda client: refused(client, query=LAPTOP, from_=100_000),
}
VOLATILE = frozenset({"took", "pit_id", "_scroll_id"})


def lasting(value: Any) -> Any:
    """Leave out what differs from one call to the next."""
    if isinstance(value, dict):
        return {key: lasting(inner) for key, inner in value.items() if key not in VOLATILE}
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_answered_as_through_the_proxy(pair, name):
    run = SEARCHES[name]

    assert lasting(run(pair.inside)) == lasting(run(pair.proxied))


def test_the_pipeline_is_at_work_in_these_searches(pair):
    reply = pair.inside.search(index=INDEX, query=LAPTOP, size=60)

    assert reply["hits"]["total"]["value"] == 45
    assert "rewrite" in reply.meta.headers["x-qrm-applied"]


def test_headers_say_the_same(pair):
    replies = [
        client.search(index=INDEX, query=LAPTOP, size=60) for client in (pair.inside, pair.proxied)
    ]
    inside, proxied = (
        {name.lower(): value for name, value in reply.meta.headers.items()} for reply in replies
    )

    volatile = {"x-qrm-request-id", "server-timing", "content-length", "date"}
    assert {k: v for k, v in inside.items() if k not in volatile} == {
        k: v for k, v in proxied.items() if k not in volatile
    }
    assert volatile - {"date"} <= set(inside)


def test_debug_output_says_the_same(pair):
    sections = [
        client.options(headers={"X-QRM-Debug": "true"})
        .search(index=INDEX, query=LAPTOP, size=20)
        .body["ext"]["qrm"]
        for client in (pair.inside, pair.proxied)
    ]

    inside, proxied = (
        {
            **section,
            "timings_ms": sorted(section["timings_ms"]),
            "processor_results": [
                {**result, "duration_millis": 0} for result in section["processor_results"]
            ],
        }
        for section in sections
    )
    assert inside == proxied


async def test_an_asynchronous_client_gets_the_same(pair):
    client = with_pipeline(AsyncElasticsearch(pair.url), pair.settings)
    async with client:
        found = await client.search(index=INDEX, query=LAPTOP, size=60)
        counted = await client.count(index=INDEX, query=LAPTOP)
        scan = helpers.async_scan(client, index=INDEX, query={"query": LAPTOP}, size=7)
        scrolled = [hit async for hit in scan]

    assert lasting(found.body) == lasting(SEARCHES["rewritten"](pair.proxied))
    assert counted.body == SEARCHES["count"](pair.proxied)
    assert scrolled == scanned(pair.proxied)
