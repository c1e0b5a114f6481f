"""Passes a request on as it came, and its reply back as it comes."""

from collections.abc import AsyncIterator

from qrmiddleware.proxy.client import ClientReply, ClientRequest
from qrmiddleware.upstream.exchange import Headers, Upstream, UpstreamRequest


async def relay(
    upstream: Upstream,
    request: ClientRequest,
    reply: ClientReply,
    *,
    head: bytes = b"",
    headers: Headers = (),
) -> None:
    """Pass a request on and its reply back, in bounded memory.

    Args:
        upstream: Who answers.
        request: Of the client.
        reply: To the client.
        head: What has been read of the body so far.
        headers: To add to the reply.
    """
    content: bytes | AsyncIterator[bytes]
    if head or request.may_be_large:
        content = _rest(head, request)
    else:
        content = b"".join([chunk async for chunk in request.chunks()])
    await ask_and_answer(upstream, request.as_it_came(content), reply, headers)


async def ask_and_answer(
    upstream: Upstream, request: UpstreamRequest, reply: ClientReply, headers: Headers = ()
) -> None:
    """Make one trip, and pass the reply back as it comes, with some headers added."""
    answer = await upstream.send(request)
    try:
        await reply.start(answer.status, [*answer.headers, *headers])
        async for chunk in answer.chunks():
            await reply.write(chunk)
        await reply.finish()
    finally:
        await answer.close()


async def _rest(head: bytes, request: ClientRequest) -> AsyncIterator[bytes]:
    if head:
        yield head
    async for chunk in request.chunks():
        yield chunk
