import pytest

from qrmiddleware.upstream.embedded import documents, searching
from qrmiddleware.upstream.embedded.problems import ApiError
from qrmiddleware.upstream.embedded.routes import find_endpoint


def test_finds_the_endpoint_its_parts_and_its_parameters():
    endpoint, parts, params = find_endpoint("GET", "/a%2Cb-*/_search?q=red%20phone&pretty")

    assert endpoint.run is searching.search
    assert parts == {"index": "a,b-*"}
    assert params == {"q": "red phone", "pretty": ""}


def test_ids_are_decoded():
    endpoint, parts, _ = find_endpoint("PUT", "/shop/_doc/a%2Fb%20c")

    assert endpoint.run is documents.put_document
    assert parts == {"index": "shop", "id": "a/b c"}


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/shop/_search/template"),
        ("POST", "/_search/scroll"),
        ("POST", "/shop/_pit"),
        ("GET", "/_nodes"),
        ("DELETE", "/_search"),
        ("POST", "/_aliases"),
        ("POST", "/_unknown"),
    ],
)
def test_other_endpoints_are_refused_by_name(method, target):
    with pytest.raises(ApiError) as caught:
        find_endpoint(method, target)

    assert f"[{method} {target}]" in caught.value.reason


def test_unknown_parameters_are_refused_by_name():
    with pytest.raises(ApiError, match=r"unrecognized parameter: \[sizee\]"):
        find_endpoint("GET", "/shop/_search?sizee=5")
