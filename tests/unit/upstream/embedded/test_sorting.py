import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.sorting import read_sort, read_url_sort


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ([{"price": "asc"}], "45231"),
        ([{"price": {"order": "desc"}}], "13254"),
        ("price", "45231"),
        (["brand", {"price": "desc"}], "13254"),
        ([{"brand": "desc"}, "price"], "45231"),
        ([{"stock": "asc"}], "31524"),
        ([{"stock": "desc"}], "25134"),
        ([{"stock": {"order": "asc", "missing": "_first"}}], "43152"),
        ([{"stock": {"order": "asc", "missing": 5}}], "31452"),
        ([{"released": "desc"}], "43215"),
        ([{"active": "asc"}, {"price": "asc"}], "34521"),
        (["_doc"], "12345"),
        ([{"_doc": "desc"}], "54321"),
        ([{"nope": {"order": "asc", "unmapped_type": "long"}}, "price"], "45231"),
    ],
)
def test_hits_are_sorted_by_fields(find, sort, ids):
    assert find({"match_all": {}}, sort=sort) == list(ids)


def test_hits_show_what_they_are_sorted_by(search):
    hits = search({"sort": [{"stock": "asc"}, "brand", "released"]})["hits"]["hits"]

    assert hits[0]["sort"] == [0, "acme", 1646265600000]
    assert hits[-1]["sort"] == [2147483647, "initech", 1703980800000]
    assert {hit["_score"] for hit in hits} == {None}


def test_scores_are_shown_where_they_are_asked_for(search):
    tracked = search({"sort": "price", "track_scores": True})["hits"]
    sorted_by = search({"query": {"match": {"title": "black"}}, "sort": ["_score", "price"]})[
        "hits"
    ]

    assert (tracked["max_score"], tracked["hits"][0]["_score"]) == (1.0, 1.0)
    assert sorted_by["hits"][0]["sort"][0] == sorted_by["hits"][0]["_score"]
    assert sorted_by["hits"][0]["_id"] == "5"


@given(
    size=st.integers(1, 4), sort=st.sampled_from([["brand", "price"], [{"stock": "desc"}, "_doc"]])
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
def test_search_after_walks_through_all_hits_once(search, size, sort):
    walked, after = [], None
    while True:
        body = {"sort": sort, "size": size} | ({"search_after": after} if after else {})
        hits = search(body)["hits"]["hits"]
        if not hits:
            break
        walked += [hit["_id"] for hit in hits]
        after = hits[-1]["sort"]

    assert walked == [hit["_id"] for hit in search({"sort": sort})["hits"]["hits"]]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"sort": "title"}, "use a keyword field"),
        ({"sort": "nope"}, "No mapping found"),
        ({"sort": [{"_geo_distance": {}}]}, "_geo_distance"),
        ({"sort": [{"price": {"nested": {}}}]}, "nested"),
        ({"sort": [{"price": "up"}]}, "up"),
        ({"sort": [5]}, "malformed sort"),
        ({"sort": ["price"], "search_after": [1, 2]}, "another number"),
        ({"sort": ["price"], "search_after": [1], "from": 5}, "must be set to 0"),
        ({"search_after": [1]}, "at least one field"),
    ],
)
def test_other_sorts_are_refused(refusal, body, problem):
    status, reason = refusal(body)

    assert status == 400
    assert problem in reason


def test_score_alone_is_no_sort():
    assert read_sort("_score") == read_sort([{"_score": "desc"}]) == read_sort(None) == ()
    assert read_sort([{"_score": "asc"}]) != ()
    with pytest.raises(ApiError):
        read_sort({"a": {}, "b": {}})


def test_the_url_sorts_too():
    assert read_url_sort("price:desc,brand") == [{"price": "desc"}, "brand"]
