"""What the pages say in tables, held against the code."""

import json
import re
from pathlib import Path

import pytest

from qrmiddleware.dsl.search import SearchRequest, Untouched, parse_search, read_body
from qrmiddleware.dsl.uri import Parameters
from qrmiddleware.model import Query, Rewrite
from qrmiddleware.pipeline.admission import admit
from qrmiddleware.pipeline.options import MergeOptions, Options
from qrmiddleware.pipeline.plan import prepare
from qrmiddleware.proxy.client import OUR_PARAMETERS
from qrmiddleware.proxy.routes import route_of

DOCS = Path(__file__).parents[2] / "docs"
MATCH = {"match": {"title": "red shoes"}}


def read(name):
    return (DOCS / name).read_text(encoding="utf-8")


def parse(parameters="", **parts):
    body = read_body(json.dumps({"query": MATCH, **parts}).encode())
    return parse_search(body.tree, Parameters.parse(parameters))


def policy_of(request):
    options = Options(merge=MergeOptions(policy="rrf"))
    return prepare(request, {"rules": [Rewrite("trainers")]}, options).policy


@pytest.mark.parametrize(
    ("method", "path", "kind"),
    [
        ("GET", "/_search", "search"),
        ("POST", "/products/_search", "search"),
        ("POST", "/_msearch", "msearch"),
        ("GET", "/products/_count", "count"),
        ("POST", "/products/_search/template", "template"),
        ("POST", "/_msearch/template", "msearch_template"),
        ("POST", "/products/_async_search", "async_search"),
        ("GET", "/_async_search/abc", "other"),
        ("POST", "/_plugins/_asynchronous_search", "async_search"),
        ("POST", "/_search/scroll", "other"),
        ("POST", "/_bulk", "other"),
        ("POST", "/products/_rank_eval", "other"),
        ("PUT", "/products", "other"),
        ("HEAD", "/products/_search", "other"),
    ],
)
def test_endpoints_are_served_as_the_table_says(method, path, kind):
    assert route_of(method, path).kind == kind


@pytest.mark.parametrize(
    ("parameters", "parts"),
    [
        ("", {"sort": [{"price": "asc"}]}),
        ("sort=price:asc", {}),
        ("scroll=1m", {}),
        ("", {"pit": {"id": "x"}}),
        ("", {"search_after": [1], "sort": ["_score"]}),
        ("", {"slice": {"id": 0, "max": 2}}),
        ("", {"size": 0}),
        ("", {"stored_fields": "_none_"}),
    ],
)
def test_what_is_said_never_to_be_reranked_is_not(parameters, parts):
    request = parse(parameters, **parts)

    assert isinstance(request, SearchRequest)
    assert request.keeps_order


@pytest.mark.parametrize(
    "parts",
    [
        {"collapse": {"field": "brand"}},
        {"knn": {"field": "v", "query_vector": [1.0], "k": 1, "num_candidates": 1}},
        {"rescore": {"query": {"rescore_query": MATCH}}},
        {"min_score": 1},
        {"rank": {"rrf": {}}},
        {"sort": ["_score"]},
        {"size": 0},
    ],
)
def test_what_is_said_to_be_one_search_is(parts):
    assert policy_of(parse(**parts)) == "dis_max"


@pytest.mark.parametrize("parts", [{"aggs": {}}, {"highlight": {}}, {"explain": True}])
def test_other_parts_allow_several_searches(parts):
    assert policy_of(parse(**parts)) == "rrf"


def test_retrievers_are_left_alone():
    body = read_body(b'{"retriever": {"standard": {"query": {"match": {"title": "red"}}}}}')

    assert isinstance(parse_search(body.tree, Parameters()), Untouched)


def test_every_reason_of_an_admission_is_explained():
    query = Query("toner tn-2110")
    rewrites = [
        Rewrite("TONER  tn-2110"),
        Rewrite("toner cartridge tn-2110"),
        Rewrite("toner cartridge tn-2110"),
        Rewrite("toner cartridge"),
        Rewrite("tn-2110 drum", weight=0.1),
        Rewrite("tn-2110", replaces=True),
        Rewrite("brother tn-2110", replaces=True),
        Rewrite("cartridge tn-2110"),
    ]
    decisions = admit(query, {"rules": rewrites}, Options(max_rewrites=1, min_weight=0.5))

    explained = re.findall(r"^\| `(.+?)` \| ", read("merging.md"), re.MULTILINE)
    patterns = {re.escape(text).replace("…", ".+") for text in explained}
    reasons = {decision.reason for decision in decisions}
    assert len(reasons) == 7
    for reason in reasons:
        assert any(re.fullmatch(pattern, reason) for pattern in patterns), reason


def test_every_parameter_of_ours_is_explained():
    page = read("headers.md")

    assert all(f"`{name}" in page for name in OUR_PARAMETERS)


def test_every_page_is_on_the_map():
    index = read("index.md")

    missing = [path.name for path in DOCS.glob("*.md") if f"({path.name})" not in index]
    assert missing == ["index.md"]
