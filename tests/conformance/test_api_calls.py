import json

import pytest
import yaml
from api_calls import ParameterError, request_of, response_of

APIS = {
    "_common": {"params": {"pretty": {}, "filter_path": {}}},
    "search": {
        "url": {
            "paths": [
                {"path": "/_search", "methods": ["GET", "POST"]},
                {"path": "/{index}/_search", "methods": ["GET", "POST"], "parts": {"index": {}}},
            ]
        },
        "params": {"q": {}, "_source": {}, "allow_partial_search_results": {}},
    },
    "get": {
        "url": {
            "paths": [
                {
                    "path": "/{index}/_doc/{id}",
                    "methods": ["GET"],
                    "parts": {"id": {}, "index": {}},
                }
            ]
        },
    },
}


def call(api, arguments, headers=None, turn=""):
    return request_of(APIS, api, arguments, headers or {}, turn=turn)


def test_the_path_takes_all_the_parts_that_are_given():
    assert call("search", {}).target == "/_search"
    assert call("search", {"index": ["a", "b*"]}).target == "/a,b*/_search"
    assert call("get", {"index": "a/b", "id": "ü ?"}).target == "/a%2Fb/_doc/%C3%BC%20%3F"


def test_the_rest_are_parameters():
    given = {"index": "a", "_source": ["x", "y"], "pretty": True, "q": "red shoes", "body": None}

    assert call("search", given).target == "/a/_search?_source=x%2Cy&pretty=true&q=red+shoes"


@pytest.mark.parametrize(
    ("api", "arguments", "problem"),
    [
        ("search", {"size_of_page": 3}, "size_of_page"),
        ("get", {"index": "a"}, "needs more than index"),
        ("find", {}, "no API find"),
    ],
)
def test_what_the_api_does_not_know_is_refused(api, arguments, problem):
    with pytest.raises(ParameterError, match=problem):
        call(api, arguments)


def test_methods_that_do_the_same_take_turns_and_a_turn_keeps_its_method():
    methods = [call("search", {}, turn=str(turn)).method for turn in range(20)]

    assert set(methods) == {"GET", "POST"}
    assert methods == [call("search", {}, turn=str(turn)).method for turn in range(20)]


def test_an_object_goes_as_json_and_a_list_line_by_line():
    one = call("search", {"body": {"query": {"match": {"t": "ü"}}}})
    many = call("search", {"body": [{"index": {}}, '{"t":1}']})

    assert one.body == '{"query": {"match": {"t": "ü"}}}'.encode()
    assert one.headers == {"content-type": "application/json"}
    assert many.body == b'{"index": {}}\n{"t":1}\n'
    assert many.headers == {"content-type": "application/x-ndjson"}


def test_a_text_goes_as_it_stands():
    assert call("search", {"body": '{"size": 1}'}).body == b'{"size": 1}'


def test_the_calls_own_content_type_counts():
    request = call("search", {"body": {"size": 1}}, {"Content-Type": "application/yaml"})

    assert request.headers == {"content-type": "application/yaml"}
    assert yaml.safe_load(request.body) == {"size": 1}


def test_responses_are_read_by_their_content_type():
    def body(kind, text):
        return response_of(200, [("content-type", kind)], text.encode()).body

    assert body("application/json; charset=UTF-8", '{"a": [1]}') == {"a": [1]}
    assert body("application/yaml", '---\n_index: "a"\n') == {"_index": "a"}
    assert body("text/plain; charset=UTF-8", "green open\n") == "green open\n"
    assert body("application/json", "") == ""


def test_a_header_may_come_several_times():
    response = response_of(200, [("warning", "a"), ("x", "b"), ("warning", "c")], b"")

    assert response.values("warning") == ["a", "c"]
    assert json.dumps(response.body) == '""'
