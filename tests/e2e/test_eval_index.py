"""``qrm eval index`` into real engines."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from qrmiddleware_benchmarks.engines import Engine

QRM = str(Path(sys.executable).with_name("qrm"))
WANDS = (
    "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\t"
    "product_features\trating_count\taverage_rating\treview_count\n"
    "7\tplatform bed\tBeds\tFurniture / Beds\tgood , deep sleep\tcolor : red\t15.0\t4.5\t15.0\n"
    "8\trunning shoe shelf\tShelves\tFurniture\tkeeps shoes\t\t\t\t\n"
)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [QRM, "eval", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def ask(url: str, target: str, body: Any = None) -> Any:
    request = urllib.request.Request(  # noqa: S310 the engine's own URL
        url + target,
        None if body is None else json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 as above
        return json.load(reply)


def doc_ids(url: str, index: str, query: Any) -> list[str]:
    found = ask(url, f"/{index}/_search", {"query": query})
    return [hit["_id"] for hit in found["hits"]["hits"]]


@pytest.fixture(
    params=[
        pytest.param("elasticsearch", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch", marks=pytest.mark.opensearch),
    ]
)
def url(request: pytest.FixtureRequest) -> str:
    """Both engines, without security."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def wands(tmp_path: Path) -> Path:
    """A catalogue of two products."""
    (tmp_path / "product.csv").write_text(WANDS)
    return tmp_path


def test_a_catalogue_can_be_searched_by_words_and_by_values(url, wands):
    ran = run("index", wands, "--url", url, "--index", "eval-words", "--replace")

    assert ran.returncode == 0, ran.stderr
    assert "2 documents are in eval-words" in ran.stdout
    assert "merged to one segment" in ran.stdout
    assert doc_ids(url, "eval-words", {"match": {"title": "bed"}}) == ["7"]
    assert doc_ids(url, "eval-words", {"term": {"class.keyword": "Shelves"}}) == ["8"]
    assert doc_ids(url, "eval-words", {"range": {"average_rating": {"gte": 4}}}) == ["7"]
    segments = ask(url, "/_cat/segments/eval-words?format=json")
    assert len([each for each in segments if each["prirep"] == "p"]) == 1


def test_an_index_is_not_overwritten_unless_that_is_wanted(url, wands):
    run("index", wands, "--url", url, "--index", "eval-kept", "--replace")

    again = run("index", wands, "--url", url, "--index", "eval-kept")
    replaced = run("index", wands, "-u", url, "-i", "eval-kept", "--fields", "title", "--replace")

    assert again.returncode == 2
    assert "there is an index eval-kept already" in again.stderr
    assert replaced.returncode == 0, replaced.stderr
    assert doc_ids(url, "eval-kept", {"term": {"class": "Beds"}}) == ["7"]


@pytest.mark.opensearch
def test_text_is_analyzed_as_is_wanted(opensearch_url, wands):
    options = ("--analyzer", "english", "--index", "eval-english", "--replace")

    ran = run("index", wands, "--url", opensearch_url, *options)

    assert ran.returncode == 0, ran.stderr
    assert "(OpenSearch 3." in ran.stdout
    assert doc_ids(opensearch_url, "eval-english", {"match": {"title": "run"}}) == ["8"]


@pytest.mark.elasticsearch
def test_an_analyzer_that_the_engine_lacks_is_said_and_leaves_nothing_behind(
    elasticsearch_url, wands
):
    options = ("--analyzer", "klingon", "--index", "eval-klingon")

    ran = run("index", wands, "--url", elasticsearch_url, *options)

    assert ran.returncode == 2
    assert "try --analyzer standard" in ran.stderr
    assert ask(elasticsearch_url, "/_cat/indices?format=json&h=index") != []
    names = {each["index"] for each in ask(elasticsearch_url, "/_cat/indices?format=json&h=index")}
    assert "eval-klingon" not in names


@pytest.mark.opensearch
def test_credentials_go_into_the_url_and_not_into_the_output(
    secure_opensearch: Engine, wands: Path
):
    engine = secure_opensearch
    options = ("--index", "eval-secure", "--replace", "--ca-certs", engine.ca_certs)
    user = f"{engine.username}:{quote(engine.password, safe='')}@"

    ran = run("index", wands, "--url", engine.url.replace("://", f"://{user}"), *options)
    refused = run("index", wands, "--url", engine.url, *options)

    assert ran.returncode == 0, ran.stderr
    assert f"2 documents are in eval-secure at {engine.url} (" in ran.stdout
    assert refused.returncode == 2
    assert "was answered with 401" in refused.stderr
    assert "give credentials" in refused.stderr
