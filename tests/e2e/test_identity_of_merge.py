"""What merging does to searches, checked on real engines with bodies that real clients send."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from elastic_transport import Transport
from elastic_transport.client_utils import url_to_node_config

from qrmiddleware.dsl.merge import Wording, merged
from qrmiddleware.dsl.reply import read_reply
from qrmiddleware.dsl.search import (
    SearchRequest,
    parse_search,
    read_body,
    render_search,
    rendered_parameters,
)
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Rewrite
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.pipeline.search import search
from qrmiddleware.pipeline.steps import AskFilters, AskRewards, AskRewriters, Trip

INDEX = "qrm-identity"
JSON = {"content-type": "application/json", "accept": "application/json"}
NDJSON = {**JSON, "content-type": "application/x-ndjson"}
TEXT = {"type": "text", "analyzer": "standard"}
MAPPING: dict[str, Any] = {
    "title": TEXT,
    "description": TEXT,
    "name": {"type": "alias", "path": "title"},
    "post_title": {"type": "alias", "path": "title"},
    "post_content": {"type": "alias", "path": "description"},
    "typed": {**TEXT, "fields": {"_2gram": TEXT, "_3gram": TEXT}},
    "brand": {"type": "keyword", "fields": {"text": TEXT}},
    "sku": {"type": "keyword"},
    "category": {"type": "keyword"},
    "visibility": {"type": "keyword"},
    "price": {"type": "double"},
    "popularity": {"type": "integer"},
    "in_stock": {"type": "boolean"},
    "created_at": {"type": "date"},
    "reviews": {"type": "nested", "properties": {"text": TEXT, "stars": {"type": "integer"}}},
}
ADJECTIVES = ("red", "blue", "comfortable", "wi-fi", "light", "laptop")
NOUNS = ("running shoes", "shoes", "boots", "laptop sleeve", "laptop", "usb c cable", "socks")
POLICIES = ("dis_max", "should", "rrf", "linear", "append", "quota")
JUDGES: dict[str, dict[str, Any]] = {
    "nobody": {},
    "drop": {"filters": {"relevance": "drop"}},
    "both": {"filters": {"relevance": "demote"}, "reward_weights": {"margin": 1.0}},
}
BODIES: dict[str, Any] = {
    "plain": {"match": {"title": "red shoes"}},
    "or exactly": {
        "bool": {
            "should": [{"match": {"title": "red shoes"}}, {"term": {"brand": "acme"}}],
            "filter": [{"range": {"price": {"lt": 180}}}],
        }
    },
    "nested": {
        "bool": {
            "should": [
                {"match": {"title": {"query": "red shoes", "_name": "title"}}},
                {
                    "nested": {
                        "path": "reviews",
                        "query": {"match": {"reviews.text": "red shoes"}},
                        "inner_hits": {},
                    }
                },
            ]
        }
    },
}
REWRITES = {"rules": [Rewrite("blue boots", 0.8), Rewrite("laptop sleeve", 0.4)]}


def catalogue() -> Iterator[dict[str, Any]]:
    """Two hundred products, always the same."""
    rng = random.Random(7)  # noqa: S311 products that are always the same
    for number in range(200):
        words = [rng.choice(ADJECTIVES) for _ in range(rng.randint(0, 2))]
        title = " ".join([*words, rng.choice(NOUNS)])
        yield {
            "title": title,
            "typed": title,
            "description": f"{rng.choice(NOUNS)} for {rng.choice(ADJECTIVES)} days {number % 13}",
            "brand": rng.choice(["acme", "globex", "initech"]),
            "sku": "tn-2110" if number == 5 else f"SKU-{number:04}",
            "category": rng.choice(["shoes", "computers"]),
            "visibility": rng.choice(["2", "3", "4"]),
            "price": rng.randint(5, 250),
            "popularity": rng.randint(0, 500),
            "in_stock": rng.random() < 0.8,
            "created_at": f"2025-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
            "vector": [rng.random() for _ in range(4)],
            "reviews": [
                {
                    "text": f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}",
                    "stars": rng.randint(1, 5),
                }
                for _ in range(rng.randint(0, 3))
            ],
        }


class Shop:
    """An index on a real engine, and the pipeline's steps answered from it."""

    def __init__(self, url: str) -> None:
        self._transport = Transport([url_to_node_config(url)])

    def ask(self, method: str, target: str, body: bytes | None = None, **headers: str) -> Any:
        reply = self._transport.perform_request(
            method, target, body=body, headers={**JSON, **headers}, request_timeout=30
        )
        assert reply.meta.status in {200, 201}, (reply.meta.status, reply.body)
        return reply.body

    def fill(self, **more: Any) -> None:
        """Make the index anew: one shard, one segment, so that equal scores keep one order."""
        self._transport.perform_request("DELETE", f"/{INDEX}", headers=JSON)
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        mappings = {"dynamic": False, "properties": {**MAPPING, **more}}
        self.ask(
            "PUT", f"/{INDEX}", json.dumps({"settings": settings, "mappings": mappings}).encode()
        )
        lines = (
            json.dumps({"index": {"_id": str(n)}}) + "\n" + json.dumps(product) + "\n"
            for n, product in enumerate(catalogue())
        )
        done = self.ask("POST", f"/{INDEX}/_bulk", "".join(lines).encode(), **NDJSON)
        assert not done["errors"]
        self.ask("POST", f"/{INDEX}/_forcemerge?max_num_segments=1")
        self.ask("POST", f"/{INDEX}/_refresh")

    def search(self, body: bytes, parameters: str = "") -> Any:
        return self.ask("POST", f"/{INDEX}/_search?{parameters}", body)

    def page(self, query: Any, options: Options, start: int, size: int) -> Any:
        """Run the whole pipeline over one page."""
        body = {"query": query, "from": start, "size": size, "_source": False}
        request = parse_search(read_body(json.dumps(body).encode()).tree, Parameters())
        assert isinstance(request, SearchRequest)
        steps = search(request, options)
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as end:
                return json.loads(end.value.render())
            answer = self._answer(step)

    def _answer(self, step: Any) -> Any:
        match step:
            case AskRewriters():
                return REWRITES
            case AskFilters(hits=hits):
                return {"relevance": [int(hit.doc_id) % 5 > 0 for hit in hits]}
            case AskRewards(hits=hits):
                return {"margin": [float(int(hit.doc_id) * 7 % 11) for hit in hits]}
            case Trip(bodies=bodies):
                return [json.dumps(self.search(body)).encode() for body in bodies]

    def close(self) -> None:
        self._transport.close()


ON_BOTH_ENGINES = pytest.mark.parametrize(
    "shop",
    [
        pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch", marks=pytest.mark.opensearch),
    ],
    indirect=True,
    scope="module",
)


@pytest.fixture(scope="module")
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    """Two hundred products on the engine that ``request.param`` names."""
    shop = Shop(request.getfixturevalue(f"{request.param}_url"))
    vector = {"type": "dense_vector", "dims": 4, "index": True, "similarity": "cosine"}
    shop.fill(**({"vector": vector} if request.param == "elasticsearch" else {}))
    yield shop
    shop.close()


def shown(reply: Any) -> dict[str, Any]:
    """What a client sees of a reply, but for times and explanations."""
    parts = read_reply(json.dumps(reply).encode())
    section = {
        key: json.loads(bytes(value)) for key, value in parts.section.items() if key != "hits"
    }
    hits = [{k: json.loads(bytes(v)) for k, v in hit.tree.items()} for hit in parts.hits]
    for hit in hits:
        hit.pop("_explanation", None)
    rest = {
        key: json.loads(bytes(parts.tree.get(key, b"null")))
        for key in ("aggregations", "suggest", "timed_out")
    }
    return {**rest, **section, "hits": hits}


def rounded(value: Any) -> Any:
    """Take scores for equal that differ in the last bits only."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    return [rounded(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("combine", ["dis_max", "should"])
def test_the_users_wording_alone_merged_is_the_search_as_it_came(shop, runnable_case, combine):
    body = read_body(runnable_case.data)
    asked = parse_search(body.tree, Parameters.parse(runnable_case.parameters))
    query = merged(asked.slots, [Wording(asked.query.text)], combine=combine)

    came = shop.search(runnable_case.data, runnable_case.parameters)
    answered = shop.search(
        render_search(asked, query), str(rendered_parameters(asked, paged=False))
    )

    assert rounded(shown(answered)) == rounded(shown(came))


@pytest.mark.parametrize("text", ["nothingofthekind", "red shoes"])
def test_another_wording_never_breaks_a_search(shop, runnable_case, text):
    asked = parse_search(
        read_body(runnable_case.data).tree, Parameters.parse(runnable_case.parameters)
    )
    query = merged(asked.slots, [Wording(asked.query.text), Wording(text, 0.5, 1)])

    came = shop.search(runnable_case.data, runnable_case.parameters)
    answered = shop.search(
        render_search(asked, query), str(rendered_parameters(asked, paged=False))
    )

    assert total(answered) >= total(came)
    if text == "nothingofthekind":
        assert total(answered) == total(came)


@ON_BOTH_ENGINES
@pytest.mark.parametrize(
    "body",
    [
        BODIES["plain"],
        BODIES["nested"],
        {"nested": {"path": "reviews", "query": {"match": {"reviews.text": "red shoes"}}}},
        {"constant_score": {"filter": {"match": {"title": "red shoes"}}}},
    ],
    ids=["plain", "nested", "only nested", "constant score"],
)
def test_names_say_which_wording_found_a_hit(shop, body):
    request = parse_search(
        read_body(json.dumps({"query": body, "size": 500}).encode()).tree, Parameters()
    )
    texts = ("red shoes", "blue boots")
    query = merged(request.slots, [Wording(texts[0]), Wording(texts[1], 0.5, 1)])
    found = []
    for text in texts:
        alone = json.dumps({"query": body, "size": 500}).replace("red shoes", text)
        found.append({hit["_id"] for hit in shop.search(alone.encode())["hits"]["hits"]})

    reply = read_reply(json.dumps(shop.search(render_search(request, query))).encode())

    for hit in reply.hits:
        assert hit.wordings == tuple(n for n in (0, 1) if hit.doc_id in found[n])


def total(reply: Any) -> int:
    found: int = reply["hits"]["total"]["value"]
    return found


@ON_BOTH_ENGINES
@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("judge", JUDGES)
@pytest.mark.parametrize("policy", POLICIES)
def test_pages_part_the_ranking_of_what_any_wording_finds(shop, policy, judge, name):
    merge = MergeOptions(policy=policy, boost=0.7, min_hits=1_000)
    options = Options(merge=merge, rank_window_size=30, **JUDGES[judge])
    query = BODIES[name]
    expected = set()
    for text in ("red shoes", "blue boots", "laptop sleeve"):
        alone = json.dumps({"query": query, "size": 500}).replace("red shoes", text)
        expected |= {hit["_id"] for hit in shop.search(alone.encode())["hits"]["hits"]}

    size = 23
    pages = [
        shop.page(query, options, start, size) for start in range(0, len(expected) + size, size)
    ]

    hits = [hit for page in pages for hit in page["hits"]["hits"]]
    ids = [hit["_id"] for hit in hits]
    scores = [hit["_score"] for hit in hits]
    assert len(set(ids)) == len(ids)
    assert {total(page) for page in pages} == {len(expected)}
    if options.drops:
        assert all(int(doc_id) % 5 == 0 for doc_id in expected - set(ids))
        assert set(ids) < expected
    else:
        assert set(ids) == expected
    assert all(score >= 0 for score in scores)
    assert scores == sorted(scores, reverse=True)
    assert shop.page(query, options, 7, 40)["hits"]["hits"] == hits[7:47]
