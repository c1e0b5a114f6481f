"""Puts the demo's products into an engine, through HTTP as any client would."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, cast

import aiohttp
import msgspec

from qrmiddleware.demo.catalogue import Product
from qrmiddleware.errors import UpstreamError

INDEX: Final = "qrm-demo"
BATCH: Final = 500
PLACEHOLDER: Final = "%QUERY%"
PLAIN: Final = "_none"
UNRANKED: Final = "unranked"
"""Names of pipelines: of none, and of the one that does not rerank."""
PATIENCE_MS: Final = 10_000
ANALYZERS: Final = ("english", "standard")
"""Best first: a bare Elasticsearch may lack all but the standard one."""

SEARCH: Final[Mapping[str, Any]] = {
    "query": {
        "multi_match": {
            "query": PLACEHOLDER,
            "type": "cross_fields",
            "fields": [
                "title^3",
                "category^2",
                "brand^2",
                "details^2",
                "identifiers",
                "description",
            ],
        }
    },
}
"""What the shop's search box sends."""


class Shop:
    """The demo's index behind one URL.

    Args:
        session: Its base URL is the proxy's.
    """

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def engine(self) -> str:
        """Name the engine and its version, as far as it tells."""
        async with self._session.get("/") as reply:
            told = await reply.read()
        try:
            version = msgspec.json.decode(told)["version"]
            return f"{version.get('distribution', 'Elasticsearch')} {version['number']}"
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            return "the engine"

    async def exists(self) -> bool:
        """Tell whether the index is there already."""
        async with self._session.head(f"/{INDEX}") as reply:
            return reply.status == HTTPStatus.OK

    async def delete(self) -> None:
        """Delete the index."""
        await self._call("DELETE", f"/{INDEX}")

    async def create(self) -> str:
        """Create the index; returns the analyzer that the engine has."""
        refusal: UpstreamError | None = None
        for analyzer in ANALYZERS:
            try:
                await self._call("PUT", f"/{INDEX}", _encode(index_body(analyzer)))
            except UpstreamError as error:
                refusal = refusal or error
            else:
                return analyzer
        raise cast("UpstreamError", refusal)

    async def fill(self, products: Sequence[Product], tick: Callable[[int], object]) -> None:
        """Index the products; ``tick`` is told how many more are in."""
        for count, body in bulk_bodies(products):
            reply = await self._call("POST", f"/{INDEX}/_bulk", body, ndjson=True)
            if reply["errors"]:
                item = next(i["index"] for i in reply["items"] if "error" in i["index"])
                message = f"the engine refused product {item['_id']}: {item['error']['reason']}"
                raise UpstreamError(message)
            tick(count)
        await self._call("POST", f"/{INDEX}/_refresh")

    async def search(self, text: str, *, size: int, pipeline: str = "") -> dict[str, Any]:
        """Search once, through the shop's own pipeline or the one that is named."""
        body = _encode(search_body(text) | {"size": size})
        named = f"?qrm_pipeline={pipeline}" if pipeline else ""
        return await self._call("POST", f"/{INDEX}/_search{named}", body)

    async def rankings(
        self, texts: Sequence[str], *, size: int, pipeline: str = ""
    ) -> list[tuple[str, ...]]:
        """Search for many texts in one ``_msearch``; returns each one's doc_ids, best first.

        Plugins get all the time they want: this is for measuring quality, not speed.
        """
        lines: list[dict[str, Any]] = []
        for text in texts:
            lines += [{}, search_body(text) | {"size": size, "_source": False}]
        body = b"".join(_encode(line) + b"\n" for line in lines)
        named = f"&qrm_pipeline={pipeline}" if pipeline else ""
        path = f"/{INDEX}/_msearch?qrm_timeout_ms={PATIENCE_MS}{named}"
        reply = await self._call("POST", path, body, ndjson=True)
        for text, answer in zip(texts, reply["responses"], strict=True):
            if "error" in answer:
                message = f"the search for {text!r} failed: {answer['error']['reason']}"
                raise UpstreamError(message)
        return [tuple(h["_id"] for h in r["hits"]["hits"]) for r in reply["responses"]]

    async def _call(
        self, method: str, path: str, body: bytes | None = None, *, ndjson: bool = False
    ) -> dict[str, Any]:
        kind = "application/x-ndjson" if ndjson else "application/json"
        headers = {"content-type": kind} if body is not None else {}
        async with self._session.request(method, path, data=body, headers=headers) as reply:
            answer = await reply.read()
        if reply.status >= HTTPStatus.BAD_REQUEST:
            message = f"{method} {path} was answered with {reply.status}: {_reason(answer)}"
            raise UpstreamError(message)
        return cast("dict[str, Any]", msgspec.json.decode(answer))


def index_body(analyzer: str) -> dict[str, Any]:
    """Return settings and mappings of the index."""
    text = {"type": "text", "analyzer": analyzer}
    plain = {"type": "text", "analyzer": "standard"}
    return {
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {
            "properties": {
                "title": text,
                "category": text,
                "description": text,
                "details": text,
                "brand": text,
                "identifiers": plain,
                "department": {"type": "keyword"},
                "category_id": {"type": "keyword"},
                "price": {"type": "float"},
                "rating": {"type": "float"},
                "reviews": {"type": "integer"},
            }
        },
    }


def search_body(text: str) -> dict[str, Any]:
    """Return ``SEARCH`` with the user's text in it."""
    body = copy.deepcopy(dict(SEARCH))
    body["query"]["multi_match"]["query"] = text
    return body


def bulk_bodies(products: Sequence[Product]) -> Iterator[tuple[int, bytes]]:
    """Yield ``_bulk`` bodies, each with its number of products."""
    for start in range(0, len(products), BATCH):
        batch = products[start : start + BATCH]
        lines = (
            _encode(line)
            for product in batch
            for line in ({"index": {"_id": product.product_id}}, product.document())
        )
        yield len(batch), b"\n".join(lines) + b"\n"


def _encode(value: object) -> bytes:
    return msgspec.json.encode(value)


def _reason(answer: bytes) -> str:
    try:
        error = msgspec.json.decode(answer)["error"]
        return str(error["reason"] if isinstance(error, dict) else error)
    except (msgspec.DecodeError, KeyError, TypeError):
        return answer[:300].decode(errors="replace") or "no reason given"
