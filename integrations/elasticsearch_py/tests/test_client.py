"""What a client with pipelines does, as its user sees it."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest
from elastic_transport import NodeConfig, ObjectApiResponse
from elasticsearch import (
    BadRequestError,
    ConnectionError,  # noqa: A004 the client's own name for it
    Elasticsearch,
    NotFoundError,
    UnsupportedProductError,
    helpers,
)
from elasticsearch.dsl import Search

from qrmiddleware import ConfigError, PluginError
from qrmiddleware.config.load import load_settings
from qrmiddleware_elasticsearch_py import EmbeddedNode, with_pipeline

LAPTOP = {"match": {"title": "laptop"}}
TIMEOUT = {"timeout_ms": 5_000}
SYNONYMS = {"rewriters": [{"plugin": "synonyms"}], **TIMEOUT}


def settings(**pipeline):
    return {"pipelines": {"shop": {**SYNONYMS, **pipeline}}}


def ids(reply):
    return [hit["_id"] for hit in reply["hits"]["hits"]]


@pytest.fixture
def client(plain):
    with with_pipeline(plain, settings()) as client:
        yield client


def test_a_search_finds_what_a_rewrite_finds(client):
    reply = client.search(index="shop", query=LAPTOP)

    assert sorted(ids(reply)) == ["1", "2", "3"]


def test_the_reply_is_the_clients_own_and_says_what_was_done(client):
    reply = client.search(index="shop", query=LAPTOP)

    assert isinstance(reply, ObjectApiResponse)
    assert reply.meta.status == 200
    assert reply.meta.headers["X-QRM-Applied"] == "rewrite"
    assert reply.meta.headers["x-qrm-pipeline"] == "shop"
    assert reply.meta.headers["x-elastic-product"] == "Elasticsearch"
    assert reply.meta.node.host == "embedded"
    assert reply.meta.duration > 0


def test_the_given_client_goes_on_as_before(plain, client):
    assert ids(plain.search(index="shop", query=LAPTOP)) == ["1", "3"]
    assert type(client) is type(plain)


def test_hits_are_reranked(plain):
    client = with_pipeline(plain, settings(rewards=[{"plugin": "cheapest"}]))

    reply = client.search(index="shop", query=LAPTOP, source=["title"])

    assert ids(reply) == ["3", "2", "1"]
    assert reply.meta.headers["x-qrm-applied"] == "rewrite,rerank"
    assert all(set(hit) == {"_index", "_id", "_score", "_source"} for hit in reply["hits"]["hits"])


@pytest.mark.parametrize("policy", ["dis_max", "should", "rrf", "linear", "append", "quota"])
def test_every_merge_policy_works_without_an_event_loop(plain, policy):
    client = with_pipeline(plain, settings(merge={"policy": policy}))

    assert sorted(ids(client.search(index="shop", query=LAPTOP))) == ["1", "2", "3"]


async def test_a_blocking_client_works_inside_a_running_event_loop(client):
    assert len(ids(client.search(index="shop", query=LAPTOP))) == 3


def test_a_client_can_be_used_by_many_threads(plain):
    client = with_pipeline(plain, settings(merge={"policy": "rrf"}))

    with ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: client.search(index="shop", query=LAPTOP), range(40)))

    assert {tuple(sorted(ids(reply))) for reply in replies} == {("1", "2", "3")}


def test_msearch_answers_every_item_in_its_place(client):
    searches = [{"index": "shop"}, {"query": LAPTOP}, {"index": "nowhere"}, {"query": LAPTOP}]

    found, missing = client.msearch(searches=searches)["responses"]

    assert sorted(ids(found)) == ["1", "2", "3"]
    assert missing["error"]["type"] == "index_not_found_exception"


def test_count_agrees_with_search(client):
    assert client.count(index="shop", query=LAPTOP)["count"] == 3


def test_a_query_in_the_url_is_rewritten(client):
    assert sorted(ids(client.search(index="shop", q="laptop", df="title"))) == ["1", "2", "3"]


def test_search_dsl_objects_are_rewritten(client):
    search = Search(using=client, index="shop").query("match", title="laptop")

    assert sorted(hit.meta.id for hit in search.execute()) == ["1", "2", "3"]
    assert search.count() == 3


def test_everything_else_passes(client):
    added, _ = helpers.bulk(client, [{"_id": "5", "title": "desk"}], index="shop", refresh=True)

    assert added == 1
    assert client.get(index="shop", id="5")["_source"] == {"title": "desk"}
    assert client.exists(index="shop", id="5")
    assert not client.exists(index="shop", id="6")
    assert client.indices.exists(index="shop")
    with pytest.raises(NotFoundError):
        client.get(index="shop", id="6")


def test_headers_choose_the_pipeline_of_one_call(client):
    alone = client.options(headers={"X-QRM-Pipeline": "_none"})

    assert ids(alone.search(index="shop", query=LAPTOP)) == ["1", "3"]
    assert len(ids(client.search(index="shop", query=LAPTOP))) == 3


def test_an_unknown_pipeline_is_a_bad_request_that_names_the_known(client):
    asking = client.options(headers={"X-QRM-Pipeline": "nope"})

    with pytest.raises(BadRequestError) as caught:
        asking.search(index="shop", query=LAPTOP)

    assert "known are: shop, _none" in caught.value.body["error"]["reason"]


def test_debug_output_is_a_header_away(client):
    reply = client.options(headers={"X-QRM-Debug": "true"}).search(index="shop", query=LAPTOP)

    assert reply["ext"]["qrm"]["query"] == "laptop"
    assert reply["ext"]["qrm"]["decisions"][0]["text"] == "notebook"


def test_the_text_may_be_given_in_any_script(plain):
    plain.index(index="shop", id="9", document={"title": "ноутбук", "price": 1}, refresh=True)
    client = with_pipeline(
        plain, settings(rewriters=[{"plugin": "synonyms", "pairs": {"ноутбук": "notebook"}}])
    )

    reply = client.options(headers={"X-QRM-Query": "ноутбук"}).search(
        index="shop", query={"match": {"title": "ноутбук"}}
    )

    assert sorted(ids(reply)) == ["2", "9"]


def test_our_headers_stay_here_and_the_clients_own_go_on(plain, node):
    client = with_pipeline(plain.options(opaque_id="o1", request_timeout=7), settings())

    client.options(headers={"x-team": "search", "x-qrm-debug": "true"}).search(
        index="shop", query=LAPTOP
    )
    client.options(headers={"x-qrm-debug": "true"}).info()

    (_, _, _, headers, timeout), (*_, info_headers, _) = node.requests[-2:]
    assert headers["x-opaque-id"] == "o1"
    assert headers["x-team"] == "search"
    assert headers["accept"].startswith("application/vnd.elasticsearch+json")
    assert timeout == 7
    assert not any(name.startswith("x-qrm") for name in [*headers, *info_headers])


def test_a_search_that_no_plugin_touches_reaches_the_engine_as_it_was(plain, client, node):
    search = {"index": "shop", "query": {"match": {"title": "mouse"}}, "pretty": True}
    plain.search(**search)
    client.search(**search)

    assert node.requests[-1][:3] == node.requests[-2][:3]


def test_the_engines_refusal_is_the_clients_error(client):
    with pytest.raises(BadRequestError) as caught:
        client.search(index="shop", query={"no_such_query": {"title": "laptop"}})

    assert "no_such_query" in caught.value.body["error"]["reason"]


def test_a_failing_plugin_costs_its_opinion_only(plain, caplog):
    client = with_pipeline(plain, settings(rewriters=[{"plugin": "broken"}]))

    with caplog.at_level(logging.WARNING, "qrmiddleware"):
        reply = client.search(index="shop", query=LAPTOP)

    assert ids(reply) == ["1", "3"]
    assert reply.meta.headers["x-qrm-degraded"] == "broken=error"
    assert "the model is gone" in caplog.text


def test_a_plugin_that_must_not_fail_raises(plain):
    client = with_pipeline(
        plain, settings(rewriters=[{"plugin": "broken", "ignore_failure": False}])
    )

    with pytest.raises(PluginError, match="the model is gone"):
        client.search(index="shop", query=LAPTOP)


def test_a_plugin_that_must_not_fail_fails_its_item_of_an_msearch(plain):
    client = with_pipeline(
        plain, settings(rewriters=[{"plugin": "broken", "ignore_failure": False}])
    )
    untouched = {"query": LAPTOP, "ext": {"qrm": {"pipeline": "_none"}}}
    searches = [{"index": "shop"}, {"query": LAPTOP}, {"index": "shop"}, untouched]

    failed, found = client.msearch(searches=searches)["responses"]

    assert failed["status"] == 500
    assert "the model is gone" in failed["error"]["reason"]
    assert ids(found) == ["1", "3"]


def test_closing_lets_the_plugins_go_once(plain, plugins):
    client = with_pipeline(plain, settings())
    down = plugins().SHUT_DOWN
    assert down == []

    client.options(opaque_id="o1").close()
    client.close()

    assert len(down) == 1


def test_a_plugin_that_fails_to_go_does_not_keep_the_client_open(plain, caplog):
    with with_pipeline(plain, settings(rewriters=[{"plugin": "broken"}])):
        pass

    assert "the file is gone" in caplog.text


def test_a_search_too_large_to_be_read_passes(plain):
    limits = {"limits": {"max_body_bytes": 1_024}}
    client = with_pipeline(plain, {**settings(), **limits})
    filler = [{"match": {"title": f"word{number}"}} for number in range(100)]

    reply = client.search(index="shop", query={"bool": {"must": LAPTOP, "should": filler}})

    assert ids(reply) == ["1", "3"]
    assert reply.meta.headers["x-qrm-degraded"] == "pipeline=body_too_large"


def test_settings_come_from_a_file_too(plain, tmp_path):
    (tmp_path / "rules.txt").write_text("laptop =>\n  SYNONYM: notebook\n")
    file = tmp_path / "qrmiddleware.yaml"
    file.write_text(
        "pipelines: {shop: {timeout_ms: 5000, rewriters: [{plugin: rules, path: rules.txt}]}}"
    )

    for given in (file, str(file), load_settings(file)):
        client = with_pipeline(plain, given)
        assert len(ids(client.search(index="shop", query=LAPTOP))) == 3


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"pipelines": {"shop": {"rewriter": []}}}, "pipelines.shop.rewriter"),
        ({"pipelines": {"shop": {"rewriters": [{"plugin": "nope"}]}}}, "no plugin 'nope'"),
        ("no-such-file.yaml", "no-such-file.yaml"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(plain, given, named):
    with pytest.raises(ConfigError, match=named):
        with_pipeline(plain, given)


def test_a_product_that_is_not_elasticsearch_is_still_refused(plain, node, monkeypatch):
    client = with_pipeline(plain, settings())
    answer = node.perform_request

    def nameless(*args):
        response = answer(*args)
        del response.meta.headers["x-elastic-product"]
        return response

    monkeypatch.setattr(node, "perform_request", nameless)

    with pytest.raises(UnsupportedProductError):
        client.search(index="shop", query=LAPTOP)


def test_another_node_is_tried_when_one_is_dead(plain, node):
    nodes = [NodeConfig("http", host, 9200) for host in ("dead", "alive")]
    pair = Elasticsearch(nodes, node_class=type(node), randomize_nodes_in_pool=False)
    with with_pipeline(pair, settings()) as client:
        dead, alive = pair.transport.node_pool.all()
        alive.perform_request("PUT", "/shop/_doc/1", b'{"title":"notebook"}')
        replies = [client.search(index="shop", query=LAPTOP) for _ in range(3)]

    assert [ids(reply) for reply in replies] == [["1"]] * 3
    assert len(dead.requests) == 1
    assert len(alive.requests) == 4


def test_a_cluster_that_cannot_be_reached_is_the_clients_error(node):
    client = with_pipeline(Elasticsearch("http://dead:9200", node_class=type(node)), settings())

    with pytest.raises(ConnectionError):
        client.search(index="shop", query=LAPTOP)


def test_nodes_are_still_sniffed(plain, node):
    class Sniffed(type(node)):
        def perform_request(self, method, target, body=None, headers=None, request_timeout=None):
            if target != "/_nodes/_all/http":
                return super().perform_request(method, target, body, headers, request_timeout)
            response = EmbeddedNode.perform_request(self, "GET", "/", None, headers)
            address = b'{"nodes":{"n":{"http":{"publish_address":"127.0.0.1:9201"}}}}'
            return type(response)(response.meta, address)

    sniffing = Elasticsearch("http://first:9200", node_class=Sniffed, sniff_before_requests=True)
    with with_pipeline(sniffing, settings()) as client:
        client.info()

        hosts = [known.host for known in client.transport.node_pool.all()]
        assert hosts == ["first", "127.0.0.1"]
        assert len(client.transport.node_pool) == 2
