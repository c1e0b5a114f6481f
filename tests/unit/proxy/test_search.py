"""Searches through pipelines: what is asked, what is answered, and what is left alone."""

import asyncio
import gzip
import json
import re
import threading
import time

import pytest
from pydantic import BaseModel

from qrmiddleware import OverloadError, patience
from qrmiddleware.hooks import hookimpl

UNKNOWN = {"query": {"match_all": {}}}


def texts(asked) -> set[str]:
    """Return the texts that a merged query asks for."""
    query = asked.json["query"]
    return {part["bool"]["must"][0]["match"]["title"] for part in query["dis_max"]["queries"]}


@pytest.fixture
def shop(proxied, one_synonym):
    """Start a proxy in which laptops are notebooks too."""

    async def start(answer=None, **config):
        return await proxied(answer, pipelines=one_synonym, **config)

    return start


async def test_a_search_is_widened_and_answered_as_the_engine_answered(shop, laptop):
    proxy = await shop()

    answer = await proxy.ask("/p/_search?typed_keys=true", laptop)

    assert texts(proxy.engine.asked[0]) == {"laptop", "notebook"}
    assert proxy.engine.asked[0].target == "/p/_search?typed_keys=true"
    assert answer.json["hits"]["hits"][0]["_source"] == {"title": "acme laptop"}
    assert answer.field("x-qrm-applied") == "rewrite"
    assert answer.field("x-qrm-pipeline") == "default"
    assert "rewrite;dur=" in answer.field("server-timing")
    assert "search;dur=" in answer.field("server-timing")


@pytest.mark.parametrize("target", ["/_search", "/a,b*,-c/_search", "/_all/_search", "/p/_search/"])
async def test_searches_of_any_index_expression_are_found(shop, laptop, target):
    proxy = await shop()

    await proxy.ask(target, laptop)

    assert texts(proxy.engine.asked[0]) == {"laptop", "notebook"}
    assert proxy.engine.asked[0].target == target


async def test_a_get_with_a_body_is_widened(shop, laptop):
    proxy = await shop()

    await proxy.ask("/p/_search", laptop, method="GET")

    assert proxy.engine.asked[0].line == "POST /p/_search HTTP/1.1"
    assert texts(proxy.engine.asked[0]) == {"laptop", "notebook"}


async def test_a_search_in_the_url_becomes_a_body(shop):
    proxy = await shop()

    await proxy.ask("/p/_search?q=laptop&df=title&from=0&size=3&_source=title", method="GET")

    asked = proxy.engine.asked[0]
    assert asked.target == "/p/_search?from=0&size=3&_source=title"
    assert asked.field("content-type") == "application/json"
    assert b'"query":"notebook"' in asked.body
    assert b'"default_field":"title"' in asked.body


async def test_a_body_in_the_url_becomes_a_body(shop, laptop):
    proxy = await shop()
    source = json.dumps(laptop).replace(" ", "").replace('"', "%22")

    await proxy.ask(f"/p/_search?source={source}&source_content_type=application/json")

    assert proxy.engine.asked[0].target == "/p/_search"
    assert texts(proxy.engine.asked[0]) == {"laptop", "notebook"}


async def test_reply_shaping_is_done_after_the_pipeline(shop, laptop):
    proxy = await shop()

    answer = await proxy.ask("/p/_search?filter_path=hits.hits._id&pretty", laptop)

    assert proxy.engine.asked[0].target == "/p/_search"
    assert answer.json == {"hits": {"hits": [{"_id": "d1"}]}}
    assert answer.body.startswith(b"{\n  ")


async def test_compressed_bodies_are_read_and_replies_compressed_again(
    shop, laptop, reply_with, write_http
):
    whole = reply_with(*["acme laptop"] * 50)
    proxy = await shop(write_http(whole))
    body = gzip.compress(json.dumps({**laptop, "size": 50}).encode())

    answer = await proxy.ask("/p/_search", body, content_encoding="gzip", accept_encoding="gzip")

    assert texts(proxy.engine.asked[0]) == {"laptop", "notebook"}
    assert proxy.engine.asked[0].field("content-encoding") is None
    assert answer.field("content-encoding") == "gzip"
    assert len(json.loads(gzip.decompress(answer.body))["hits"]["hits"]) == 50


async def test_a_client_that_wants_no_gzip_gets_none(shop, laptop, reply_with, write_http):
    proxy = await shop(write_http(reply_with(*["acme laptop"] * 50)))

    answer = await proxy.ask("/p/_search?size=50", laptop, accept_encoding="identity, gzip;q=0")

    assert answer.field("content-encoding") is None
    assert len(answer.json["hits"]["hits"]) == 50


@pytest.mark.parametrize(
    ("ext", "sent"),
    [
        ({"qrm": {"pipeline": "_none"}}, None),
        ({"qrm": {}}, None),
        ({"qrm": {"debug": False}, "ubi": {"query_id": "1"}}, {"ubi": {"query_id": "1"}}),
    ],
)
async def test_our_section_of_ext_never_reaches_the_engine(shop, ext, sent):
    proxy = await shop()

    await proxy.ask("/p/_search", {**UNKNOWN, "ext": ext})

    assert proxy.engine.asked[0].json.get("ext") == sent


async def test_our_section_is_taken_out_of_compressed_bodies_too(shop):
    proxy = await shop()
    body = json.dumps({**UNKNOWN, "ext": {"qrm": {"pipeline": "_none"}}}).encode()

    await proxy.ask("/p/_search", gzip.compress(body), content_encoding="gzip")

    assert proxy.engine.asked[0].json == UNKNOWN
    assert proxy.engine.asked[0].field("content-encoding") is None


async def test_our_section_is_taken_out_of_bodies_in_the_url(shop):
    proxy = await shop()
    source = '{"query":{"match_all":{}},"ext":{"qrm":{}}}'.replace('"', "%22")

    await proxy.ask(f"/p/_search?source={source}&source_content_type=application/json&size=1")

    assert proxy.engine.asked[0].target == "/p/_search?size=1"
    assert proxy.engine.asked[0].json == UNKNOWN


@pytest.mark.parametrize("chosen", ["?qrm_pipeline=_none", "header", "body"])
async def test_a_client_can_have_no_pipeline(shop, laptop, chosen):
    proxy = await shop()
    target = "/p/_search" + (chosen if chosen.startswith("?") else "")
    fields = {"x_qrm_pipeline": "_none"} if chosen == "header" else {}
    ext = {"ext": {"qrm": {"pipeline": "_none"}}} if chosen == "body" else {}

    answer = await proxy.ask(target, {**laptop, **ext}, **fields)

    assert proxy.engine.asked[0].json == laptop
    assert answer.field("x-qrm-pipeline") is None


async def test_an_unknown_pipeline_is_refused_naming_the_known_ones(shop, laptop):
    proxy = await shop()

    answer = await proxy.ask("/p/_search", laptop, x_qrm_pipeline="shoes")

    assert answer.status == 400
    assert answer.json["error"]["reason"] == "unknown pipeline [shoes]; known are: default, _none"
    assert answer.json["status"] == 400
    assert not proxy.engine.asked


async def test_a_pipeline_may_have_a_name_that_is_not_ascii(proxied, one_synonym, laptop):
    proxy = await proxied(pipelines={"обувь": one_synonym["default"]})

    answer = await proxy.ask("/p/_search", laptop, x_qrm_pipeline="обувь")

    assert answer.field("x-qrm-pipeline").encode("latin-1").decode() == "обувь"


@pytest.mark.parametrize("time_ms", ["soon", "-1", "0", "nan", "1e400"])
async def test_a_timeout_that_is_no_time_is_refused(shop, laptop, time_ms):
    proxy = await shop()

    answer = await proxy.ask(f"/p/_search?qrm_timeout_ms={time_ms}", laptop)

    assert answer.status == 400
    assert f"[{time_ms}]" in answer.json["error"]["reason"]


@pytest.mark.parametrize("time_ms", ["1e400", "9" * 400, "true", '"x"', "-5", "null"])
async def test_a_timeout_in_the_body_that_is_no_time_is_passed_over(shop, time_ms):
    proxy = await shop()
    body = '{"query":{"match":{"title":"laptop"}},"ext":{"qrm":{"timeout_ms":?}}}'

    answer = await proxy.ask("/p/_search", body.replace("?", time_ms).encode())

    assert answer.status == 200
    assert answer.field("x-qrm-degraded") is None


async def test_the_text_can_be_named_in_a_header_as_utf8(proxied):
    asked = []

    class Watching:
        class Settings(BaseModel):
            pass

        def __init__(self, settings):
            pass

        @hookimpl
        def qrm_rewrite(self, query):
            asked.append(query)

    proxy = await proxied(
        plugins={"watching": Watching},
        pipelines={"default": {"timeout_ms": 1000, "rewriters": [{"plugin": "watching"}]}},
    )
    body = {"query": {"bool": {"must": [{"match": {"a": "größe"}}, {"match": {"b": "x"}}]}}}

    await proxy.ask("/p/_search", body, x_qrm_query="größe", x_request_id="r1")

    assert [(query.text, query.query_id, query.index) for query in asked] == [("größe", "r1", "p")]


@pytest.mark.parametrize("header", ["x_request_id", "x_opaque_id"])
async def test_request_ids_are_echoed(shop, laptop, header):
    proxy = await shop()

    answer = await proxy.ask("/p/_search", laptop, **{header: "abc-1"})

    assert answer.field("x-qrm-request-id") == "abc-1"
    assert proxy.engine.asked[0].field(header.replace("_", "-")) == "abc-1"


@pytest.mark.parametrize("asking", ["?qrm_debug", "header", "body"])
async def test_debug_output_says_what_was_done(shop, laptop, asking):
    proxy = await shop()
    target = "/p/_search" + (asking if asking.startswith("?") else "")
    fields = {"x_qrm_debug": "true"} if asking == "header" else {}
    ext = {"ext": {"qrm": {"debug": True}}} if asking == "body" else {}

    answer = await proxy.ask(target, {**laptop, **ext}, **fields)

    section = answer.json["ext"]["qrm"]
    assert section["pipeline"] == "default"
    assert section["processor_results"][0]["tag"] == "synonyms"
    assert section["decisions"][0]["text"] == "notebook"
    assert answer.json["hits"]["hits"][0]["_qrm"]["upstream_rank"] == 1


async def test_debug_output_says_why_nothing_was_done(shop):
    proxy = await shop()

    answer = await proxy.ask("/p/_search?qrm_debug&pretty", UNKNOWN)

    assert answer.json["ext"]["qrm"]["outcome"] == "no clause in scoring position carries text"
    assert answer.json["hits"]["hits"][0]["_id"] == "d1"
    assert proxy.engine.asked[0].json == UNKNOWN


@pytest.mark.parametrize("status", ["400 Bad Request", "413 Too Large", "500 Error"])
async def test_what_the_engine_refuses_is_asked_as_it_came(shop, laptop, write_http, status):
    def answer(asked):
        changed = b"notebook" in asked.body
        return write_http({"error": "too many"}, status) if changed else write_http({"took": 7})

    proxy = await shop(answer)

    reply = await proxy.ask("/p/_search", laptop)

    assert reply.json == {"took": 7}
    assert reply.field("x-qrm-degraded") == "pipeline=refused"
    assert proxy.engine.asked[1].json == laptop


async def test_the_engines_own_refusal_comes_back_unchanged(shop, laptop, write_http):
    refusal = b'{ "error":\n"no" }'
    proxy = await shop(write_http(refusal, "400 Bad Request"))

    reply = await proxy.ask("/p/_search", laptop)

    assert (reply.status, reply.body) == (400, refusal)


@pytest.mark.parametrize("status", ["404 Not Found", "401 Unauthorized", "429 Slow", "503 Busy"])
async def test_errors_that_no_body_can_mend_are_not_asked_twice(shop, laptop, write_http, status):
    proxy = await shop(write_http({"error": "no"}, status, www_authenticate='Basic realm="es"'))

    reply = await proxy.ask("/p/_search?pretty", laptop)

    assert reply.status == int(status.split()[0])
    assert reply.body == b'{\n  "error": "no"\n}\n'
    assert reply.field("www-authenticate") == 'Basic realm="es"'
    assert len(proxy.engine.asked) == 1


@pytest.mark.parametrize(
    "reply", [b"", b"[]", b"\xff\xfe", b'{"hits": 5}', b'{"hits": {"hits": [{"_score": []}]}}']
)
async def test_a_reply_that_makes_no_sense_is_the_clients_to_read(shop, laptop, write_http, reply):
    proxy = await shop(write_http(reply))

    answer = await proxy.ask("/p/_search", laptop)

    assert answer.status == 200
    assert answer.field("x-qrm-degraded") == "pipeline=error" or json.loads(reply)


class Broken:
    """A plugin whose answer breaks the pipeline itself."""

    class Settings(BaseModel):
        pass

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_rewrite(self, query):
        error = "boom"
        raise RuntimeError(error)


async def test_a_plugin_that_raises_costs_its_opinion_only(proxied, laptop):
    pipeline = {"timeout_ms": 500, "rewriters": [{"plugin": "broken"}, {"plugin": "synonyms"}]}
    proxy = await proxied(plugins={"broken": Broken}, pipelines={"default": pipeline})

    answer = await proxy.ask("/p/_search", laptop)

    assert texts(proxy.engine.asked[0]) == {"laptop", "notebook"}
    assert answer.field("x-qrm-degraded") == "broken=error"


async def test_a_plugin_that_is_late_is_not_waited_for(proxied, laptop):
    answered = threading.Event()

    class Slow(Broken):
        @hookimpl
        def qrm_rewrite(self, query):
            answered.wait(10)

    pipeline = {"timeout_ms": 2000, "rewriters": [{"plugin": "slow"}]}
    proxy = await proxied(plugins={"slow": Slow}, pipelines={"default": pipeline})

    began = time.perf_counter()
    answer = await proxy.ask("/p/_search", laptop, x_qrm_timeout_ms="20")
    took_s = time.perf_counter() - began
    answered.set()

    assert took_s < 5
    assert proxy.engine.asked[0].json == laptop
    assert answer.field("x-qrm-degraded") == "slow=timeout"


class Attentive(Broken):
    """Works until nobody waits any more."""

    begun, stopped = threading.Event(), threading.Event()

    @hookimpl
    def qrm_rewrite(self, query):
        self.begun.set()
        while patience().wanted():
            time.sleep(0.001)
        self.stopped.set()


async def test_a_plugin_learns_that_the_client_has_gone(proxied, laptop):
    pipeline = {"timeout_ms": 60_000, "rewriters": [{"plugin": "attentive"}]}
    proxy = await proxied(plugins={"attentive": Attentive}, pipelines={"default": pipeline})

    asking = asyncio.create_task(proxy.ask("/p/_search", laptop))
    await asyncio.to_thread(Attentive.begun.wait, 5)
    asking.cancel()

    assert await asyncio.to_thread(Attentive.stopped.wait, 5)
    assert proxy.engine.asked == []


class Full(Broken):
    @hookimpl
    def qrm_rewrite(self, query):
        error = "2048 rows are waiting"
        raise OverloadError(error)


async def test_a_plugin_without_room_is_skipped_and_counted_and_not_switched_off(proxied, laptop):
    pipeline = {"timeout_ms": 500, "rewriters": [{"plugin": "full"}]}
    proxy = await proxied(
        plugins={"full": Full}, pipelines={"default": pipeline}, limits={"breaker_failures": 1}
    )

    answers = [await proxy.ask("/p/_search", laptop) for _ in range(3)]

    assert [answer.field("x-qrm-degraded") for answer in answers] == ["full=saturated"] * 3
    counted = proxy.service.metrics.render().decode()
    (line,) = re.findall(r'qrm_plugin_calls_total\{.*plugin="full".*', counted)
    assert 'outcome="saturated"' in line
    assert line.endswith(" 3.0")


async def test_a_plugin_whose_failure_counts_fails_the_search(proxied, laptop):
    slot = {"plugin": "broken", "ignore_failure": False}
    proxy = await proxied(plugins={"broken": Broken}, pipelines={"default": {"rewriters": [slot]}})

    answer = await proxy.ask("/p/_search", laptop)

    assert answer.status == 500
    assert answer.json["error"]["type"] == "qrm_plugin_exception"
    assert "Traceback" not in answer.body.decode()


async def test_a_count_is_widened_as_the_search_is(shop, laptop, write_http):
    proxy = await shop(write_http(b'{"count": 3}'))

    answer = await proxy.ask("/p/_count", laptop)

    assert answer.body == b'{"count": 3}'
    assert answer.field("x-qrm-applied") == "rewrite"
    assert b"notebook" in proxy.engine.asked[0].body


async def test_counts_can_be_left_alone(proxied, one_synonym, laptop):
    pipeline = {**one_synonym["default"], "rewrite_count": False}
    proxy = await proxied(pipelines={"default": pipeline})

    await proxy.ask("/p/_count", laptop)

    assert proxy.engine.asked[0].json == laptop


@pytest.mark.parametrize("target", ["/p/_search?scroll=1m", "/p/_async_search"])
async def test_searches_with_later_pages_are_widened_and_their_replies_kept(
    shop, laptop, write_http, target
):
    reply = b'{ "_scroll_id": "x", "hits": {"hits": []}}'
    proxy = await shop(write_http(reply))

    answer = await proxy.ask(target, laptop)

    assert answer.body == reply
    assert proxy.engine.asked[0].target == target
    assert b"notebook" in proxy.engine.asked[0].body
    assert b"_name" not in proxy.engine.asked[0].body


async def test_a_template_is_rendered_by_the_engine_and_widened(
    shop, laptop, reply_with, write_http
):
    def answer(asked):
        rendered = asked.target == "/_render/template"
        return write_http({"template_output": laptop} if rendered else reply_with("acme laptop"))

    proxy = await shop(answer)
    template = {"id": "t", "params": {"q": "laptop"}}

    reply = await proxy.ask("/p/_search/template", {**template, "ext": {"qrm": {"debug": True}}})

    assert proxy.engine.asked[0].json == template
    assert proxy.engine.asked[1].target == "/p/_search"
    assert texts(proxy.engine.asked[1]) == {"laptop", "notebook"}
    assert reply.json["ext"]["qrm"]["outcome"] == "handled"


async def test_a_template_that_cannot_be_rendered_is_the_engines_to_refuse(shop, write_http):
    refusal = b'{"error": "no template"}'
    proxy = await shop(write_http(refusal, "404 Not Found"))

    reply = await proxy.ask("/p/_search/template", {"id": "none"})

    assert proxy.engine.asked[1].target == "/p/_search/template"
    assert (reply.status, reply.body) == (404, refusal)


async def test_warnings_and_ids_of_the_engine_come_back_with_a_changed_search(
    shop, laptop, write_http, reply_with
):
    reply = write_http(reply_with("acme laptop"), x_elastic_product="Elasticsearch")
    more = b'HTTP/1.1 200 OK\r\nX-Opaque-Id: me\r\nWarning: 299 "a"\r\nwarning: 299 "b"\r\n'
    proxy = await shop(reply.replace(b"HTTP/1.1 200 OK\r\n", more))

    answer = await proxy.ask("/p/_search", laptop, x_opaque_id="me")

    assert answer.field("x-qrm-applied") == "rewrite"
    assert [value for name, value in answer.fields if name == "warning"] == ['299 "a"', '299 "b"']
    assert answer.field("x-opaque-id") == "me"
    assert answer.field("x-elastic-product") == "Elasticsearch"
    assert proxy.engine.asked[0].field("x-opaque-id") == "me"


async def test_a_template_that_renders_to_a_key_said_twice_is_the_engines_to_refuse(
    shop, write_http
):
    output = b'{"template_output": {"query": {"match": {"title": "laptop"}}, "query": {}}}'
    refusal = b'{"error": "said twice"}'

    def answer(asked):
        rendered = asked.target == "/_render/template"
        return write_http(output) if rendered else write_http(refusal, "400 Bad Request")

    proxy = await shop(answer)

    reply = await proxy.ask("/p/_search/template", {"id": "t"})

    assert proxy.engine.asked[1].target == "/p/_search/template"
    assert (reply.status, reply.body) == (400, refusal)


async def test_an_index_that_no_pipeline_serves_is_left_alone(proxied, one_synonym, laptop):
    pipeline = {**one_synonym["default"], "index": "products*"}
    proxy = await proxied(pipelines={"default": pipeline})

    answer = await proxy.ask("/logs/_search", laptop)

    assert proxy.engine.asked[0].json == laptop
    assert answer.field("x-qrm-pipeline") is None


class Critic:
    """Flags everything, and says why."""

    asked = 0

    class Settings(BaseModel):
        """No options."""

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_filter(self, hits):
        return [False] * len(hits)

    @hookimpl
    def qrm_explain(self, query, hits):
        Critic.asked += 1
        return [f"{hit.source['title']} is no {query.text}" for hit in hits]


async def test_a_hit_is_explained_to_who_asks_for_debug_output(proxied, laptop):
    filters = [{"plugin": "critic", "action": "demote"}]
    pipelines = {"default": {"filters": filters, "timeout_ms": 5_000}}
    proxy = await proxied(plugins={"critic": Critic}, pipelines=pipelines)

    await proxy.ask("/p/_search", laptop)
    asked_without = Critic.asked
    answer = await proxy.ask("/p/_search?qrm_debug", laptop)

    assert (asked_without, Critic.asked) == (0, 1)
    (hit,) = answer.json["hits"]["hits"]
    assert hit["_qrm"]["flagged_by"] == ["critic"]
    assert hit["_qrm"]["explanations"] == {"critic": "acme laptop is no laptop"}
    assert "explain;dur=" in answer.field("server-timing")
    metrics = proxy.service.metrics.render().decode()
    assert 'hook="qrm_explain",outcome="success",pipeline="default",plugin="critic"' in metrics
