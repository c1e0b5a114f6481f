import pytest

BLACK, PHONE = {"match": {"title": "black"}}, {"match": {"title": "phone"}}
ACME = {"term": {"brand": "acme"}}


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({"bool": {}}, "12345"),
        ({"bool": {"must": [BLACK, PHONE]}}, "5"),
        ({"bool": {"should": [BLACK, PHONE]}}, "1345"),
        ({"bool": {"should": [BLACK, PHONE], "minimum_should_match": 2}}, "5"),
        ({"bool": {"must": PHONE, "should": BLACK}}, "345"),
        ({"bool": {"must": PHONE, "should": BLACK, "minimum_should_match": 1}}, "5"),
        ({"bool": {"filter": PHONE, "should": [BLACK, ACME]}}, "345"),
        ({"bool": {"filter": [PHONE], "must_not": [ACME]}}, "45"),
        ({"bool": {"must_not": PHONE}}, "12"),
        ({"bool": {"should": [BLACK], "minimum_should_match": 2}}, ""),
        ({"dis_max": {"queries": [BLACK, ACME]}}, "135"),
        ({"constant_score": {"filter": PHONE}}, "345"),
        ({"boosting": {"positive": PHONE, "negative": ACME, "negative_boost": 0.5}}, "345"),
        ({"match_all": {}}, "12345"),
        ({"match_none": {}}, ""),
    ],
)
def test_queries_are_combined(find, query, ids):
    assert sorted(find(query)) == list(ids)


def test_bool_adds_up_what_must_and_should_score(score):
    both = score({"bool": {"must": PHONE, "should": BLACK, "filter": {"match_all": {}}}})

    assert both["5"] == pytest.approx(score(PHONE)["5"] + score(BLACK)["5"], rel=1e-6)
    assert both["3"] == score(PHONE)["3"]


def test_filters_alone_score_nothing(score):
    assert set(score({"bool": {"filter": PHONE}}).values()) == {0.0}
    assert set(score({"bool": {"must_not": PHONE}}).values()) == {0.0}
    assert set(score({"bool": {"boost": 3}}).values()) == {3.0}


def test_dis_max_takes_the_best_and_a_part_of_the_rest(score):
    query = {"dis_max": {"queries": [BLACK, PHONE], "tie_breaker": 0.25, "boost": 2}}

    best, rest = sorted((score(BLACK)["5"], score(PHONE)["5"]), reverse=True)
    assert score(query)["5"] == pytest.approx(2 * (best + rest / 4), rel=1e-6)


def test_boosting_scales_down_what_the_negative_query_matches(score):
    boosting = {"boosting": {"positive": PHONE, "negative": ACME, "negative_boost": 0.5}}

    plain, scores = score(PHONE), score(boosting)
    assert scores["3"] == pytest.approx(plain["3"] / 2, rel=1e-6)
    assert (scores["4"], scores["5"]) == (plain["4"], plain["5"])
    wrapped = score({"dis_max": {"queries": [boosting, {"constant_score": {"filter": ACME}}]}})
    assert wrapped["1"] == 1.0
    assert wrapped["4"] == pytest.approx(plain["4"], rel=1e-6)
    summed = score({"bool": {"must": [boosting], "filter": [{"term": {"active": True}}]}})
    assert summed.keys() == {"4", "5"}


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"bool": {"must": 5}}, "start_object"),
        ({"bool": {"nope": []}}, "[nope]"),
        ({"dis_max": {}}, "queries"),
        ({"constant_score": {}}, "filter"),
        ({"boosting": {"positive": PHONE}}, "negative"),
        (
            {"boosting": {"positive": PHONE, "negative": ACME, "negative_boost": -1}},
            "positive value",
        ),
        ({"match_all": {"x": 1}}, "[x]"),
    ],
)
def test_malformed_combinations_are_refused(refusal, query, problem):
    status, reason = refusal({"query": query})

    assert status == 400
    assert problem in reason
