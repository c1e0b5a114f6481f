"""Several searches in one request, each through its own pipeline."""

import gzip
import json

import pytest
from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl

NDJSON = "application/x-ndjson"
LAPTOP = '{"query": {"match": {"title": "laptop"}}}'
MOUSE = '{ "query":{"match":{"title":"mouse"}} }'


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


@pytest.fixture
def engine_answer(reply_with, write_http):
    """Answer every item with the query it carried, so that replies can be told apart."""

    def answer(asked):
        if asked.target.endswith("/_render/template"):
            return write_http({"template_output": json.loads(LAPTOP)})
        bodies = asked.body.decode().split("\n")[1::2]
        replies = [reply_with("acme", status=200, asked=body) for body in bodies]
        return write_http({"took": 3, "responses": replies}, x_elastic_product="Elasticsearch")

    return answer


@pytest.fixture
def shop(proxied, one_synonym, engine_answer):
    async def start(answer=None, **config):
        config.setdefault("pipelines", one_synonym)
        return await proxied(answer or engine_answer, **config)

    return start


async def test_items_that_nobody_acts_on_pass_to_the_byte(shop):
    proxy = await shop()
    body = b"\n" + MOUSE.encode() + b"\n" + b'{ "index":"b" }\n{}\n'

    answer = await proxy.ask("/p/_msearch?typed_keys", body, content_type=NDJSON)

    assert proxy.engine.asked[0].body == body
    assert proxy.engine.asked[0].target == "/p/_msearch?typed_keys"
    assert answer.field("x-qrm-applied") == "none"


async def test_an_item_is_widened_and_the_others_stay(shop):
    proxy = await shop()

    answer = await proxy.ask(
        "/_msearch", lines('{"index":"p"}', LAPTOP, "{}", MOUSE), content_type=NDJSON
    )

    sent = proxy.engine.asked[0].body.decode().split("\n")
    assert sent[0] == '{"index":"p"}'
    assert "notebook" in sent[1]
    assert sent[2:] == ["{}", MOUSE, ""]
    assert [reply["asked"] for reply in answer.json["responses"]] == [sent[1], MOUSE]
    assert answer.json["took"] == 3
    assert answer.field("x-elastic-product") == "Elasticsearch"
    assert answer.field("x-qrm-applied") == "rewrite"
    assert "search;dur=" in answer.field("server-timing")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b'{"index":"p"}\n',
        b"{}\n" + LAPTOP.encode(),
        b"{}\n" + LAPTOP.encode() + b"\n{}\n",
        b"nonsense\n" + LAPTOP.encode() + b"\n",
        b'{"index": 5}\n' + LAPTOP.encode() + b"\n",
        b'{"index":"p"}\n' + LAPTOP.encode() + b"\n\xff\xfe\n\n",
    ],
)
async def test_what_is_no_msearch_is_the_engines_to_refuse(shop, body, write_http):
    refusal = b'{"error":"no"}'
    proxy = await shop(write_http(refusal, "400 Bad Request"))

    answer = await proxy.ask("/_msearch", body, content_type=NDJSON)

    assert proxy.engine.asked[0].body == body
    assert (answer.status, answer.body) == (400, refusal)


async def test_an_item_that_is_no_json_is_passed_with_the_others(shop):
    proxy = await shop()

    await proxy.ask("/_msearch", lines("{}", LAPTOP, "{}", '{"query":'), content_type=NDJSON)

    sent = proxy.engine.asked[0].body.decode().split("\n")
    assert "notebook" in sent[1]
    assert sent[3] == '{"query":'


@pytest.mark.parametrize(
    "body",
    [
        '{"query": {"match": {"title": "laptop", "title": "x"}}}',
        '{"query": {"match": {"title": "laptop"}}, "size": 1, "size": 2}',
    ],
)
async def test_an_item_that_says_a_key_twice_is_the_engines_to_refuse(shop, body):
    proxy = await shop()

    await proxy.ask("/_msearch", lines("{}", LAPTOP, "{}", body), content_type=NDJSON)

    sent = proxy.engine.asked[0].body.decode().split("\n")
    assert "notebook" in sent[1]
    assert sent[3] == body


async def test_an_item_has_a_pipeline_of_its_own(shop):
    proxy = await shop()
    none = LAPTOP[:-1] + ', "ext": {"qrm": {"pipeline": "_none"}}}'
    shoes = LAPTOP[:-1] + ', "ext": {"qrm": {"pipeline": "shoes"}}}'

    answer = await proxy.ask(
        "/_msearch", lines("{}", LAPTOP, "{}", none, "{}", shoes), content_type=NDJSON
    )

    sent = proxy.engine.asked[0].body.decode().split("\n")
    assert len(sent) == 5
    assert "notebook" in sent[1]
    assert json.loads(sent[3]) == json.loads(LAPTOP)
    wide, plain, wrong = answer.json["responses"]
    assert (wide["status"], plain["status"]) == (200, 200)
    assert wrong["status"] == 400
    assert "unknown pipeline [shoes]" in wrong["error"]["reason"]


async def test_items_that_are_all_wrong_are_answered_without_the_engine(shop):
    proxy = await shop()
    shoes = LAPTOP[:-1] + ', "ext": {"qrm": {"pipeline": "shoes"}}}'

    answer = await proxy.ask("/_msearch", lines("{}", shoes), content_type=NDJSON)

    assert answer.status == 200
    assert answer.field("content-type") == "application/json"
    assert answer.json["took"] == 0
    assert answer.json["responses"][0]["status"] == 400
    assert not proxy.engine.asked


async def test_an_unknown_pipeline_for_all_items_is_refused_as_a_whole(shop):
    proxy = await shop()

    answer = await proxy.ask("/_msearch?qrm_pipeline=shoes", lines("{}", LAPTOP))

    assert answer.status == 400
    assert "unknown pipeline [shoes]" in answer.json["error"]["reason"]


async def test_our_section_is_taken_out_of_compressed_bodies_too(shop):
    proxy = await shop()
    body = lines("{}", MOUSE[:-1] + ', "ext": {"qrm": {}}}')

    await proxy.ask("/_msearch", gzip.compress(body), content_type=NDJSON, content_encoding="gzip")

    asked = proxy.engine.asked[0]
    assert json.loads(asked.body.split(b"\n")[1]) == json.loads(MOUSE)
    assert asked.field("content-encoding") is None
    assert asked.field("content-type") == NDJSON


async def test_debug_output_is_shown_by_item(shop):
    proxy = await shop()
    debug = ', "ext": {"qrm": {"debug": true}}}'

    answer = await proxy.ask(
        "/_msearch", lines("{}", LAPTOP[:-1] + debug, "{}", MOUSE[:-1] + debug, "{}", MOUSE)
    )

    wide, plain, silent = answer.json["responses"]
    assert wide["ext"]["qrm"]["outcome"] == "handled"
    assert wide["hits"]["hits"][0]["_qrm"]["upstream_rank"] == 1
    assert plain["ext"]["qrm"]["outcome"] == "no plugin proposed anything"
    assert "ext" not in silent


async def test_an_item_that_the_engine_refuses_is_asked_as_it_came(shop, write_http, reply_with):
    def answer(asked):
        replies = [
            {"error": {"type": "x"}, "status": 400} if "notebook" in body else reply_with("plain")
            for body in asked.body.decode().split("\n")[1::2]
        ]
        return write_http({"responses": replies})

    proxy = await shop(answer)

    reply = await proxy.ask("/_msearch", lines("{}", LAPTOP, "{}", MOUSE))

    assert [item["hits"]["hits"][0]["_source"]["title"] for item in reply.json["responses"]] == [
        "plain",
        "plain",
    ]
    assert proxy.engine.asked[1].body == lines("{}", LAPTOP)
    assert reply.field("x-qrm-degraded") == "pipeline=refused"


async def test_an_item_that_became_several_is_asked_as_it_came_where_not_all_are_taken(
    proxied, one_synonym, write_http, reply_with
):
    def answer(asked):
        replies = [
            {"error": {"type": "busy"}, "status": 429} if "notebook" in body else reply_with("own")
            for body in asked.body.decode().split("\n")[1::2]
        ]
        return write_http({"responses": replies})

    pipeline = {**one_synonym["default"], "merge": {"policy": "rrf"}}
    proxy = await proxied(answer, pipelines={"default": pipeline})

    reply = await proxy.ask("/_msearch", lines("{}", LAPTOP))

    assert reply.json["responses"] == [reply_with("own")]
    assert proxy.engine.asked[1].body == lines("{}", LAPTOP)
    assert reply.field("x-qrm-degraded") == "pipeline=refused"


async def test_an_item_whose_index_is_missing_is_not_asked_twice(shop, write_http):
    missing = {"error": {"type": "index_not_found_exception"}, "status": 404}
    proxy = await shop(write_http({"responses": [missing]}))

    answer = await proxy.ask("/_msearch", lines('{"index":"none"}', LAPTOP))

    assert answer.json["responses"] == [missing]
    assert len(proxy.engine.asked) == 1
    assert answer.field("x-qrm-degraded") is None


async def test_an_msearch_that_is_refused_because_of_us_is_asked_as_it_came(
    shop, engine_answer, write_http
):
    def answer(asked):
        if b"notebook" in asked.body:
            return write_http({"error": "parsing_exception"}, "400 Bad Request")
        return engine_answer(asked)

    proxy = await shop(answer)
    body = lines("{}", LAPTOP, "{}", MOUSE)

    reply = await proxy.ask("/_msearch", body)

    assert reply.status == 200
    assert proxy.engine.asked[1].body == body
    assert reply.field("x-qrm-degraded") == "pipeline=refused"


async def test_an_error_of_the_whole_is_passed_on(shop, write_http):
    proxy = await shop(write_http({"error": "busy"}, "429 Too Many Requests", retry_after="1"))

    answer = await proxy.ask("/_msearch", lines("{}", LAPTOP))

    assert answer.status == 429
    assert answer.json == {"error": "busy"}
    assert answer.field("retry-after") == "1"


@pytest.mark.parametrize("reply", [b"", b"{}", b'{"responses": []}', b"[5]"])
async def test_a_reply_that_makes_no_sense_is_the_clients_to_read(shop, write_http, reply):
    proxy = await shop(write_http(reply))

    answer = await proxy.ask("/_msearch", lines("{}", LAPTOP))

    assert answer.status == 200
    assert answer.body == reply
    assert answer.field("x-qrm-degraded") == "pipeline=error"


@pytest.mark.parametrize(
    ("policy", "trips", "hits"), [("rrf", 1, 1), ("append", 2, 2), ("quota", 1, 2)]
)
async def test_items_may_need_several_searches(shop, one_synonym, policy, trips, hits):
    pipeline = {**one_synonym["default"], "merge": {"policy": policy}}
    proxy = await shop(pipelines={"default": pipeline})

    answer = await proxy.ask("/_msearch", lines("{}", LAPTOP, "{}", MOUSE, "{}", LAPTOP))

    assert len(proxy.engine.asked) == trips
    assert [len(reply["hits"]["hits"]) for reply in answer.json["responses"]] == [
        hits,
        1,
        hits,
    ]


async def test_more_items_than_plugins_may_be_called_for_are_served_in_turns(shop, one_synonym):
    proxy = await shop(limits={"plugin_threads": 2, "plugin_queue": 0})
    count = 50

    answer = await proxy.ask("/_msearch", lines(*["{}", LAPTOP] * count))

    assert proxy.engine.asked[0].body.count(b"notebook") == count
    assert len(answer.json["responses"]) == count
    assert answer.field("x-qrm-degraded") is None


async def test_reply_shaping_is_done_after_the_pipeline(shop):
    proxy = await shop()

    answer = await proxy.ask(
        "/_msearch?pretty&filter_path=responses.hits.hits._id", lines("{}", LAPTOP)
    )

    assert proxy.engine.asked[0].target == "/_msearch"
    assert answer.json == {"responses": [{"hits": {"hits": [{"_id": "d1"}]}}]}
    assert answer.body.startswith(b"{\n")


@pytest.mark.parametrize(
    ("kind", "rendered_as"),
    [
        (NDJSON, "application/json"),
        (
            "application/vnd.elasticsearch+x-ndjson; compatible-with=9",
            "application/vnd.elasticsearch+json; compatible-with=9",
        ),
    ],
)
async def test_templates_are_rendered_by_the_engine_and_widened(shop, kind, rendered_as):
    proxy = await shop()
    template = '{"id": "t", "params": {"q": "laptop"}}'
    body = lines('{"index":"p"}', template[:-1] + ', "ext": {"qrm": {"debug": true}}}')

    answer = await proxy.ask("/_msearch/template", body, content_type=kind)

    rendering, searching = proxy.engine.asked
    assert rendering.json == json.loads(template)
    assert rendering.field("content-type") == rendered_as
    assert searching.target == "/_msearch"
    assert searching.field("content-type") == kind
    assert b"notebook" in searching.body
    assert answer.json["responses"][0]["ext"]["qrm"]["outcome"] == "handled"


async def test_templates_that_cannot_be_rendered_are_the_engines_to_refuse(shop, write_http):
    refusal = b'{"error": "no template"}'
    proxy = await shop(write_http(refusal, "404 Not Found"))
    body = lines("{}", '{"id": "none"}')

    answer = await proxy.ask("/_msearch/template", body, content_type=NDJSON)

    assert proxy.engine.asked[-1].target == "/_msearch/template"
    assert proxy.engine.asked[-1].body == body
    assert (answer.status, answer.body) == (404, refusal)
    assert answer.field("x-qrm-applied") == "none"


async def test_a_plugin_whose_failure_counts_fails_its_item_only(shop, engine_answer):
    class Broken:
        class Settings(BaseModel):
            pass

        def __init__(self, settings):
            pass

        @hookimpl
        def qrm_rewrite(self, query):
            if "laptop" in query.text:
                error = "boom"
                raise RuntimeError(error)

    slot = {"plugin": "broken", "ignore_failure": False}
    pipelines = {"default": {"timeout_ms": 1000, "rewriters": [slot]}}
    proxy = await shop(plugins={"broken": Broken}, pipelines=pipelines)

    answer = await proxy.ask("/_msearch", lines("{}", LAPTOP, "{}", MOUSE))

    broken, fine = answer.json["responses"]
    assert broken["status"] == 500
    assert broken["error"]["type"] == "qrm_plugin_exception"
    assert fine["status"] == 200


async def test_items_that_ask_for_debug_output_are_explained(proxied, engine_answer):
    class Critic:
        class Settings(BaseModel):
            """No options."""

        def __init__(self, settings):
            pass

        @hookimpl
        def qrm_filter(self, hits):
            return [True] * len(hits)

        @hookimpl
        def qrm_explain(self, query, hits):
            return [f"for {query.text}"] * len(hits)

    pipelines = {"default": {"filters": [{"plugin": "critic"}], "timeout_ms": 5_000}}
    proxy = await proxied(engine_answer, plugins={"critic": Critic}, pipelines=pipelines)
    debug = ', "ext": {"qrm": {"debug": true}}}'

    answer = await proxy.ask("/_msearch", lines("{}", LAPTOP[:-1] + debug, "{}", LAPTOP))

    explained, plain = (reply["hits"]["hits"][0] for reply in answer.json["responses"])
    assert explained["_qrm"]["explanations"] == {"critic": "for laptop"}
    assert "_qrm" not in plain
