"""The embedded engine against Elasticsearch: same documents, same bodies, same answers."""

import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from qrmiddleware.upstream.embedded.engine import EmbeddedEngine

pytestmark = pytest.mark.elasticsearch

INDEX = "parity"
DOCUMENTS = 300
Ask = Callable[[str, str, Any], tuple[int, Any]]

MAPPINGS = {
    "properties": {
        "title": {"type": "text", "fields": {"keyword": {"type": "keyword"}}},
        "description": {"type": "text"},
        "note": {"type": "text"},
        "brand": {"type": "keyword"},
        "tags": {"type": "keyword"},
        "price": {"type": "double"},
        "stock": {"type": "integer"},
        "active": {"type": "boolean"},
        "released": {"type": "date"},
    }
}
NOUNS = [
    "laptop",
    "phone",
    "case",
    "charger",
    "cable",
    "battery",
    "printer",
    "toner",
    "mouse",
    "keyboard",
    "bag",
    "stand",
]
ADJECTIVES = [
    "black",
    "red",
    "wireless",
    "usb-c",
    "slim",
    "rugged",
    "pro",
    "mini",
    "gaming",
    "13.3",
    "don't",
    "foo_bar",
]
BRANDS = ["acme", "globex", "initech", "umbrella", "Stark Industries"]


def make_documents() -> list[dict[str, Any]]:
    chance = random.Random(20)  # noqa: S311 - a catalogue, not a secret
    documents = []
    for _ in range(DOCUMENTS):
        words = [chance.choice(ADJECTIVES) for _ in range(chance.randint(0, 3))]
        title = " ".join([*words, *chance.sample(NOUNS, chance.randint(1, 3))])
        description = " ".join(
            chance.choice(NOUNS + ADJECTIVES + ["for", "with", "and", "the"])
            for _ in range(chance.randint(3, 60))
        )
        document: dict[str, Any] = {
            "title": title,
            "description": description.capitalize() + ".",
            "brand": chance.choice(BRANDS),
            "tags": chance.sample(NOUNS, chance.randint(0, 3)),
            "price": round(chance.uniform(1, 900), 2),
            "stock": chance.randint(0, 40),
            "active": chance.random() < 0.7,
            "released": f"20{chance.randint(10, 25)}-0{chance.randint(1, 9)}-11",
            "extra": {"colour": chance.choice(["red", "green"]), "weight": chance.randint(1, 9)},
        }
        if chance.random() < 0.3:
            document["note"] = " ".join(chance.sample(NOUNS, 5))
            document["remark"] = " ".join(chance.choice(NOUNS) for _ in range(chance.randint(3, 7)))
        if chance.random() < 0.2:
            del document["stock"]
        documents.append(document)
    return documents


def as_bulk(documents: list[dict[str, Any]]) -> bytes:
    lines = []
    for number, document in enumerate(documents):
        lines += [json.dumps({"index": {"_id": f"d{number}"}}), json.dumps(document)]
    return ("\n".join(lines) + "\n").encode()


def over_http(base: str) -> Ask:
    def ask(method: str, target: str, body: Any = None) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/x-ndjson" if isinstance(body, bytes) else "application/json"
        request = urllib.request.Request(  # noqa: S310 - the engine's own URL
            base.rstrip("/") + target,
            data=None if body is None else data,
            method=method,
            headers={"content-type": kind},
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310
                return reply.status, json.loads(reply.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    return ask


def in_process(engine: EmbeddedEngine) -> Ask:
    def ask(method: str, target: str, body: Any = None) -> tuple[int, Any]:
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        status, _, content = engine.handle(method, target, (), data)
        return status, json.loads(content)

    return ask


@pytest.fixture(scope="module")
def engines(elasticsearch_url: str) -> Iterator[tuple[Ask, Ask]]:
    real, ours = over_http(elasticsearch_url), in_process(EmbeddedEngine())
    real("DELETE", f"/{INDEX}", None)
    for ask in (real, ours):
        settings = {"number_of_shards": 1, "number_of_replicas": 0}
        status, _ = ask("PUT", f"/{INDEX}", {"settings": settings, "mappings": MAPPINGS})
        assert status == 200
        status, reply = ask("POST", f"/{INDEX}/_bulk?refresh=true", as_bulk(make_documents()))
        assert (status, reply["errors"]) == (200, False)
    yield real, ours
    real("DELETE", f"/{INDEX}", None)


MATCH = {"match": {"title": "black laptop"}}
FIELDS = ["title^3", "description", "brand"]

SCORED: dict[str, dict[str, Any]] = {
    "match_all": {"match_all": {}},
    "match_all boost": {"match_all": {"boost": 2.5}},
    "match_none": {"match_none": {}},
    "match": MATCH,
    "match one word": {"match": {"description": "toner"}},
    "match punctuation": {"match": {"title": "USB-C 13.3, don't foo_bar!"}},
    "match and": {"match": {"title": {"query": "black laptop", "operator": "and"}}},
    "match msm": {
        "match": {"description": {"query": "red slim mini pro", "minimum_should_match": "75%"}}
    },
    "match msm negative": {
        "match": {"description": {"query": "red slim mini pro", "minimum_should_match": "-1"}}
    },
    "match msm conditional": {
        "match": {"description": {"query": "red slim mini", "minimum_should_match": "2<-25%"}}
    },
    "match boost": {"match": {"title": {"query": "laptop", "boost": 2.5}}},
    "match repeated word": {"match": {"title": "laptop laptop case"}},
    "match unknown field": {"match": {"nope": "laptop"}},
    "match sparse field": {"match": {"note": "laptop"}},
    "match keyword": {"match": {"brand": "Stark Industries"}},
    "match number": {"match": {"stock": "7"}},
    "match fuzzy": {"match": {"title": {"query": "laptpo chargr", "fuzziness": "AUTO"}}},
    "match fuzzy 1": {"match": {"title": {"query": "cas", "fuzziness": 1}}},
    "match fuzzy prefix": {
        "match": {"title": {"query": "maptop", "fuzziness": 1, "prefix_length": 1}}
    },
    "match empty": {"match": {"title": ""}},
    "best_fields": {"multi_match": {"query": "black laptop", "fields": FIELDS}},
    "best_fields tie": {
        "multi_match": {"query": "black laptop", "fields": FIELDS, "tie_breaker": 0.3}
    },
    "best_fields and": {
        "multi_match": {"query": "black laptop", "fields": FIELDS, "operator": "and"}
    },
    "most_fields": {"multi_match": {"query": "red case", "fields": FIELDS, "type": "most_fields"}},
    "cross_fields": {
        "multi_match": {
            "query": "red case",
            "fields": ["title", "description"],
            "type": "cross_fields",
        }
    },
    "cross_fields and": {
        "multi_match": {
            "query": "red case slim",
            "fields": ["title^2", "description"],
            "type": "cross_fields",
            "operator": "and",
            "tie_breaker": 0.4,
        }
    },
    "multi_match phrase": {
        "multi_match": {"query": "black laptop", "fields": FIELDS[:2], "type": "phrase"}
    },
    "multi_match bool_prefix": {
        "multi_match": {"query": "black lap", "fields": FIELDS[:2], "type": "bool_prefix"}
    },
    "multi_match wildcard": {"multi_match": {"query": "laptop", "fields": ["ti*", "desc*"]}},
    "multi_match fuzzy": {
        "multi_match": {"query": "blck laptp", "fields": FIELDS[:2], "fuzziness": "AUTO"}
    },
    "match_phrase": {"match_phrase": {"description": "with the"}},
    "match_phrase_prefix": {"match_phrase_prefix": {"description": "with lap"}},
    "match_phrase_prefix one word": {"match_phrase_prefix": {"title": "ca"}},
    "match_bool_prefix": {"match_bool_prefix": {"title": "black lap"}},
    "simple_query_string": {"simple_query_string": {"query": "black laptop", "fields": FIELDS[:2]}},
    "simple_query_string and": {
        "simple_query_string": {
            "query": "black laptop",
            "fields": FIELDS[:2],
            "default_operator": "and",
        }
    },
    "query_string": {"query_string": {"query": "black laptop", "fields": FIELDS[:2]}},
    "term keyword": {"term": {"brand": "acme"}},
    "term boost": {"term": {"brand": {"value": "acme", "boost": 3}}},
    "term text": {"term": {"title": "laptop"}},
    "term number": {"term": {"stock": 7}},
    "term boolean": {"term": {"active": True}},
    "term date": {"term": {"released": "2015-05-11"}},
    "term any case": {"term": {"brand": {"value": "ACME", "case_insensitive": True}}},
    "terms": {"terms": {"brand": ["acme", "globex"]}},
    "terms numbers": {"terms": {"stock": [1, 2, 3]}},
    "range": {"range": {"price": {"gte": 100, "lt": 300.5}}},
    "range integer": {"range": {"stock": {"gt": 5, "lte": 9}}},
    "range date": {"range": {"released": {"gte": "2015-01-01", "lt": "2018-06-01"}}},
    "range date math": {"range": {"released": {"gte": "2020-01-01||-2y/y", "lt": "now"}}},
    "range keyword": {"range": {"brand": {"gte": "b", "lt": "j"}}},
    "exists": {"exists": {"field": "note"}},
    "exists object": {"exists": {"field": "extra"}},
    "ids": {"ids": {"values": ["d1", "d7", "none"]}},
    "prefix": {"prefix": {"brand": "glo"}},
    "prefix text": {"prefix": {"title": {"value": "lap", "boost": 2}}},
    "wildcard": {"wildcard": {"title.keyword": {"value": "*laptop?c*"}}},
    "regexp": {"regexp": {"brand": "(acme|glob.+)"}},
    "fuzzy": {"fuzzy": {"title": {"value": "laptpo"}}},
    "bool": {
        "bool": {
            "must": [MATCH],
            "filter": [{"term": {"active": True}}],
            "should": [{"match": {"description": "red"}}],
            "must_not": [{"term": {"brand": "acme"}}],
        }
    },
    "bool should": {"bool": {"should": [MATCH, {"term": {"brand": "acme"}}], "boost": 2}},
    "bool msm": {
        "bool": {
            "should": [MATCH, {"term": {"brand": "acme"}}, {"range": {"price": {"lt": 400}}}],
            "minimum_should_match": 2,
        }
    },
    "bool filter": {"bool": {"filter": {"term": {"brand": "acme"}}}},
    "bool filter and should": {"bool": {"filter": {"term": {"brand": "acme"}}, "should": [MATCH]}},
    "bool must_not": {"bool": {"must_not": {"term": {"brand": "acme"}}}},
    "bool empty": {"bool": {}},
    "dis_max": {"dis_max": {"queries": [MATCH, {"match": {"description": "red case"}}]}},
    "dis_max tie": {
        "dis_max": {
            "tie_breaker": 0.7,
            "queries": [MATCH, {"match": {"description": {"query": "red case", "boost": 0.6}}}],
        }
    },
    "constant_score": {"constant_score": {"filter": MATCH, "boost": 1.7}},
    "boosting": {
        "boosting": {
            "positive": MATCH,
            "negative": {"term": {"brand": "acme"}},
            "negative_boost": 0.2,
        }
    },
    "boosting in bool": {
        "bool": {
            "must": [
                {
                    "boosting": {
                        "positive": MATCH,
                        "negative": {"range": {"price": {"gt": 400}}},
                        "negative_boost": 0.5,
                    }
                }
            ],
            "should": [{"match": {"description": "red"}}],
            "filter": [{"term": {"active": True}}],
        }
    },
    "function_score weight": {
        "function_score": {
            "query": MATCH,
            "functions": [
                {"filter": {"term": {"brand": "acme"}}, "weight": 3},
                {"filter": {"range": {"price": {"lt": 300}}}, "weight": 2},
            ],
            "score_mode": "sum",
            "boost_mode": "multiply",
        }
    },
    "function_score avg": {
        "function_score": {
            "query": MATCH,
            "functions": [
                {"filter": {"term": {"brand": "acme"}}, "weight": 3},
                {"weight": 2, "field_value_factor": {"field": "price", "modifier": "log1p"}},
            ],
            "score_mode": "avg",
            "boost_mode": "sum",
            "max_boost": 4,
        }
    },
    "function_score field value": {
        "function_score": {
            "query": MATCH,
            "field_value_factor": {"field": "stock", "factor": 1.2, "missing": 1},
            "boost_mode": "replace",
        }
    },
    "function_score gauss": {
        "function_score": {
            "query": MATCH,
            "gauss": {"price": {"origin": 100, "scale": 50, "offset": 10, "decay": 0.4}},
        }
    },
    "function_score date decay": {
        "function_score": {
            "query": MATCH,
            "exp": {"released": {"origin": "2020-01-01", "scale": "300d"}},
        }
    },
    "function_score without query": {"function_score": {"weight": 5, "boost": 2}},
    "dis_max of function_score": {
        "dis_max": {
            "queries": [
                {"function_score": {"query": MATCH, "weight": 2}},
                {"match": {"description": "charger"}},
            ],
            "tie_breaker": 0.1,
        }
    },
}


@pytest.mark.parametrize("query", SCORED.values(), ids=SCORED)
def test_finds_and_scores_as_elasticsearch_does(
    engines: tuple[Ask, Ask], query: dict[str, Any]
) -> None:
    body = {"query": query, "size": DOCUMENTS, "_source": False, "track_total_hits": True}

    (real_status, real), (status, ours) = (
        ask("POST", f"/{INDEX}/_search", body) for ask in engines
    )

    assert (real_status, status) == (200, 200)
    expected = {hit["_id"]: hit["_score"] for hit in real["hits"]["hits"]}
    found = {hit["_id"]: hit["_score"] for hit in ours["hits"]["hits"]}
    assert found.keys() == expected.keys()
    assert ours["hits"]["total"] == real["hits"]["total"]
    assert found == pytest.approx(expected, rel=1e-3)
    in_our_order = [expected[doc_id] for doc_id in found]
    for better, worse in pairwise(in_our_order):
        assert better >= worse * (1 - 1e-5)


NEARLY: dict[str, dict[str, Any]] = {
    "match_phrase slop": {"match_phrase": {"title": {"query": "black laptop", "slop": 1}}},
    "match_phrase slop of long text": {
        "match_phrase": {"description": {"query": "black laptop", "slop": 3}}
    },
    "match sparse field": {"match": {"remark": "laptop case"}},
}


@pytest.mark.parametrize("query", NEARLY.values(), ids=NEARLY)
def test_finds_what_elasticsearch_finds_and_scores_nearly_so(
    engines: tuple[Ask, Ask], query: dict[str, Any]
) -> None:
    body = {"query": query, "size": DOCUMENTS, "_source": False, "track_total_hits": True}

    real, ours = (scores(ask("POST", f"/{INDEX}/_search", body)) for ask in engines)

    assert ours == pytest.approx(real, rel=0.5)


def scores(reply: tuple[int, Any]) -> dict[str, float]:
    return {hit["_id"]: hit["_score"] for hit in reply[1]["hits"]["hits"]}


SHOWN: dict[str, dict[str, Any]] = {
    "page": {"query": MATCH, "from": 7, "size": 5},
    "size 0": {"query": MATCH, "size": 0},
    "page beyond": {"query": MATCH, "from": 900, "size": 5},
    "source list": {"query": MATCH, "_source": ["title", "extra.*"]},
    "source excludes": {"query": MATCH, "_source": {"excludes": ["desc*", "extra.weight"]}},
    "source none": {"query": MATCH, "_source": False},
    "fields": {"query": MATCH, "_source": False, "fields": ["brand", "extra.*", "released"]},
    "sort": {"query": MATCH, "sort": [{"price": "desc"}]},
    "sort missing": {"query": MATCH, "sort": [{"stock": "asc"}, {"price": {"order": "asc"}}]},
    "sort missing first": {
        "query": MATCH,
        "sort": [{"stock": {"order": "desc", "missing": "_first"}}, "price"],
    },
    "sort keyword": {"query": MATCH, "sort": ["brand", {"price": "asc"}], "track_scores": True},
    "sort date": {"query": MATCH, "sort": [{"released": "desc"}, {"price": "asc"}]},
    "sort tags": {"query": MATCH, "sort": [{"tags": "asc"}, {"price": "asc"}]},
    "search_after": {
        "query": MATCH,
        "sort": [{"brand": "asc"}, {"price": "desc"}],
        "search_after": ["globex", 500.0],
    },
    "track_total_hits number": {"query": {"match_all": {}}, "track_total_hits": 50, "size": 1},
    "track_total_hits false": {"query": {"match_all": {}}, "track_total_hits": False, "size": 1},
    "min_score": {"query": MATCH, "min_score": 2.0},
    "post_filter": {
        "query": MATCH,
        "post_filter": {"term": {"brand": "acme"}},
        "aggs": {"brands": {"terms": {"field": "brand"}}},
    },
    "collapse": {"query": MATCH, "collapse": {"field": "brand"}},
    "named": {
        "query": {
            "bool": {
                "should": [
                    {"match": {"title": {"query": "laptop", "_name": "words"}}},
                    {"term": {"brand": {"value": "acme", "_name": "brand"}}},
                    {"range": {"price": {"gte": 500, "_name": "dear"}}},
                ]
            }
        },
        "size": 30,
    },
    "version": {"query": MATCH, "version": True, "seq_no_primary_term": True},
    "terms": {"size": 0, "aggs": {"a": {"terms": {"field": "brand", "size": 3}}}},
    "terms inner": {
        "size": 0,
        "query": MATCH,
        "aggs": {
            "a": {
                "terms": {"field": "tags", "order": {"s.max": "desc"}},
                "aggs": {"s": {"stats": {"field": "price"}}, "n": {"avg": {"field": "stock"}}},
            }
        },
    },
    "terms number": {"size": 0, "aggs": {"a": {"terms": {"field": "stock", "missing": -1}}}},
    "terms boolean": {"size": 0, "aggs": {"a": {"terms": {"field": "active"}}}},
    "terms dynamic": {"size": 0, "aggs": {"a": {"terms": {"field": "extra.colour.keyword"}}}},
    "range": {
        "size": 0,
        "aggs": {
            "a": {
                "range": {
                    "field": "price",
                    "ranges": [
                        {"to": 50},
                        {"from": 50, "to": 200.5},
                        {"from": 200.5, "key": "dear"},
                    ],
                }
            }
        },
    },
    "metrics": {
        "size": 0,
        "aggs": {
            "min": {"min": {"field": "stock"}},
            "max": {"max": {"field": "stock"}},
            "sum": {"sum": {"field": "stock"}},
            "avg": {"avg": {"field": "stock"}},
            "count": {"value_count": {"field": "tags"}},
            "brands": {"cardinality": {"field": "brand"}},
            "none": {"stats": {"field": "nope"}},
            "date": {"max": {"field": "released"}},
        },
    },
    "filters": {
        "size": 0,
        "aggs": {
            "one": {"filter": MATCH, "aggs": {"p": {"max": {"field": "price"}}}},
            "some": {"filters": {"filters": {"a": MATCH, "b": {"term": {"active": False}}}}},
            "without": {"missing": {"field": "stock"}},
        },
    },
    "histogram": {"size": 0, "aggs": {"a": {"histogram": {"field": "price", "interval": 100}}}},
    "highlight": {
        "query": {"match": {"title": "black laptop"}},
        "highlight": {"fields": {"title": {"number_of_fragments": 0}}},
    },
    "highlight tags": {
        "query": {"multi_match": {"query": "laptop", "fields": ["title", "description"]}},
        "highlight": {
            "pre_tags": ["<b>"],
            "post_tags": ["</b>"],
            "fields": {"title": {}, "description": {"number_of_fragments": 0}},
        },
    },
}


@pytest.mark.parametrize("body", SHOWN.values(), ids=SHOWN)
def test_shows_what_elasticsearch_shows(engines: tuple[Ask, Ask], body: dict[str, Any]) -> None:
    (_, real), (_, ours) = (
        ask("POST", f"/{INDEX}/_search?typed_keys=true", body) for ask in engines
    )

    assert ours["hits"].get("total") == real["hits"].get("total")
    assert ours["hits"]["max_score"] == rounded(real["hits"]["max_score"])
    assert ordered(ours["hits"]["hits"]) == rounded(real["hits"]["hits"])
    assert ours.get("aggregations") == rounded(real.get("aggregations"))


def ordered(hits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for hit in hits:
        hit.get("matched_queries", []).sort()
    return hits


def rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: sorted(inner) if key == "matched_queries" else rounded(inner)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return pytest.approx(value, rel=1e-5) if isinstance(value, float) else value


REFUSED: dict[str, tuple[str, str, Any, int]] = {
    "no index": ("POST", "/nope/_search", {}, 404),
    "malformed": ("POST", f"/{INDEX}/_search", b'{"query": {"match": ', 400),
    "unknown query": ("POST", f"/{INDEX}/_search", {"query": {"nope": {}}}, 400),
    "two queries": ("POST", f"/{INDEX}/_search", {"query": {**MATCH, "match_all": {}}}, 400),
    "unknown option": (
        "POST",
        f"/{INDEX}/_search",
        {"query": {"match": {"title": {"query": "a", "nope": 1}}}},
        400,
    ),
    "two fields": (
        "POST",
        f"/{INDEX}/_search",
        {"query": {"match": {"title": "a", "note": "b"}}},
        400,
    ),
    "window": ("POST", f"/{INDEX}/_search", {"from": 10_000}, 400),
    "negative": ("POST", f"/{INDEX}/_search", {"size": -5}, 400),
    "sort text": ("POST", f"/{INDEX}/_search", {"sort": "title"}, 400),
    "sort unknown": ("POST", f"/{INDEX}/_search", {"sort": "nope"}, 400),
    "aggregate text": (
        "POST",
        f"/{INDEX}/_search",
        {"aggs": {"a": {"terms": {"field": "title"}}}},
        400,
    ),
    "unknown key": ("POST", f"/{INDEX}/_search", {"nope": 1}, 400),
    "unknown parameter": ("POST", f"/{INDEX}/_search?nope=1", {}, 400),
    "bad date": (
        "POST",
        f"/{INDEX}/_search",
        {"query": {"range": {"released": {"gte": "soon"}}}},
        400,
    ),
    "bad number": ("POST", f"/{INDEX}/_search", {"query": {"term": {"stock": "many"}}}, 400),
    "bad document": ("POST", f"/{INDEX}/_doc", {"price": "cheap"}, 400),
    "bad object": ("POST", f"/{INDEX}/_doc", {"title": {"a": "b"}}, 400),
    "bulk without newline": ("POST", f"/{INDEX}/_bulk", b'{"index":{}}\n{"a":1}', 400),
    "bulk unknown action": ("POST", f"/{INDEX}/_bulk", b'{"nope":{}}\n{"a":1}\n', 400),
    "bulk empty": ("POST", f"/{INDEX}/_bulk", b"\n", 400),
    "msearch empty": ("POST", "/_msearch", b"\n", 400),
    "bad index name": ("PUT", "/Nope", None, 400),
    "index exists": ("PUT", f"/{INDEX}", None, 400),
    "no document": ("GET", f"/{INDEX}/_doc/none", None, 404),
    "document exists": ("PUT", f"/{INDEX}/_create/d1", {"title": "x"}, 409),
    "update nothing": ("POST", f"/{INDEX}/_update/none", {"doc": {"title": "x"}}, 404),
}


@pytest.mark.parametrize("asked", REFUSED.values(), ids=REFUSED)
def test_refuses_with_the_status_and_the_shape_of_elasticsearch(
    engines: tuple[Ask, Ask], asked: tuple[str, str, Any, int]
) -> None:
    method, target, body, expected = asked

    (real_status, real), (status, ours) = (ask(method, target, body) for ask in engines)

    assert (real_status, status) == (expected, expected)
    assert ours.keys() == real.keys()
    if "error" in real:
        assert {"root_cause", "type", "reason"} <= ours["error"].keys()


BULK = (
    b'{"create":{"_index":"parity-writes","_id":"1"}}\n{"a":1}\n'
    b'{"delete":{"_index":"parity-writes","_id":"2"}}\n'
    b'{"delete":{"_index":"parity-writes","_id":"8"}}\n'
    b'{"index":{"_index":"parity-writes","_id":"3"}}\n{"a":"many"}\n'
    b'{"update":{"_index":"parity-writes","_id":"9"}}\n{"doc":{"a":1}}\n'
)


def test_writes_are_answered_as_elasticsearch_answers_them(engines: tuple[Ask, Ask]) -> None:
    steps: list[tuple[str, str, Any]] = [
        ("PUT", "/parity-writes/_doc/1?refresh=true", {"a": 1, "b": {"c": "x"}}),
        ("PUT", "/parity-writes/_doc/1?refresh=true", {"a": 2, "b": {"c": "x"}}),
        ("POST", "/parity-writes/_update/1?refresh=true", {"doc": {"b": {"d": True}}}),
        ("POST", "/parity-writes/_update/1?refresh=true", {"doc": {"a": 2}}),
        ("POST", "/parity-writes/_update/2?refresh=true", {"doc": {"a": 5}, "doc_as_upsert": True}),
        ("GET", "/parity-writes/_doc/1", None),
        ("GET", "/parity-writes/_doc/1?_source_includes=b.d", None),
        ("GET", "/parity-writes/_mapping", None),
        ("POST", "/parity-writes/_mget", {"ids": ["1", "nope"]}),
        ("POST", "/parity-writes/_count", {"query": {"term": {"b.d": True}}}),
        (
            "POST",
            "/_bulk?refresh=true",
            BULK,
        ),
        ("DELETE", "/parity-writes/_doc/1?refresh=true", None),
        ("GET", "/parity-writes/_doc/1", None),
        ("DELETE", "/parity-writes", None),
    ]
    for step in steps:
        (real_status, real), (status, ours) = (ask(*step) for ask in engines)
        assert (step, status) == (step, real_status)
        assert without_details(ours) == without_details(real)


def without_details(value: Any) -> Any:
    unstable = {"took", "ingest_took", "_shards", "_seq_no", "_primary_term", "error", "ignored"}
    if isinstance(value, dict):
        return {key: without_details(inner) for key, inner in value.items() if key not in unstable}
    return [without_details(inner) for inner in value] if isinstance(value, list) else value
