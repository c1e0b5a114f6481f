"""Passes a request on as it came, and its reply back as it comes."""

from collections.abc import AsyncIterator

from qrmiddleware.proxy.client import ClientReply, ClientRequest
from qrmiddleware.upstream.exchange import Headers, Upstream, UpstreamRequest


async def relay(
    upstream: Upstream,
    request: ClientRequest,
    reply: ClientReply,
    *,
    body: bytes | None = None,
    head: bytes = b"",
    headers: Headers = (),
) -> None:
    """Pass a request on and its reply back, in bounded memory.

    Args:
        upstream: Who answers.
        request: Of the client.
        reply: To the client.
        body: The body, if it has been read.
        head: What has been read of the body so far, if not all of it.
        headers: To add to the reply.
    """
    content: bytes | AsyncIterator[bytes] | None = body
    if body is None and not head and not request.may_be_large:
        content = b"".join([chunk async for chunk in request.chunks()])
    elif body is None:
        content = _rest(head, request)
    answer = await upstream.send(
        UpstreamRequest(
            request.method,
            request.forwarded_target,
            request.forwarded_headers(),
            content or None,
        )
    )
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
