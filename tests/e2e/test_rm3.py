"""Pseudo-relevance feedback in a real ``qrm serve``, in front of both engines."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import urllib3

INDEX = "widened"
PRODUCTS = (
    "zorblat running shoe mesh",
    "zorblat running shoe",
    "running sneaker mesh",
    "trail sneaker",
    *(f"plain product {number}" for number in range(40)),
)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
    ],
)
def search(request, proxy) -> Iterator[Callable[..., Any]]:
    """Search through a proxy whose rewriter asks the same engine."""
    url = request.getfixturevalue(request.param)
    rm3 = {"plugin": "rm3", "url": url, "fields": ["title"], "fb_docs": 2, "fb_terms": 3}
    pipeline = {"index": [INDEX], "timeout_ms": 10_000, "rewriters": [rm3]}
    started = proxy(url, pipelines={"shop": pipeline})
    lines = [
        line
        for number, title in enumerate(PRODUCTS)
        for line in ({"index": {"_id": str(number)}}, {"title": title})
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    kind = {"content-type": "application/x-ndjson"}
    with urllib3.PoolManager(retries=False) as http:
        settings = json.dumps({"settings": {"number_of_shards": 1, "number_of_replicas": 0}})
        headers = {"content-type": "application/json"}
        http.request("PUT", f"{url}/{INDEX}", body=settings, headers=headers)
        filled = http.request("POST", f"{url}/{INDEX}/_bulk?refresh=true", body=body, headers=kind)
        assert not filled.json()["errors"]

        def ask(text: str, **more: str) -> Any:
            target = f"{started.url}/{INDEX}/_search"
            query = json.dumps({"query": {"match": {"title": text}}})
            return http.request("POST", target, body=query, headers={**headers, **more})

        yield ask
        http.request("DELETE", f"{url}/{INDEX}")


def found(reply: Any) -> list[str]:
    return [hit["_source"]["title"] for hit in reply.json()["hits"]["hits"]]


def test_words_of_the_first_hits_find_what_the_query_does_not(search):
    alone = found(search("zorblat", **{"x-qrm-pipeline": "_none"}))

    reply = search("zorblat", **{"x-qrm-debug": "true"})

    assert "x-qrm-degraded" not in reply.headers
    (decision,) = reply.json()["ext"]["qrm"]["decisions"]
    assert set(decision["text"].split()) == {"zorblat", "running", "shoe"}
    assert "running sneaker mesh" not in alone
    assert "running sneaker mesh" in found(reply)
    assert set(alone) <= set(found(reply))


def test_a_search_without_time_goes_without(search):
    reply = search("zorblat", **{"x-qrm-timeout-ms": "0.01"})

    assert reply.headers["x-qrm-degraded"] == "rm3=timeout"
    assert len(found(reply)) == 2
