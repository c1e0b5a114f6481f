import pytest


@pytest.fixture
def aggregate(search):
    """The result of one aggregation over the shop."""

    def aggregate(aggregation, query=None):
        body = {"size": 0, "aggs": {"a": aggregation}, "query": query or {"match_all": {}}}
        return search(body)["aggregations"]["a"]

    return aggregate


def buckets(result):
    return [(bucket["key"], bucket["doc_count"]) for bucket in result["buckets"]]


def test_terms_counts_values(aggregate):
    result = aggregate({"terms": {"field": "brand", "size": 2}})

    assert buckets(result) == [("acme", 2), ("globex", 2)]
    assert result["sum_other_doc_count"] == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"order": {"_key": "desc"}}, [("initech", 1), ("globex", 2), ("acme", 2)]),
        ({"order": {"_count": "asc"}}, [("initech", 1), ("acme", 2), ("globex", 2)]),
        ({"order": {"p": "desc"}}, [("acme", 2), ("globex", 2), ("initech", 1)]),
        ({"order": [{"s.min": "asc"}]}, [("initech", 1), ("globex", 2), ("acme", 2)]),
        ({"include": ["acme"]}, [("acme", 2)]),
        ({"exclude": ["acme"]}, [("globex", 2), ("initech", 1)]),
        ({"min_doc_count": 2}, [("acme", 2), ("globex", 2)]),
    ],
)
def test_terms_are_ordered_and_chosen(aggregate, options, expected):
    inner = {"p": {"max": {"field": "price"}}, "s": {"stats": {"field": "price"}}}

    result = aggregate({"terms": {"field": "brand", **options}, "aggs": inner})

    assert buckets(result) == expected


def test_terms_of_what_was_not_found_are_counted_as_none(aggregate):
    query = {"term": {"brand": "acme"}}

    result = aggregate({"terms": {"field": "brand", "min_doc_count": 0}}, query)

    assert buckets(result) == [("acme", 2), ("globex", 0), ("initech", 0)]


def test_terms_of_numbers_booleans_and_dates_have_their_own_keys(aggregate):
    assert buckets(aggregate({"terms": {"field": "stock", "missing": -1}}))[0] == (-1, 1)
    boolean = aggregate({"terms": {"field": "active"}})["buckets"][0]
    assert (boolean["key"], boolean["key_as_string"]) == (1, "true")
    date = aggregate({"terms": {"field": "released", "order": {"_key": "asc"}}})["buckets"][0]
    assert date["key_as_string"] == "2019-10-10T00:00:00.000Z"


def test_ranges_count_what_lies_between(aggregate):
    ranges = [{"from": 30}, {"to": 30}, {"from": 20, "to": 30, "key": "some"}]

    result = aggregate({"range": {"field": "price", "ranges": ranges}})
    keyed = aggregate({"range": {"field": "price", "ranges": ranges, "keyed": True}})

    assert buckets(result) == [("*-30.0", 2), ("some", 1), ("30.0-*", 3)]
    assert keyed["buckets"]["some"] == {"from": 20.0, "to": 30.0, "doc_count": 1}


def test_a_histogram_fills_its_gaps(aggregate):
    result = aggregate({"histogram": {"field": "price", "interval": 250}})
    without_gaps = {"histogram": {"field": "price", "interval": 250, "min_doc_count": 1}}

    assert buckets(result) == [(0.0, 3), (250.0, 0), (500.0, 1), (750.0, 1)]
    assert buckets(aggregate(without_gaps)) == [(0.0, 3), (500.0, 1), (750.0, 1)]


def test_numbers_are_measured(aggregate):
    assert aggregate({"stats": {"field": "price"}}) == {
        "count": 5, "min": 10.0, "max": 900.0, "avg": 292.0, "sum": 1460.0,
    }  # fmt: skip
    assert aggregate({"avg": {"field": "stock"}}) == {"value": 5.0}
    assert aggregate({"value_count": {"field": "stock"}}) == {"value": 4}
    assert aggregate({"cardinality": {"field": "brand"}}) == {"value": 3}
    assert (
        aggregate({"max": {"field": "released"}})["value_as_string"] == "2023-12-31T00:00:00.000Z"
    )
    assert aggregate({"sum": {"field": "nope"}}) == {"value": 0.0}
    assert aggregate({"min": {"field": "nope"}}) == {"value": None}


def test_filters_make_buckets(aggregate):
    black = {"match": {"title": "black"}}

    assert aggregate({"filter": black})["doc_count"] == 2
    named = aggregate({"filters": {"filters": {"b": black, "none": {"match_none": {}}}}})
    assert {name: b["doc_count"] for name, b in named["buckets"].items()} == {"b": 2, "none": 0}
    assert len(aggregate({"filters": {"filters": [black]}})["buckets"]) == 1
    assert aggregate({"missing": {"field": "stock"}})["doc_count"] == 1


def test_only_what_the_query_finds_is_counted(aggregate):
    result = aggregate({"terms": {"field": "brand"}}, {"match": {"title": "phone"}})

    assert buckets(result) == [("acme", 1), ("globex", 1), ("initech", 1)]


def test_names_carry_types_where_they_are_asked_for(search):
    inner = {"s": {"stats": {"field": "price"}}}
    body = {"size": 0, "aggs": {"a": {"terms": {"field": "brand"}, "aggs": inner}}}

    result = search(body, "/shop/_search?typed_keys")["aggregations"]

    assert "stats#s" in result["sterms#a"]["buckets"][0]


@pytest.mark.parametrize(
    ("aggregation", "problem"),
    [
        ({"percentiles": {"field": "price"}}, "aggregation [percentiles]"),
        ({"terms": {"field": "title"}}, "use a keyword field"),
        ({"terms": {"field": "brand", "include": "a.*"}}, "a.*"),
        ({"terms": {"field": "brand", "order": {"x": "asc"}}}, "[x]"),
        ({"terms": {"script": {}}}, "script"),
        ({"terms": {}}, "Required"),
        ({"stats": {"field": "brand"}}, "not supported for aggregation"),
        ({"histogram": {"field": "price", "interval": 0}}, "must be >0"),
        ({"histogram": {"field": "price", "interval": 1e-6}}, "too many buckets"),
        ({"range": {"field": "price"}}, "No [ranges]"),
        ({"terms": {"field": "brand"}, "stats": {"field": "price"}}, "one type"),
        (5, "START_OBJECT"),
    ],
)
def test_other_aggregations_are_refused(refusal, aggregation, problem):
    status, reason = refusal({"aggs": {"a": aggregation}})

    assert status == 400
    assert problem in reason
