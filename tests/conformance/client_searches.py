"""Cases of elasticsearch-py that read: searches of every kind, counts, documents, terms."""

from collections.abc import Mapping
from typing import Any, Final

from client_cases import CASES, SHOP, ClientCase, case, lenient
from elasticsearch import Elasticsearch, helpers

SHOES: Final = {"match": {"title": "running shoes"}}
LAPTOP: Final = {"match": {"title": "laptop"}}
ALL: Final[Mapping[str, Any]] = {"match_all": {}}

QUERIES: Final[Mapping[str, Mapping[str, Any]]] = {
    "match": SHOES,
    "match_and": {"match": {"title": {"query": "red shoes", "operator": "and"}}},
    "match_fuzzy": {"match": {"title": {"query": "labtop", "fuzziness": "AUTO"}}},
    "match_stated": {"match": {"title": {"query": "shoes", "boost": 2.5, "_name": "mine"}}},
    "match_lenient": {"match": {"price": {"query": "cheap", "lenient": True}}},
    "match_nothing": {"match": {"title": "zeppelin"}},
    "match_phrase": {"match_phrase": {"title": "running shoes"}},
    "match_phrase_prefix": {"match_phrase_prefix": {"title": "running sh"}},
    "match_bool_prefix": {"match_bool_prefix": {"title": "red sho"}},
    "multi_match": {"multi_match": {"query": "acme shoes", "fields": ["title^3", "text"]}},
    "multi_match_cross": {
        "multi_match": {
            "query": "blue acme",
            "type": "cross_fields",
            "operator": "and",
            "fields": ["title", "text"],
        }
    },
    "combined_fields": {"combined_fields": {"query": "soft shoes", "fields": ["title", "text"]}},
    "query_string": {"query_string": {"query": "laptop sleeve", "default_field": "title"}},
    "query_string_operators": {"query_string": {"query": "title:(laptop AND NOT gaming)"}},
    "simple_query_string": {"simple_query_string": {"query": "usb cable", "fields": ["title"]}},
    "simple_query_operators": {"simple_query_string": {"query": "+usb -12", "fields": ["title"]}},
    "intervals": {"intervals": {"title": {"match": {"query": "red shoes", "max_gaps": 1}}}},
    "bool": {
        "bool": {
            "must": [SHOES],
            "filter": [{"range": {"price": {"lt": 60}}}],
            "must_not": [{"term": {"brand": "globex"}}],
            "should": [{"term": {"brand": {"value": "acme", "boost": 2}}}],
        }
    },
    "bool_should": {
        "bool": {
            "should": [SHOES, {"match": {"text": "running shoes"}}],
            "minimum_should_match": 1,
        }
    },
    "dis_max": {
        "dis_max": {"queries": [LAPTOP, {"match": {"text": "laptop"}}], "tie_breaker": 0.3}
    },
    "boosting": {
        "boosting": {
            "positive": SHOES,
            "negative": {"term": {"brand": "acme"}},
            "negative_boost": 0.5,
        }
    },
    "constant_score": {"constant_score": {"filter": LAPTOP, "boost": 1.2}},
    "function_score": {
        "function_score": {
            "query": SHOES,
            "field_value_factor": {"field": "price", "modifier": "log1p"},
            "boost_mode": "sum",
        }
    },
    "decay": {"function_score": {"query": LAPTOP, "gauss": {"price": {"origin": 20, "scale": 10}}}},
    "random_score": {
        "function_score": {"query": LAPTOP, "random_score": {"seed": 7, "field": "_seq_no"}}
    },
    "nested": {
        "nested": {
            "path": "reviews",
            "query": {"match": {"reviews.text": "nice laptop"}},
            "inner_hits": {"size": 1},
            "score_mode": "max",
        }
    },
    "more_like_this": {
        "more_like_this": {
            "fields": ["title"],
            "like": [{"_index": SHOP, "_id": "1"}],
            "min_term_freq": 1,
            "min_doc_freq": 1,
        }
    },
    "two_texts": {"bool": {"must": [SHOES], "should": [{"match": {"text": "acme"}}]}},
    "empty_text": {"match": {"title": ""}},
    "long_text": {"match": {"title": "shoes " * 300}},
    "unicode": {"match": {"title": "rote Schuhe größe 42 👟 赤い靴"}},
    "match_all": ALL,
    "match_none": {"match_none": {}},
    "ids": {"ids": {"values": ["3", "1", "99"]}},
    "term": {"term": {"brand": "acme"}},
    "terms": {"terms": {"code": ["A-001", "A-002"]}},
    "range": {"range": {"added": {"gte": "2025-06-01"}}},
    "prefix": {"prefix": {"code": "A-00"}},
    "wildcard": {"wildcard": {"code": {"value": "A-*1"}}},
    "regexp": {"regexp": {"code": "A-0[12]."}},
    "fuzzy": {"fuzzy": {"title": "shoe"}},
    "exists": {"exists": {"field": "reviews"}},
    "wrapper": {"wrapper": {"query": "eyJtYXRjaF9hbGwiOnt9fQ=="}},
    "unknown": {"no_such_query": {"title": "laptop"}},
    "not_a_text": {"match": {"title": {"query": ["a", "b"]}}},
    "wrong_field": {"match": {"price": "cheap"}},
    "two_clauses": {"match": {"title": "laptop"}, "term": {"brand": "acme"}},
}
"""Queries, each asked by ``_search``, ``_count`` and ``_validate``."""

OPTIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "page": {"from_": 3, "size": 4},
    "no_hits": {"size": 0},
    "beyond": {"from_": 9_990, "size": 10},
    "too_far": {"from_": 10_000, "size": 1},
    "negative": {"from_": -1},
    "sort_by_field": {"sort": [{"price": "desc"}, "code"]},
    "sort_by_score": {"sort": ["_score", {"code": "asc"}]},
    "sort_with_scores": {"sort": "price", "track_scores": True},
    "search_after": {"sort": [{"price": "asc"}, {"code": "asc"}], "search_after": [20, "A-000"]},
    "sliced": {"slice": {"id": 0, "max": 2}},
    "no_source": {"source": False},
    "source_fields": {"source": ["title", "reviews.stars"]},
    "source_excludes": {"source_excludes": ["vector", "reviews"]},
    "fields": {"fields": ["title", {"field": "added", "format": "year"}], "source": False},
    "docvalue_fields": {"docvalue_fields": ["price", "brand"]},
    "docvalue_format": {
        "docvalue_fields": [{"field": "price", "format": "0.00"}, {"field": "add*"}],
        "source": False,
    },
    "stored_fields": {"stored_fields": ["code"]},
    "stored_source": {"stored_fields": ["code", "_source"]},
    "stored_source_fields": {"stored_fields": ["code"], "source": ["title"]},
    "no_stored_fields": {"stored_fields": "_none_"},
    "highlight": {
        "highlight": {
            "fields": {"title": {}, "text": {"fragment_size": 20, "number_of_fragments": 1}},
            "pre_tags": ["<b>"],
            "post_tags": ["</b>"],
        }
    },
    "aggregations": {
        "aggregations": {
            "brands": {"terms": {"field": "brand"}, "aggs": {"price": {"avg": {"field": "price"}}}},
            "months": {"date_histogram": {"field": "added", "calendar_interval": "quarter"}},
            "prices": {"percentiles": {"field": "price"}},
            "cheap": {"filter": {"range": {"price": {"lt": 20}}}},
            "all": {"global": {}, "aggs": {"codes": {"cardinality": {"field": "code"}}}},
            "stars": {
                "nested": {"path": "reviews"},
                "aggs": {"mean": {"avg": {"field": "reviews.stars"}}},
            },
            "best": {"top_hits": {"size": 2, "_source": ["title"]}},
            "unusual": {"significant_terms": {"field": "brand", "min_doc_count": 1}},
        }
    },
    "typed_keys": {"aggregations": {"b": {"terms": {"field": "brand"}}}, "typed_keys": True},
    "composite": {
        "aggregations": {"c": {"composite": {"sources": [{"b": {"terms": {"field": "brand"}}}]}}}
    },
    "pipeline_aggregation": {
        "aggregations": {
            "b": {"terms": {"field": "brand"}, "aggs": {"sum": {"sum": {"field": "price"}}}},
            "top": {"max_bucket": {"buckets_path": "b>sum"}},
        }
    },
    "post_filter": {
        "post_filter": {"term": {"brand": "acme"}},
        "aggregations": {"b": {"terms": {"field": "brand"}}},
    },
    "collapse": {
        "collapse": {
            "field": "brand",
            "inner_hits": {"name": "more", "size": 2, "sort": [{"code": "asc"}]},
        }
    },
    "rescore": {
        "rescore": {
            "window_size": 5,
            "query": {"rescore_query": {"match_phrase": {"title": "running shoes"}}},
        }
    },
    "min_score": {"min_score": 0.5},
    "knn_beside": {
        "knn": {"field": "vector", "query_vector": [1, 0.5, 0], "k": 3, "num_candidates": 30}
    },
    "suggest": {"suggest": {"s": {"text": "labtop", "term": {"field": "title"}}}},
    "completion": {"suggest": {"c": {"prefix": "x", "completion": {"field": "title"}}}},
    "runtime": {"runtime_mappings": {"r": {"type": "keyword"}}, "fields": ["r"]},
    "versions": {"version": True, "seq_no_primary_term": True},
    "explain": {"explain": True, "size": 2},
    "profile": {"profile": True, "size": 1},
    "count_all": {"track_total_hits": True},
    "count_some": {"track_total_hits": 3},
    "count_none": {"track_total_hits": False},
    "total_as_number": {"rest_total_hits_as_int": True},
    "no_total_as_number": {"rest_total_hits_as_int": True, "track_total_hits": False},
    "filter_path": {"filter_path": "hits.hits._id,hits.total"},
    "filter_path_out": {"filter_path": "-hits.hits._source,-took"},
    "filter_path_nothing": {"filter_path": "nothing.here"},
    "pretty": {"pretty": True},
    "human": {"human": True},
    "terminate_after": {"terminate_after": 1},
    "timeout": {"timeout": "10s"},
    "preference": {"preference": "_local"},
    "routing": {"routing": "a"},
    "dfs": {"search_type": "dfs_query_then_fetch"},
    "request_cache": {"request_cache": True, "size": 0},
    "indices_boost": {"indices_boost": [{SHOP: 1.5}]},
    "stats": {"stats": ["group"]},
    "batched": {"batched_reduce_size": 2, "max_concurrent_shard_requests": 1},
    "partial": {"allow_partial_search_results": False},
    "unknown_sort": {"sort": "nothing"},
    "unknown_highlight": {"highlight": {"fields": {"title": {"type": "none"}}}},
    "retriever": {"retriever": {"standard": {"query": SHOES}}, "query": None},
    "retriever_rrf": {
        "retriever": {"rrf": {"retrievers": [{"standard": {"query": SHOES}}]}},
        "query": None,
    },
    "unknown_key": {"body": {"query": SHOES, "no_such_key": 1}, "query": None},
}
"""What else a text search may say."""


def _asks(query: Mapping[str, Any]) -> Any:
    def call(client: Elasticsearch) -> None:
        lenient(client).search(index=SHOP, query=query, size=20)
        lenient(client).count(index=SHOP, query=query)
        lenient(client).indices.validate_query(index=SHOP, query=query, explain=True)

    return call


def _says(options: Mapping[str, Any]) -> Any:
    def call(client: Elasticsearch) -> None:
        asked = {"query": SHOES, **options}
        lenient(client).search(index=SHOP, **{k: v for k, v in asked.items() if v is not None})

    return call


CASES.extend(ClientCase(f"query_{name}", "search", _asks(q)) for name, q in QUERIES.items())
CASES.extend(ClientCase(f"search_{name}", "search", _says(o)) for name, o in OPTIONS.items())


@case("search")
def search_by_url(client: Elasticsearch) -> None:
    asked: tuple[dict[str, Any], ...] = (
        {"q": "shoes"},
        {"q": "title:shoes", "df": "title"},
        {"q": "red shoes", "df": "title", "default_operator": "AND", "size": 3},
        {"q": "shoes AND (", "df": "title"},
        {"q": "shoes", "df": "title", "sort": "price:asc", "source_includes": "title"},
    )
    for options in asked:
        lenient(client).search(index=SHOP, **options)
        lenient(client).count(index=SHOP, **{k: options[k] for k in options.keys() & {"q", "df"}})


@case("search")
def search_indices_that_are_not_there(client: Elasticsearch) -> None:
    lenient(client).search(index="nowhere", query=SHOES)
    lenient(client).search(index=f"{SHOP},nowhere", query=SHOES)
    lenient(client).search(index=f"{SHOP},nowhere", query=SHOES, ignore_unavailable=True)
    lenient(client).search(index="now*", query=SHOES)
    lenient(client).search(index="now*", query=SHOES, allow_no_indices=False)
    lenient(client).search(index="-", query=SHOES)
    lenient(client).search(query=SHOES, size=3)
    lenient(client).search(index="_all", query=SHOES, size=3)
    lenient(client).search(index="sho*", query=SHOES, expand_wildcards="open", size=3)
    lenient(client).search(index="<shop-{now/d}>", query=SHOES)


@case("search")
def search_knn_alone(client: Elasticsearch) -> None:
    knn = {"field": "vector", "query_vector": [1, 0.2, 0.3], "k": 4, "num_candidates": 30}
    lenient(client).search(index=SHOP, knn=knn, size=4)
    lenient(client).search(index=SHOP, knn={**knn, "filter": {"term": {"brand": "acme"}}})


@case("search")
def search_templates_without_their_module(client: Elasticsearch) -> None:
    source = '{"query": {"match": {"title": "{{t}}"}}}'
    lenient(client).search_template(index=SHOP, source=source, params={"t": "shoes"})
    lenient(client).render_search_template(source=source, params={"t": "shoes"})
    searches: list[Any] = [{"index": SHOP}, {"source": source, "params": {"t": "shoes"}}]
    lenient(client).msearch_template(search_templates=searches)


@case("search")
def search_asynchronously_without_its_module(client: Elasticsearch) -> None:
    lenient(client).async_search.submit(index=SHOP, query=SHOES)
    lenient(client).async_search.get(id="abc")


@case("msearch")
def msearch(client: Elasticsearch) -> None:
    searches: list[Mapping[str, Any]] = [
        {"index": SHOP},
        {"query": SHOES, "size": 2},
        {},
        {"query": LAPTOP, "size": 0, "aggs": {"b": {"terms": {"field": "brand"}}}},
        {"index": "nowhere"},
        {"query": SHOES},
        {"index": [SHOP, "nowhere"], "ignore_unavailable": True},
        {"query": ALL, "size": 1},
        {"index": SHOP, "preference": "_local", "search_type": "dfs_query_then_fetch"},
        {"query": {"match": {"price": "cheap"}}},
    ]
    lenient(client).msearch(searches=searches)
    lenient(client).msearch(searches=searches, index=SHOP, rest_total_hits_as_int=True)
    lenient(client).msearch(searches=searches, max_concurrent_searches=1, typed_keys=True)
    lenient(client).msearch(searches=searches, filter_path="responses.hits.total,responses.status")
    lenient(client).msearch(searches=[{"index": SHOP}, {"query": SHOES}, {"index": 7}, {}])
    lenient(client).msearch(searches=[{}, {"query": SHOES}, {}, {"query": {"no_such_query": {}}}])
    lenient(client).msearch(searches=[{}, {"query": SHOES}, {"no_such_key": 1}, {}])


@case("scroll")
def scroll(client: Elasticsearch) -> None:
    page = client.search(index=SHOP, query=SHOES, scroll="1m", size=5)
    while page["hits"]["hits"]:
        page = client.scroll(scroll_id=page["_scroll_id"], scroll="1m")
    client.clear_scroll(scroll_id=page["_scroll_id"])
    lenient(client).scroll(scroll_id=page["_scroll_id"])
    lenient(client).clear_scroll(scroll_id=page["_scroll_id"])
    lenient(client).search(index=SHOP, query=SHOES, scroll="1m", from_=3)


@case("scroll")
def scan(client: Elasticsearch) -> None:
    list(helpers.scan(client, index=SHOP, query={"query": SHOES}, size=4))
    list(helpers.scan(client, index=SHOP, query={"query": SHOES}, size=4, preserve_order=True))
    list(helpers.scan(client, index=SHOP, size=20))


@case("point in time")
def point_in_time(client: Elasticsearch) -> None:
    pit_id = client.open_point_in_time(index=SHOP, keep_alive="1m")["id"]
    after: Any = None
    while True:
        page = client.search(
            pit={"id": pit_id, "keep_alive": "1m"},
            query=SHOES,
            sort=[{"price": "asc"}, "_shard_doc"],
            search_after=after,
            size=5,
        )
        if not page["hits"]["hits"]:
            break
        pit_id, after = page["pit_id"], page["hits"]["hits"][-1]["sort"]
    lenient(client).search(index=SHOP, pit={"id": pit_id}, query=SHOES)
    client.close_point_in_time(id=pit_id)
    lenient(client).search(pit={"id": pit_id}, query=SHOES)


@case("count")
def count(client: Elasticsearch) -> None:
    client.count()
    client.count(index=SHOP)
    client.count(index=SHOP, query=SHOES, min_score=0.5, terminate_after=1)
    lenient(client).count(index=SHOP, query=SHOES, filter_path="count")
    lenient(client).count(index="nowhere", query=SHOES)
    lenient(client).count(index=SHOP, body={"query": SHOES, "size": 3})


@case("explain")
def explain(client: Elasticsearch) -> None:
    client.explain(index=SHOP, id="0", query=SHOES)
    client.explain(index=SHOP, id="2", query=SHOES)
    client.explain(index=SHOP, id="0", q="title:shoes", source_includes="title")
    lenient(client).explain(index=SHOP, id="none", query=SHOES)


@case("field_caps")
def field_caps(client: Elasticsearch) -> None:
    client.field_caps(index=SHOP, fields="*")
    client.field_caps(fields=["title", "price"], index_filter=LAPTOP)
    lenient(client).field_caps(index=SHOP, fields=[])
    lenient(client).terms_enum(index=SHOP, field="brand", string="a")
    lenient(client).search_shards(index=SHOP)


@case("termvectors")
def termvectors(client: Elasticsearch) -> None:
    client.termvectors(index=SHOP, id="1", fields=["title"], term_statistics=True)
    client.termvectors(index=SHOP, doc={"title": "red shoes"}, fields=["title"])
    client.mtermvectors(index=SHOP, ids=["1", "2", "99"], fields=["title"])


@case("get")
def documents(client: Elasticsearch) -> None:
    client.get(index=SHOP, id="1")
    client.get(index=SHOP, id="1", source_includes=["title"], stored_fields=["code"])
    lenient(client).get(index=SHOP, id="none")
    client.get_source(index=SHOP, id="1", source_excludes="vector")
    lenient(client).get_source(index=SHOP, id="none")
    client.exists(index=SHOP, id="1")
    client.exists(index=SHOP, id="none")
    client.exists_source(index=SHOP, id="1")
    client.mget(index=SHOP, ids=["1", "2", "none"])
    client.mget(docs=[{"_index": SHOP, "_id": "1", "_source": False}, {"_index": "x", "_id": "1"}])


@case("rank_eval")
def rank_eval_without_its_module(client: Elasticsearch) -> None:
    rated = [{"id": "a", "request": {"query": SHOES}, "ratings": []}]
    lenient(client).rank_eval(index=SHOP, requests=rated)
    lenient(client).search_mvt(index=SHOP, field="place", zoom=1, x=0, y=0)
