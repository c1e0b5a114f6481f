import pytest


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"term": {"brand": "acme"}}, "13"),
        ({"term": {"brand": "Acme"}}, ""),
        ({"term": {"brand": {"value": "ACME", "case_insensitive": True}}}, "13"),
        ({"term": {"title": "laptop"}}, "12"),
        ({"term": {"title": "Laptop"}}, ""),
        ({"term": {"stock": 7}}, "5"),
        ({"term": {"stock": "7"}}, "5"),
        ({"term": {"active": False}}, "3"),
        ({"term": {"released": "2020-01-01"}}, "1"),
        ({"term": {"_id": "2"}}, "2"),
        ({"term": {"nope": 1}}, ""),
        ({"terms": {"brand": ["acme", "initech"]}}, "134"),
        ({"terms": {"stock": [3, 10]}}, "12"),
        ({"terms": {"_id": ["1", "9"]}}, "1"),
        ({"terms": {"brand": []}}, ""),
        ({"range": {"price": {"gte": 20, "lt": 500}}}, "25"),
        ({"range": {"price": {"gt": 20, "lte": 500}}}, "23"),
        ({"range": {"price": {}}}, "12345"),
        ({"range": {"stock": {"gte": 0}}}, "1235"),
        ({"range": {"released": {"gte": "2021-01-01", "lt": "2022-06-01||+1y"}}}, "23"),
        ({"range": {"brand": {"gt": "acme", "lte": "globex"}}}, "25"),
        ({"range": {"nope": {"gt": 5}}}, ""),
        ({"exists": {"field": "stock"}}, "1235"),
        ({"exists": {"field": "title"}}, "12345"),
        ({"exists": {"field": "nope"}}, ""),
        ({"exists": {"field": "_id"}}, "12345"),
        ({"ids": {"values": ["2", "4", "x"]}}, "24"),
        ({"prefix": {"brand": "glo"}}, "25"),
        ({"prefix": {"brand": {"value": "GLO", "case_insensitive": True}}}, "25"),
        ({"prefix": {"title": "lap"}}, "12"),
        ({"wildcard": {"brand": "*e?"}}, "25"),
        ({"wildcard": {"title.keyword": {"value": "RED*", "case_insensitive": True}}}, "3"),
        ({"regexp": {"brand": "a.me|init.*"}}, "134"),
    ],
)
def test_exact_values_are_found(find, query, ids):
    assert sorted(find(query)) == list(ids)


@pytest.mark.parametrize(
    "query",
    [
        {"terms": {"brand": ["acme", "globex"]}},
        {"range": {"price": {"gte": 20}}},
        {"exists": {"field": "stock"}},
        {"ids": {"values": ["1"]}},
        {"prefix": {"brand": "a"}},
        {"term": {"stock": 7}},
    ],
)
def test_all_but_words_score_one(score, query):
    assert set(score(query).values()) == {1.0}


def test_words_are_scored_by_rarity(score):
    assert score({"term": {"brand": "initech"}})["4"] > score({"term": {"brand": "acme"}})["1"]


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"term": {"stock": "many"}}, "failed to parse"),
        ({"term": {"brand": []}}, "START_ARRAY"),
        ({"term": {}}, "no field"),
        ({"terms": {"brand": {"index": "x"}}}, "terms lookup"),
        ({"terms": {"brand": [None]}}, "No value"),
        ({"ids": {"values": {}}}, "START_OBJECT"),
        ({"exists": {}}, "[field]"),
        ({"range": {"price": {"time_zone": "x"}}}, "time_zone"),
        ({"range": {"released": {"gte": "soon"}}}, "soon"),
        ({"prefix": {"price": "1"}}, "not on [price]"),
        ({"regexp": {"brand": "((("}}, "cannot read pattern"),
    ],
)
def test_what_cannot_be_found_is_refused(refusal, query, problem):
    status, reason = refusal({"query": query})

    assert status == 400
    assert problem in reason
