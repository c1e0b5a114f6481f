import json
import urllib.request

from qrmiddleware.testing.engine import serve_engine


def test_an_engine_is_served_with_the_documents_that_it_is_given():
    documents = {"d1": {"title": "red shoe"}, "d2": {"title": "hat"}}

    with (
        serve_engine("shop", documents) as url,
        urllib.request.urlopen(f"{url}/shop/_search?q=shoe") as reply,  # noqa: S310 ours
    ):
        found = json.load(reply)

    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["d1"]


def test_without_documents_it_is_empty():
    with serve_engine() as url, urllib.request.urlopen(f"{url}/_count") as reply:  # noqa: S310 ours
        assert json.load(reply)["count"] == 0
