"""Bodies that are large, compressed, cut short, or not what they say."""

import gzip
import json
import zlib

import pytest

LIMIT = 2_000


@pytest.fixture
def shop(proxied, one_synonym):
    async def start(answer=None):
        return await proxied(answer, pipelines=one_synonym, limits={"max_body_bytes": LIMIT})

    return start


def padded(size: int) -> bytes:
    text = '{"query":{"match":{"title":"laptop"}}}'
    return (text + " " * (size - len(text))).encode()


async def test_a_body_up_to_the_limit_is_read(shop):
    proxy = await shop()

    answer = await proxy.ask("/p/_search", padded(LIMIT))

    assert answer.field("x-qrm-applied") == "rewrite"


@pytest.mark.parametrize("size", [LIMIT + 1, 200_000])
async def test_a_body_above_the_limit_passes_unread_to_the_byte(shop, size):
    proxy = await shop()

    answer = await proxy.ask("/p/_search", padded(size))

    assert proxy.engine.asked[0].body == padded(size)
    assert proxy.engine.asked[0].field("content-length") == str(size)
    assert answer.field("x-qrm-degraded") == "pipeline=body_too_large"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        pytest.param(gzip.compress(b" " * 1_000_000), "gzip", id="bomb"),
        pytest.param(gzip.compress(padded(100))[:-9], "gzip", id="cut"),
        pytest.param(gzip.compress(padded(50)) + gzip.compress(b" "), "gzip", id="two parts"),
        pytest.param(gzip.compress(padded(50)) + b"junk", "gzip", id="junk"),
        pytest.param(padded(100), "gzip", id="not compressed"),
        pytest.param(zlib.compress(padded(100)), "deflate", id="deflate"),
        pytest.param(b"\x28\xb5\x2f\xfd", "zstd", id="zstd"),
        pytest.param(gzip.compress(padded(100)), "gzip, gzip", id="twice"),
        pytest.param(b"", "gzip", id="empty"),
    ],
)
async def test_what_cannot_be_decompressed_passes_as_it_came(shop, body, encoding):
    proxy = await shop()

    answer = await proxy.ask("/p/_search", body, content_encoding=encoding)

    assert answer.status == 200
    assert proxy.engine.asked[0].body == body
    assert proxy.engine.asked[0].field("content-encoding") == encoding


@pytest.mark.parametrize(
    "body",
    [
        b'{"query": ',
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"query": {"match": {"title": "\xff"}}}',
        b'{"query": {"match": {"title": "\\ud800 laptop"}}}',
        b'{"ext": 5}',
        b'{"ext": {"qrm": {"debug": }}}',
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"query":' + b'{"bool":{"must":' * 120 + b"[]" + b"}}" * 120 + b"}",
        b'{"query": {"match": {"title": "laptop"}}, "size": -1}',
        b'{"query": {"match": {"title": "laptop"}}, "size": "ten"}',
        b'{"query": {"match": {"title": "laptop"}}, "from": 1e999}',
        b'{"query": {"match": {"title": "laptop"}}, "query": {"match_all": {}}}',
        b'{"query": {"match": {"title": "laptop"}}, "size": 1, "size": 1}',
        b'{"query": {"match": {"title": "laptop", "title": "laptop"}}}',
        b'{"query": {"bool": {"must": [{"match": {"title": "laptop"}}], "must": []}}}',
        b'{"query": {"match": {"title": "laptop"}}, "ext": {"qrm": {}, "qrm": {}}}',
        b'{"query": {"match": {"title": ""}}}',
        b'{"query": {"match": {"title": "  "}}}',
        b'{"query": {"match": {"title": "' + b"laptop " * 200 + b'"}}}',
    ],
)
async def test_what_makes_no_sense_is_the_engines_to_refuse(shop, write_http, body):
    refusal = b'{"error": "the engine\'s own"}'
    proxy = await shop(write_http(refusal, "400 Bad Request"))

    answer = await proxy.ask("/p/_search", body)

    assert proxy.engine.asked[0].body == body
    assert (answer.status, answer.body) == (400, refusal)
    assert len(proxy.engine.asked) == 1


@pytest.mark.parametrize("target", ["/p/_search", "/p/_count", "/p/_msearch"])
async def test_a_body_without_a_content_type_is_the_engines_to_refuse(shop, write_http, target):
    refusal = b'{"error": "Content-Type header [] is not supported"}'
    proxy = await shop(write_http(refusal, "406 Not Acceptable"))
    body = b"{}\n" + padded(50) + b"\n" if target == "/p/_msearch" else padded(50)
    head = f"POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()

    answer = await proxy.send(head + body)

    assert proxy.engine.asked[0].body == body
    assert proxy.engine.asked[0].field("content-type") is None
    assert (answer.status, answer.body) == (406, refusal)


@pytest.mark.parametrize("text", ["ноутбук laptop", "笔记本 laptop", "💻 laptop", "حاسوب laptop"])
async def test_texts_of_all_scripts_arrive(shop, text):
    proxy = await shop()

    await proxy.ask("/p/_search", {"query": {"match": {"title": text}}})

    queries = proxy.engine.asked[0].json["query"]["dis_max"]["queries"]
    assert queries[0]["bool"]["must"][0]["match"]["title"] == text


async def test_absurd_pages_are_the_engines_to_refuse(shop, write_http, reply_with):
    def answer(asked):
        if asked.json.get("size", 0) > 10_000:
            return write_http({"error": "window"}, "400 Bad Request")
        return write_http(reply_with())

    proxy = await shop(answer)
    body = {"query": {"match": {"title": "laptop"}}, "from": 10**12, "size": 10**15}

    reply = await proxy.ask("/p/_search", body)

    assert reply.status == 400
    assert reply.json == {"error": "window"}
    assert json.loads(proxy.engine.asked[-1].body) == body
