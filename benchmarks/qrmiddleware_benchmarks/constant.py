"""A constant upstream: answers every request with the same search reply, at once.

Run it as ``python -m qrmiddleware_benchmarks.constant PORT SIZE_BYTES``.
"""

import asyncio
import sys
from typing import cast

import httptools
import msgspec
import uvloop

_BACKLOG = 1024
"""More than any load generator opens at once; who has to wait here waits for a second."""
_WORDS = ("toner", "cartridge", "notebook", "cable", "charger", "black", "silver", "original")


def search_reply(size_bytes: int) -> bytes:
    """Write a search reply of exactly this size: ten hits, or as many as fit.

    Raises:
        ValueError: If the size is too small for one hit.
    """
    for count in range(10, 0, -1):
        bare = len(_reply([""] * count))
        spare, extra = divmod(size_bytes - bare, count)
        if spare >= len(_WORDS[0]):
            return _reply([_text(spare + (extra if n == 0 else 0), n) for n in range(count)])
    message = f"{size_bytes} bytes are too few for one hit"
    raise ValueError(message)


def _reply(texts: list[str]) -> bytes:
    hits = [
        {
            "_index": "products",
            "_id": f"{1000 + number}",
            "_score": 20.0 - number,
            "_source": {"id": f"{1000 + number}", "title": text},
        }
        for number, text in enumerate(texts)
    ]
    return msgspec.json.encode(
        {
            "took": 1,
            "timed_out": False,
            "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
            "hits": {
                "total": {"value": 10_000, "relation": "gte"},
                "max_score": 20.0,
                "hits": hits,
            },
        }
    )


def _text(size: int, first: int) -> str:
    words = (_WORDS[number % len(_WORDS)] for number in range(first, first + size))
    return " ".join(words)[:size]


class _Answering(asyncio.Protocol):
    def __init__(self, reply: bytes) -> None:
        self._reply = reply
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._transport is not None:
            self._transport.write(self._reply)


async def _serve(port: int, body: bytes) -> None:
    head = (
        b"HTTP/1.1 200 OK\r\nX-elastic-product: Elasticsearch\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    )
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Answering(head + body), "127.0.0.1", port, backlog=_BACKLOG
    )
    await server.serve_forever()


def main() -> None:
    """Serve until ended."""
    port, size_bytes = map(int, sys.argv[1:])
    uvloop.run(_serve(port, search_reply(size_bytes)))


if __name__ == "__main__":
    main()
