import json

import pytest

from qrmiddleware.errors import UpstreamError
from qrmiddleware.evaluation.arm_client import ArmClient, Wanted
from qrmiddleware.evaluation.arms import Defaults, make_arms, parse_arm
from qrmiddleware.evaluation.collection import JudgedQuery

QUERY = JudgedQuery("q1", "shoe")


@pytest.fixture
async def connect(search_server):
    """Make a client of the server, with more options of the arm and of what is wanted."""
    clients = []

    def connect(options="", *, url="", **wanted):
        text = f"a={url or search_server.url};{options}"
        (arm,) = make_arms([parse_arm(text)], Defaults(fields=("title",)), environment={"K": "k"})
        clients.append(ArmClient(arm, Wanted(**wanted)))
        return clients[-1]

    yield connect
    for client in clients:
        await client.close()


async def test_a_ranking_is_the_hits_in_the_order_of_the_answer(connect, search_server):
    client = connect("header=X-Foo: bar;api_key_env=K", depth=2)

    ranking = await client.search(QUERY)

    assert ranking.query_id == "q1"
    assert ranking.doc_ids == ("d1", "d2")
    assert ranking.total == 3
    assert 0 < ranking.duration_ms < 10_000
    assert (ranking.problem, ranking.degraded, ranking.pipeline) == ("", "", "")
    method, target, headers = search_server.requests[-1]
    assert (method, target) == ("POST", "/shop/_search")
    assert headers["X-Foo"] == "bar"
    assert headers["Authorization"] == "ApiKey k"
    assert "X-QRM-Debug" not in headers
    assert search_server.engine.asked[-1]["size"] == 2


async def test_a_title_comes_along_for_people(connect, search_server):
    ranking = await connect(title_field="title").search(QUERY)

    assert [hit.title for hit in ranking.hits] == ["red shoe", "blue shoe", "shoe rack"]
    assert search_server.engine.asked[-1]["_source"] == ["title"]


async def test_texts_come_along_for_a_student(connect, search_server):
    ranking = await connect(text_fields=("name", "title")).search(QUERY)

    assert [hit.text for hit in ranking.hits] == ["red shoe", "blue shoe", "shoe rack"]
    assert search_server.engine.asked[-1]["_source"] == ["name", "title"]


async def test_a_body_can_be_sent_as_it_is(connect, search_server):
    ranking = await connect().ask("q9", b'{"query": {"match": {"title": "hat"}}}')

    assert (ranking.query_id, ranking.doc_ids) == ("q9", ("d3",))


async def test_a_title_that_a_hit_lacks_is_empty(connect):
    ranking = await connect(title_field="name").search(QUERY)

    assert [hit.title for hit in ranking.hits] == ["", "", ""]


async def test_judgments_may_call_documents_by_a_field(connect, search_server):
    for doc, sku in zip(search_server.engine.docs, ["a", "a", "b", "c", "d", "e"], strict=True):
        doc["product"] = {"sku": [sku] if sku == "d" else sku}

    search_server.changed = lambda reply: [
        hit.update(_source={"product": {"sku": sku}})
        for hit, sku in zip(reply["hits"]["hits"], ["a", "a", "d"], strict=True)
    ]
    ranking = await connect(id_field="product.sku").search(QUERY)

    assert ranking.doc_ids == ("a", "d")  # two variants of one product are one document


async def test_a_hit_without_the_field_is_an_error_and_no_document(connect):
    client = connect(id_field="sku", title_field="title")

    with pytest.raises(UpstreamError, match="a hit has no field sku; it has title"):
        await client.search(QUERY)


async def test_a_proxy_says_what_it_did(connect, search_server):
    def debug(reply):
        decisions = [
            {"kind": "rewrite", "text": "trainers", "admitted": True},
            {"kind": "rewrite", "text": "trainers", "admitted": True},
            {"kind": "rewrite", "text": "boots", "admitted": False},
            {"kind": "boost", "text": "red", "admitted": True},
        ]
        reply["ext"] = {"qrm": {"decisions": decisions}}
        reply["hits"]["hits"][0]["_qrm"] = {"found_by": ["shoe", "trainers"]}

    search_server.changed = debug
    search_server.headers = {"X-QRM-Pipeline": "shop", "X-QRM-Degraded": "rules=timeout"}

    ranking = await connect("pipeline=shop", provenance=True).search(QUERY)

    assert ranking.rewrites == ("trainers",)
    assert [hit.found_by for hit in ranking.hits] == [("shoe", "trainers"), (), ()]
    assert ranking.degraded == "rules=timeout"
    assert ranking.pipeline == "shop"
    _, target, headers = search_server.requests[-1]
    assert target == "/shop/_search?qrm_pipeline=shop"
    assert headers["X-QRM-Debug"] == "true"


@pytest.mark.parametrize(
    ("options", "served"),
    [("pipeline=_none", ""), ("", "shop"), ("pipeline=shop", "shop")],
)
async def test_the_pipeline_that_was_meant_has_to_have_served(
    connect, search_server, options, served
):
    search_server.headers = {"X-QRM-Pipeline": served} if served else {}

    assert (await connect(options).search(QUERY)).pipeline == served


async def test_an_engine_that_ignores_a_pipeline_is_not_measured_in_its_name(connect):
    with pytest.raises(UpstreamError, match=r"pipeline shop was asked for, .* is this a qrm proxy"):
        await connect("pipeline=shop").search(QUERY)


@pytest.mark.parametrize(
    ("status", "body", "problem"),
    [
        (404, {"error": {"root_cause": [{"reason": "no such index"}]}}, "HTTP 404: no such index"),
        (400, {"error": {"reason": "bad query"}}, "HTTP 400: bad query"),
        (429, {"error": "too many"}, "HTTP 429: too many"),
        (502, "<html>gone</html>", "HTTP 502: <html>gone</html>"),
        (500, "", "HTTP 500: no reason given"),
        (200, "<html>", "the reply is not JSON: '<html>'"),
        (200, {"took": 1}, "no search result: it has no hits"),
        (200, [], "no search result"),
        (200, {"hits": []}, "no search result (TypeError"),
        (200, {"hits": {"hits": [{"_score": 1}]}}, "no search result (KeyError('_id'))"),
        (200, {"hits": {"hits": ["a"]}}, "no search result (AttributeError"),
        (200, {"timed_out": True, "hits": {"hits": []}}, "ran out of time"),
        (
            200,
            {
                "_shards": {
                    "total": 2,
                    "failed": 1,
                    "failures": [{"reason": {"reason": "shard is gone"}}],
                },
                "hits": {"hits": []},
            },
            "1 of 2 shards failed: shard is gone",
        ),
        (200, {"_shards": {"total": 2, "failed": 1}, "hits": {"hits": []}}, "no reason given"),
    ],
)
async def test_whatever_is_not_a_whole_ranking_is_an_error(
    connect, search_server, status, body, problem
):
    search_server.broken = {"shoe": (status, body)}

    with pytest.raises(UpstreamError) as caught:
        await connect().search(QUERY)

    assert problem in str(caught.value)
    if status != 200:
        assert caught.value.status == status


async def test_an_answer_that_takes_too_long_is_an_error(connect, search_server):
    search_server.delay_s = 5

    with pytest.raises(UpstreamError, match=r"within 0\.05 s"):
        await connect(timeout_s=0.05).search(QUERY)


async def test_other_ways_of_counting_hits_are_understood(connect, search_server):
    search_server.changed = lambda reply: reply["hits"].update(total=3)
    assert (await connect().search(QUERY)).total == 3

    search_server.changed = lambda reply: reply["hits"].pop("total")
    assert (await connect().search(QUERY)).total is None


async def test_the_state_of_an_index_changes_with_every_operation(connect, search_server):
    client = connect()

    first, again = await client.state(), await client.state()
    search_server.operations += 1
    changed = await client.state()

    assert first == again != ""
    assert changed != first


@pytest.mark.parametrize("endpoint", ["docs", "shop"])
async def test_a_state_that_cannot_be_seen_is_empty(connect, search_server, endpoint):
    search_server.refused = {endpoint}

    assert await connect().state() == ""


async def test_an_engine_names_itself_if_it_does(connect, search_server):
    assert await connect().engine() == "Elasticsearch 9.9.9"

    search_server.refused = {""}
    assert "does not tell its name" in await connect().engine()
    assert await connect(url="http://127.0.0.1:9/shop").engine() == ""


def test_the_body_is_what_is_sent(search_server):
    (arm,) = make_arms([parse_arm("a=http://h/i")], Defaults(fields=("title",)))

    client = ArmClient(arm, Wanted(depth=5))

    assert json.loads(client.body("red"))["size"] == 5
