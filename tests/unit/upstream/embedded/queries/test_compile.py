import pytest


def nested(depth):
    query = {"match_all": {}}
    for _ in range(depth):
        query = {"bool": {"must": [query]}}
    return query


def test_queries_are_nested_as_deep_as_elasticsearch_lets_them(find, refusal):
    assert len(find(nested(29))) == 5
    assert "maximum nested depth" in refusal({"query": nested(30)})[1]
    assert "maximum nested depth" in refusal({"query": nested(200)})[1]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"geo_distance": {}}, "query [geo_distance]"),
        ({"nested": {}}, "query [nested]"),
        ({"match": {"title": "x"}, "match_all": {}}, "expected [END_OBJECT]"),
        ({}, "empty clause"),
        ([], "start_object"),
        ("x", "start_object"),
        ({"match": {"title": {"query": "x", "boost": -1}}}, "negative"),
        ({"match_all": {"boost": "much"}}, "not a number"),
    ],
)
def test_other_queries_are_refused_by_name(refusal, query, problem):
    status, reason = refusal({"query": query})

    assert status == 400
    assert problem in reason


def test_boosts_multiply_on_the_way_up(score):
    inner = {"constant_score": {"filter": {"term": {"brand": "acme"}}, "boost": 2}}
    query = {"bool": {"must": {"dis_max": {"queries": [inner], "boost": 3}}, "boost": 5}}

    assert set(score(query).values()) == {30.0}
