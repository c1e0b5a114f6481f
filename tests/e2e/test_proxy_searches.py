"""Searches of every kind through a pipeline, against real engines."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import urllib3

NDJSON = "application/x-ndjson"
LAPTOP = {"query": {"match": {"title": "laptop"}}}


@dataclass(frozen=True)
class Shop:
    """The catalogue behind a proxy with a rule: laptops are notebooks too."""

    name: str
    direct: str
    proxied: str
    http: urllib3.PoolManager

    def ask(
        self, target: str, body: Any = None, method: str = "POST", url: str = "", **fields: str
    ):
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if data is not None else {}
        headers = {**kind, **{name.replace("_", "-"): value for name, value in fields.items()}}
        return self.http.request(method, (url or self.proxied) + target, body=data, headers=headers)

    def both(self, *args: Any, **fields: str) -> tuple[Any, Any]:
        """Ask the engine directly, and through the proxy."""
        return self.ask(*args, url=self.direct, **fields), self.ask(*args, **fields)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
    ],
)
def shop(request, proxy, catalogue, tmp_path_factory):
    url = request.getfixturevalue(request.param)
    rules = tmp_path_factory.mktemp("rules") / "rules.txt"
    rules.write_text("laptop =>\n  SYNONYM: notebook\n")
    slot = {"plugin": "rules", "path": str(rules)}
    pipelines = {
        name: {
            "timeout_ms": 2000,
            "rewriters": [slot],
            "merge": {"policy": name},
            "index": "*" if name == "dis_max" else "by-name-only",
        }
        for name in ("dis_max", "should", "rrf", "append", "quota")
    }
    started = proxy(url, pipelines=pipelines, limits={"max_body_bytes": 10 * 2**20})
    lines = (
        json.dumps(line)
        for number, product in enumerate(catalogue)
        for line in ({"index": {"_id": str(number)}}, product)
    )
    with urllib3.PoolManager(retries=False) as http:
        shop = Shop(request.param.removesuffix("_url"), url, started.url, http)
        shop.ask("/searched", {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}, "PUT")
        body = "\n".join((*lines, "")).encode()
        assert not shop.ask("/searched/_bulk?refresh=true", body).json()["errors"]
        yield shop
        shop.ask("/searched", None, "DELETE")


TARGETS = ["/searched/_search", "/search*/_search", "/searched,search*/_search", "/_all/_search"]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("target", [*TARGETS, "/_search", "/%3Csearched%3E/_search"])
def test_a_search_is_widened_wherever_it_goes(shop, method, target):
    only_ours = {"term": {"_index": "searched"}}  # other tests' indices may be there
    search = {"query": {"bool": {"must": [LAPTOP["query"]], "filter": [only_ours]}}}

    reply = shop.ask(target, search, method)

    assert reply.json()["hits"]["total"]["value"] == 45
    assert reply.headers["x-qrm-applied"] == "rewrite"


@pytest.mark.parametrize(
    "parameters",
    [
        "q=laptop&df=title",
        "q=title:x OR laptop",
        "source_content_type=application/json&source="
        + '{"query":{"match":{"title":"laptop"}}}'.replace('"', "%22"),
    ],
)
def test_a_search_in_the_url_is_answered(shop, parameters):
    direct, proxied = shop.both(f"/searched/_search?{parameters.replace(' ', '%20')}", None, "GET")

    widened = 30 if "OR" in parameters else 45
    assert direct.json()["hits"]["total"]["value"] == 30
    assert proxied.json()["hits"]["total"]["value"] == widened


def test_reply_parameters_mean_what_they_mean_to_the_engine(shop):
    target = "/searched/_search?typed_keys=true&rest_total_hits_as_int=true&size=2&from=1"
    body = {**LAPTOP, "aggs": {"brands": {"terms": {"field": "brand.keyword"}}}}

    reply = shop.ask(f"{target}&_source=brand&sort=_score", body).json()

    assert reply["hits"]["total"] == 45
    assert len(reply["hits"]["hits"]) == 2
    assert set(reply["hits"]["hits"][0]["_source"]) == {"brand"}
    assert sum(bucket["doc_count"] for bucket in reply["aggregations"]["sterms#brands"]["buckets"])


@pytest.mark.parametrize(
    "filter_path",
    [
        "hits.hits._id",
        "hits.total",
        "-hits.hits",
        "**._score",
        "took,hits.h*._source.br*",
        "nothing",
    ],
)
def test_filter_path_keeps_what_the_engine_would_keep(shop, filter_path):
    target = f"/searched/_search?qrm_pipeline=%s&filter_path={filter_path}&size=1"
    body = {"query": {"match": {"title": "laptop sleeve 14 notebook"}}}

    wide, plain = (shop.ask(target % name, body).json() for name in ("dis_max", "_none"))

    assert shape(wide) == shape(plain)


def shape(value: Any) -> Any:
    """Return a JSON value's keys without its numbers and texts."""
    if isinstance(value, dict):
        return {key: shape(child) for key, child in value.items()}
    return [shape(child) for child in value] if isinstance(value, list) else None


@pytest.mark.parametrize("sort", ["title.keyword", "price:desc"])
def test_a_sorted_search_is_widened_and_stays_sorted(shop, sort):
    hits = shop.ask(f"/searched/_search?sort={sort}&size=60", LAPTOP).json()["hits"]["hits"]

    keys = [hit["sort"][0] for hit in hits]
    assert len(hits) == 45
    assert keys == sorted(keys, reverse=sort.endswith("desc"))


@pytest.mark.parametrize("policy", ["dis_max", "should", "rrf", "append", "quota"])
def test_pages_of_every_policy_partition_the_ranking(shop, policy):
    target = f"/searched/_search?qrm_pipeline={policy}"
    whole = shop.ask(f"{target}&size=60", LAPTOP).json()["hits"]["hits"]

    pages = [
        hit["_id"]
        for start in range(0, 60, 7)
        for hit in shop.ask(target, {**LAPTOP, "from": start, "size": 7}).json()["hits"]["hits"]
    ]

    assert pages == [hit["_id"] for hit in whole]
    assert len(set(pages)) == len(pages)


def test_msearch_items_are_answered_each_for_itself(shop):
    laptop = json.dumps(LAPTOP)
    none = json.dumps({**LAPTOP, "ext": {"qrm": {"pipeline": "_none"}}})
    wrong = json.dumps({**LAPTOP, "ext": {"qrm": {"pipeline": "shoes"}}})
    lines = [
        '{"index":"searched"}', laptop,
        '{"index":["searched"]}', none,
        '{"index":"nowhere"}', laptop,
        '{"index":"searched"}', wrong,
        '{"index":"searched"}', '{"size":0}',
    ]  # fmt: skip

    reply = shop.ask("/_msearch", "\n".join((*lines, "")).encode(), content_type=NDJSON)

    replies = reply.json()["responses"]
    assert reply.status == 200
    assert [each["status"] for each in replies] == [200, 200, 404, 400, 200]
    totals = [each["hits"]["total"]["value"] for each in replies if "hits" in each]
    assert totals[:2] == [45, 30]


@pytest.mark.parametrize("policy", ["rrf", "append", "quota"])
def test_msearch_items_of_every_policy_equal_the_search(shop, policy):
    body = json.dumps(LAPTOP)
    data = f'{{"index":"searched"}}\n{body}\n{{}}\n{body}\n'.encode()

    single = shop.ask(f"/searched/_search?qrm_pipeline={policy}", LAPTOP).json()["hits"]
    several = shop.ask(f"/searched/_msearch?qrm_pipeline={policy}", data, content_type=NDJSON)

    for reply in several.json()["responses"]:
        assert [hit["_id"] for hit in reply["hits"]["hits"]] == [h["_id"] for h in single["hits"]]
        assert reply["hits"]["total"] == single["total"]


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"{}\n", b'{"index":"searched"}\n{}', b'{"index":"searched"}\n{"query":\n',
     b"x\n{}\n", b'{"index":5}\n{}\n', b'\n{"query":{"match":{"title":"mouse"}}}\n'],
)  # fmt: skip
def test_an_msearch_is_refused_as_the_engine_refuses_it(shop, data):
    direct, proxied = shop.both("/searched/_msearch", data, content_type=NDJSON)

    assert proxied.status == direct.status
    assert without_took(proxied.json()) == without_took(direct.json())


def without_took(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_took(child) for key, child in value.items() if key != "took"}
    return [without_took(child) for child in value] if isinstance(value, list) else value


def test_counts_agree_with_searches(shop):
    assert shop.ask("/searched/_count", LAPTOP).json()["count"] == 45
    assert shop.ask("/searched/_count?q=laptop&df=title", None, "GET").json()["count"] == 45
    assert shop.ask("/searched/_count?qrm_pipeline=_none", LAPTOP).json()["count"] == 30


def test_scrolling_gives_every_hit_once(shop):
    page = shop.ask("/searched/_search?scroll=1m&size=20", LAPTOP).json()
    found = []
    while page["hits"]["hits"]:
        found += [hit["_id"] for hit in page["hits"]["hits"]]
        page = shop.ask("/_search/scroll", {"scroll": "1m", "scroll_id": page["_scroll_id"]}).json()

    assert len(found) == len(set(found)) == 45


def test_a_point_in_time_with_search_after_gives_every_hit_once(shop):
    opening = {
        "elasticsearch": "/searched/_pit?keep_alive=1m",
        "opensearch": "/searched/_search/point_in_time?keep_alive=1m",
    }[shop.name]
    opened = shop.ask(opening).json()
    pit = {"id": opened.get("id") or opened["pit_id"], "keep_alive": "1m"}
    body = {**LAPTOP, "pit": pit, "size": 20, "sort": [{"price": "asc"}, {"_id": "asc"}]}
    body["sort"][1:] = [{"title.keyword": "asc"}]

    found = []
    while hits := shop.ask("/_search", body).json()["hits"]["hits"]:
        found += [hit["_id"] for hit in hits]
        body["search_after"] = hits[-1]["sort"]

    assert len(found) == len(set(found)) == 45


def test_an_asynchronous_search_is_widened(shop):
    if shop.name != "elasticsearch":
        pytest.skip("this OpenSearch runs without its asynchronous-search plugin")
    reply = shop.ask("/searched/_async_search?wait_for_completion_timeout=5s", LAPTOP)
    if reply.status == 400 and b"no handler" in reply.data:
        pytest.skip("this Elasticsearch is built without asynchronous search")

    assert reply.json()["response"]["hits"]["total"]["value"] == 45


def test_templates_are_rendered_and_widened(shop):
    if shop.name != "opensearch":
        pytest.skip("this Elasticsearch is built without search templates")
    template = {"source": {"query": {"match": {"title": "{{q}}"}}}, "params": {"q": "laptop"}}
    lines = f'{{"index":"searched"}}\n{json.dumps(template)}\n'.encode()

    single = shop.ask("/searched/_search/template", template).json()
    several = shop.ask("/_msearch/template", lines, content_type=NDJSON).json()

    assert single["hits"]["total"]["value"] == 45
    assert several["responses"][0]["hits"]["total"]["value"] == 45


def test_templates_that_cannot_be_rendered_are_refused_as_the_engine_refuses_them(shop):
    direct, proxied = shop.both("/searched/_search/template", {"id": "none", "params": {}})

    assert (proxied.status, proxied.json()) == (direct.status, direct.json())


def test_what_the_engine_refuses_comes_back_with_its_own_words(shop):
    body = {"query": {"match": {"title": {"query": "laptop", "operator": "nor"}}}}

    direct, proxied = shop.both("/searched/_search", body)

    assert (proxied.status, proxied.data) == (direct.status, direct.data)


@pytest.mark.parametrize("accept", ["application/yaml", "application/cbor", "application/smile"])
def test_other_formats_are_answered_in_kind(shop, accept):
    direct, proxied = shop.both("/searched/_search?filter_path=hits.total", LAPTOP, accept=accept)

    assert proxied.status == direct.status
    assert proxied.headers["content-type"] == direct.headers["content-type"]
    assert proxied.data == direct.data


def test_debug_output_names_the_wording_that_found_each_hit(shop):
    reply = shop.ask("/searched/_search?qrm_debug&size=60", LAPTOP).json()

    found_by = [hit["_qrm"]["found_by"] for hit in reply["hits"]["hits"]]
    assert found_by.count(["laptop"]) == 30
    assert found_by.count(["notebook"]) == 15
    assert reply["ext"]["qrm"]["decisions"][0]["text"] == "notebook"
