import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

QUERIES = [
    {"match_all": {}},
    {"match": {"title": "black laptop phone"}},
    {"bool": {"filter": {"term": {"active": True}}}},
    {"multi_match": {"query": "red black phone", "fields": ["title^2", "description", "brand"]}},
    {"function_score": {"query": {"match": {"title": "black phone"}}, "weight": 2}},
]


@given(query=st.sampled_from(QUERIES), size=st.integers(1, 3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_pages_partition_the_ranking(find, query, size):
    whole = find(query, size=100)

    pages = [find(query, size=size, **{"from": start}) for start in range(0, 6, size)]

    assert [doc_id for page in pages for doc_id in page] == whole
    assert len(set(whole)) == len(whole)


def test_equals_keep_the_order_they_were_written_in(ask):
    lines = b"".join(b'{"index":{"_id":"%d"}}\n{"t":"word"}\n' % n for n in range(200))
    ask("POST", "/docs/_bulk", lines)
    ask("PUT", "/docs/_doc/3", {"t": "word"})

    _, reply = ask("POST", "/docs/_search", {"query": {"match": {"t": "word"}}, "size": 500})

    ids = [int(hit["_id"]) for hit in reply["hits"]["hits"]]
    assert ids == [n for n in range(200) if n != 3] + [3]


def test_totals_are_exact_up_to_where_they_are_tracked(search):
    assert search({})["hits"]["total"] == {"value": 5, "relation": "eq"}
    assert search({"track_total_hits": 3})["hits"]["total"] == {"value": 3, "relation": "gte"}
    assert "total" not in search({"track_total_hits": False})["hits"]


def test_hits_show_source_fields_versions_and_names(search):
    query = {"match": {"title": {"query": "bag", "_name": "words"}}}
    body = {
        "query": query,
        "_source": ["brand"],
        "fields": ["released", "title*"],
        "docvalue_fields": ["stock"],
        "version": True,
        "seq_no_primary_term": True,
    }

    (hit,) = search(body)["hits"]["hits"]

    assert hit.pop("_score") > 0
    assert hit == {
        "_index": "shop",
        "_id": "2",
        "_version": 1,
        "_seq_no": 1,
        "_primary_term": 1,
        "_source": {"brand": "globex"},
        "fields": {
            "title": ["laptop bag"],
            "title.keyword": ["laptop bag"],
            "stock": [10],
            "released": ["2021-06-15T00:00:00.000Z"],
        },
        "matched_queries": ["words"],
    }


def test_names_say_which_queries_found_a_hit(search):
    should = [
        {"match": {"title": {"query": "black", "_name": "a"}}},
        {"term": {"brand": {"value": "acme", "_name": "b"}}},
        {"bool": {"must_not": {"exists": {"field": "stock"}}, "_name": "c"}},
    ]

    hits = search({"query": {"bool": {"should": should}}})["hits"]["hits"]

    assert {hit["_id"]: hit.get("matched_queries") for hit in hits} == {
        "1": ["a", "b"],
        "3": ["b"],
        "4": ["c"],
        "5": ["a"],
    }


def test_a_post_filter_and_a_min_score_restrict_hits(search):
    query = {"match": {"title": "black"}}
    aggs = {"a": {"terms": {"field": "brand"}}}

    filtered = search({"query": query, "post_filter": {"term": {"brand": "acme"}}, "aggs": aggs})
    best = max(hit["_score"] for hit in search({"query": query})["hits"]["hits"])
    scored = search({"query": query, "min_score": best - 1e-4, "aggs": aggs})

    assert [hit["_id"] for hit in filtered["hits"]["hits"]] == ["1"]
    assert len(filtered["aggregations"]["a"]["buckets"]) == 2
    assert scored["hits"]["total"]["value"] == 1
    assert len(scored["aggregations"]["a"]["buckets"]) == 1


def test_collapse_shows_the_best_of_each_value(search):
    reply = search({"collapse": {"field": "brand"}, "sort": [{"price": "desc"}]})

    assert [hit["_id"] for hit in reply["hits"]["hits"]] == ["1", "2", "4"]
    assert reply["hits"]["hits"][0]["fields"] == {"brand": ["acme"]}
    assert reply["hits"]["total"]["value"] == 5


def test_collapse_by_words_is_refused(refusal):
    assert "keyword" in refusal({"collapse": {"field": "title"}})[1]
    assert "no mapping" in refusal({"collapse": {"field": "nope"}})[1]


def test_several_indices_are_searched_as_one(shop):
    shop("PUT", "/shop-2/_doc/x", {"title": "black laptop", "brand": "acme", "price": 1.0})
    body = {
        "query": {"match": {"title": "laptop"}},
        "aggs": {"a": {"terms": {"field": "brand.keyword"}}, "p": {"sum": {"field": "price"}}},
    }

    _, reply = shop("POST", "/shop*/_search", body)

    assert {(h["_index"], h["_id"]) for h in reply["hits"]["hits"]} == {
        ("shop", "1"),
        ("shop", "2"),
        ("shop-2", "x"),
    }
    assert reply["_shards"]["total"] == 2
    assert reply["aggregations"]["p"]["value"] == 931.0


@pytest.mark.parametrize("size", [0, 3])
def test_the_best_score_is_shown_with_hits_only(search, size):
    reply = search({"size": size})

    assert reply["hits"]["max_score"] == (1.0 if size else None)
