"""The searches that are sent: what a shop's search box sends, query by query."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

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

_PLACE: Final = "{{query}}"
_SYLLABLES: Final = ("ba", "ce", "di", "fo", "gu", "ha", "ke", "li", "mo", "nu")

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


def new_queries(count: int) -> tuple[str, ...]:
    """Make up queries that all differ: one of ``QUERIES`` and a word that nothing else has."""
    return tuple(f"{QUERIES[number % len(QUERIES)]} {_word(number)}" for number in range(count))


def _word(number: int) -> str:
    return "".join(_SYLLABLES[int(digit)] for digit in f"{number:05d}")


def body_from(template: str) -> Callable[[str], bytes]:
    """Return what writes search bodies from a template of your own.

    Args:
        template: JSON in which ``{{query}}``, within a text or as all of it, stands for the query.

    Raises:
        ValueError: If it is no JSON, or the query stands nowhere in it.
    """
    try:
        msgspec.json.decode(template)
    except msgspec.DecodeError as error:
        message = f"no JSON: {error}"
        raise ValueError(message) from error
    if _PLACE not in template:
        message = f"{_PLACE} stands nowhere in it"
        raise ValueError(message)

    def body(query: str) -> bytes:
        quoted = msgspec.json.encode(query)[1:-1].decode()
        return template.replace(_PLACE, quoted).encode()

    return body


def search_request(
    target: str, body: bytes, *, headers: Mapping[str, str] = MappingProxyType({})
) -> bytes:
    """Write a whole HTTP request.

    Args:
        target: Path and parameters.
        body: JSON.
        headers: Beside those that say what the body is.
    """
    lines = {
        "host": "qrm-bench",
        "accept": "application/json",
        "content-type": "application/json",
        **{name.lower(): value for name, value in headers.items()},
        "content-length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target} HTTP/1.1\r\n{head}\r\n".encode() + body


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
