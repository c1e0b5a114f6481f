"""The searches that are sent: what a shop's search box sends, query by query."""

from collections.abc import Iterable, Sequence

import msgspec

QUERIES = (
    "toner cartridge",
    "laptop",
    "usb c charger",
    "black ink",
    "wireless headset",
    "notebook 15 inch",
    "hdmi cable 2m",
    "gaming monitor",
    "ssd 1tb",
    "bluetooth speaker",
    "phone case",
    "mechanical keyboard",
    "printer",
    "webcam hd",
    "docking station",
    "tablet stylus",
    "router",
    "memory card 64gb",
    "laser mouse",
    "projector lamp",
)
"""Made up for the constant upstream, whose answer does not depend on them."""

FIELDS = ("title^3", "brand^2", "description")


def search_body(query: str) -> bytes:
    """Write the body of a shop's search for this query: first page, facets, highlights off."""
    body = {
        "query": {
            "bool": {
                "must": [
                    {
                        "multi_match": {
                            "query": query,
                            "fields": list(FIELDS),
                            "type": "cross_fields",
                            "operator": "and",
                        }
                    }
                ]
            }
        },
        "aggs": {"brands": {"terms": {"field": "brand.keyword", "size": 10}}},
        "from": 0,
        "size": 10,
        "track_total_hits": True,
    }
    return msgspec.json.encode(body)


def search_requests(queries: Iterable[str], *, index: str) -> tuple[bytes, ...]:
    """Write whole HTTP requests, one a query."""
    return tuple(_request(f"/{index}/_search", search_body(query)) for query in queries)


def _request(target: str, body: bytes) -> bytes:
    head = (
        f"POST {target} HTTP/1.1\r\n"
        "host: qrm-bench\r\n"
        "accept: application/json\r\n"
        "content-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def rules_text(queries: Sequence[str]) -> str:
    """Write a ``rules.txt`` with a synonym for a word of every query, and a boost."""
    words = dict.fromkeys(query.split()[0].lower() for query in queries)
    others = [*words][1:] + [*words][:1]
    return "\n".join(
        f"{word} =>\n  SYNONYM(0.5): {other}\n  UP(2): {other}\n"
        for word, other in zip(words, others, strict=True)
    )


def rewrites_text(queries: Sequence[str]) -> str:
    """Write two rewrites a query as tab-separated lines: query, rewrite, score."""
    others = [*queries[1:], *queries[:1]]
    return "".join(
        f"{query}\t{query} {other.split()[0]}\t0.9\n{query}\t{other}\t0.6\n"
        for query, other in zip(queries, others, strict=True)
    )
