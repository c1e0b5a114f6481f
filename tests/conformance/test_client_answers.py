import json

import pytest
from client_answers import comparable, first_difference, of_any_query
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig

NODE = NodeConfig("http", "localhost", 9200)
JSON = "application/vnd.elasticsearch+json;compatible-with=9"


def kept(body, *, status=200, call="GET /a", kind=JSON, **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    every = HttpHeaders({"content-type": kind, **headers})
    return call, ApiResponseMeta(status, "1.1", every, 0.1, NODE), data


def test_times_and_identifiers_are_not_compared():
    one = {"took": 3, "_id": "1", "nodes": {"ff_KAyu0T1mZmn7CGhPSuw": {"uuid": "x", "n": [1]}}}
    other = {"took": 9, "_id": "1", "nodes": {"OwmeTQWAQYiXEpecBqRhHA": {"uuid": "y", "n": [1]}}}

    answers = [comparable(kept(body), shape=False) for body in (one, other)]

    assert answers[0] == answers[1]
    assert answers[0]["body"] == {"_id": "1", "nodes": {"ID": {"n": [1]}}}


@pytest.mark.parametrize(
    "text", ["index_not_found_exception", "No search context found for id [7]", "2025-01-05"]
)
def test_words_dates_and_numbers_are(text):
    body = comparable(kept({"reason": text}), shape=False)["body"]

    assert body == {"reason": text.replace("[7]", "ID")}


def test_status_headers_and_texts_are_compared():
    answer = comparable(
        kept(b"green open\n", status=404, kind="text/plain", warning="299 x", date="now"),
        shape=False,
    )

    assert answer == {
        "call": "GET /a",
        "status": 404,
        "headers": {"content-type": "text/plain", "warning": "299 x"},
        "body": "green open\n",
    }


def test_of_measurements_the_shape_is_compared():
    one, other, third = (
        comparable(kept(body), shape=True)
        for body in ({"n": 1, "t": ["a"]}, {"n": 2.5, "t": ["b"]}, {"n": 1, "t": [None]})
    )

    assert one == other != third


def test_what_tells_of_the_query_can_be_left_out():
    answer = {"hits": [{"_id": "1", "_explanation": {"value": 1}}], "profile": {}}

    assert of_any_query(answer) == {"hits": [{"_id": "1"}]}


@pytest.mark.parametrize(
    ("one", "other", "difference"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, ""),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ".a.1.b: 2 and 3"),
        ({"a": 1}, {"a": 1, "b": 2}, ".b lacks in the first: 2"),
        ({"a": 1, "b": 2}, {"a": 1}, ".b lacks in the second: 2"),
        ([1], [1, 2], ": [1] and [1, 2]"),
        (1, "1", ": 1 and '1'"),
    ],
)
def test_the_first_difference_is_told(one, other, difference):
    assert first_difference(one, other) == difference
