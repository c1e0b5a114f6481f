"""A client's request and reply, as ASGI tells of them."""

import gzip
import json

import pytest

from qrmiddleware.proxy.client import (
    ClientGoneError,
    ClientReply,
    ClientRequest,
    TooLargeError,
    compressed,
    error_body,
)


def request_of(*messages, query_string=b"", **headers) -> ClientRequest:
    incoming = iter(messages)
    scope = {
        "method": "POST",
        "path": "/p/_search",
        "query_string": query_string,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }

    async def receive():
        return next(incoming)

    return ClientRequest(scope, receive)


def part(body: bytes, *, more: bool = False):
    return {"type": "http.request", "body": body, "more_body": more}


async def test_a_body_is_put_together():
    assert await request_of(part(b"ab", more=True), part(b"c")).body(3) == b"abc"


async def test_a_body_that_is_too_large_is_given_up_with_what_was_read():
    request = request_of(part(b"ab", more=True), part(b"cd", more=True), part(b"e"))

    with pytest.raises(TooLargeError) as caught:
        await request.body(3)

    assert caught.value.head == b"abcd"
    assert [chunk async for chunk in request.chunks()] == [b"e"]


async def test_a_client_that_goes_while_it_sends_is_gone():
    request = request_of(part(b"ab", more=True), {"type": "http.disconnect"})

    with pytest.raises(ClientGoneError):
        await request.body(100)


@pytest.mark.parametrize(
    ("headers", "large"),
    [
        ({}, False),
        ({"content_length": "100"}, False),
        ({"content_length": "100000"}, True),
        ({"transfer_encoding": "chunked"}, True),
        ({"content_length": "lots"}, False),
    ],
)
def test_large_bodies_are_streamed(headers, large):
    assert request_of(**headers).may_be_large is large


@pytest.mark.parametrize(
    ("accepted", "takes_gzip"),
    [
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0, br", False),
        ("gzip ; q=0.0", False),
        ("identity", False),
        ("", False),
    ],
)
def test_gzip_is_for_those_who_accept_it(accepted, takes_gzip):
    request = request_of(accept_encoding=accepted)

    body, headers = compressed(b"x" * 2_000, request)

    assert (gzip.decompress(body) if takes_gzip else body) == b"x" * 2_000
    assert bool(headers) is takes_gzip


def test_short_replies_are_not_worth_compressing():
    assert compressed(b"{}", request_of(accept_encoding="gzip")) == (b"{}", [])


async def test_errors_are_written_as_elasticsearch_writes_them():
    sent = []

    async def send(message):
        sent.append(message)

    await ClientReply(send).send_error(400, "x_exception", 'no "y"')

    assert sent[0]["status"] == 400
    assert (b"content-type", b"application/json") in sent[0]["headers"]
    assert sent[1]["body"] == error_body(400, "x_exception", 'no "y"')
    assert sent[1]["body"] == (
        b'{"error":{"root_cause":[{"type":"x_exception","reason":"no \\"y\\""}],'
        b'"type":"x_exception","reason":"no \\"y\\""},"status":400}'
    )


def test_an_exchanged_body_leaves_without_what_described_the_old_one():
    request = request_of(
        query_string=b"source=%7B%7D&source_content_type=x&size=1&qrm_debug",
        content_encoding="gzip",
        authorization="a",
    )

    asked = request.with_body(b"{}")

    assert asked.target == "/p/_search?size=1"
    assert asked.headers == [("authorization", "a"), ("content-type", "application/json")]


def test_an_error_says_what_no_encoding_can():
    assert json.loads(error_body(404, "not_found", "no [\ud800]"))["error"]["reason"] == "no [?]"
