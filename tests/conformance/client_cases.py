"""What a program asks by elasticsearch-py: one function a case, which makes calls and returns.

Every answer to every call is recorded and compared; so a case holds no assertions. Cases that
read find the index ``shop`` filled; cases that write begin with an empty cluster.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from elasticsearch import Elasticsearch, helpers

Call: TypeAlias = Callable[[Elasticsearch], object]
SHOP: Final = "shop"
KINDS: Final = ("red running shoes", "blue shoes", "laptop sleeve", "gaming laptop", "usb cable")
MAPPINGS: Final[dict[str, Any]] = {
    "properties": {
        "title": {"type": "text", "fields": {"raw": {"type": "keyword"}}, "term_vector": "yes"},
        "text": {"type": "text"},
        "brand": {"type": "keyword"},
        "code": {"type": "keyword", "store": True},
        "price": {"type": "integer"},
        "added": {"type": "date"},
        "vector": {"type": "dense_vector", "dims": 3, "similarity": "cosine"},
        "reviews": {
            "type": "nested",
            "properties": {"text": {"type": "text"}, "stars": {"type": "integer"}},
        },
    }
}
SETTINGS: Final = {"number_of_shards": 1, "number_of_replicas": 0}


@dataclass(frozen=True, slots=True)
class ClientCase:
    """One case.

    Attributes:
        name: Of its function.
        group: Of the APIs that it calls.
        call: The function.
        writes: Whether it needs an empty cluster.
        shape: Whether its answers hold measurements, so that only their shape is compared.
    """

    name: str
    group: str
    call: Call
    writes: bool = False
    shape: bool = False


def products() -> Iterator[dict[str, Any]]:
    """Thirty products, always the same."""
    for number in range(30):
        kind = KINDS[number % len(KINDS)]
        yield {
            "title": f"{kind} {number}",
            "text": f"{kind} of {('acme', 'globex')[number % 2]} " + "soft " * (number % 4),
            "brand": ("acme", "globex", "initech")[number % 3],
            "code": f"A-{number:03}",
            "price": 5 + number * 13 % 70,
            "added": f"2025-{number % 12 + 1:02}-05",
            "vector": [1.0, number / 30, number % 7 / 7],
            "reviews": [{"text": f"nice {kind}", "stars": number % 5 + 1}] * (number % 3),
        }


def fill(client: Elasticsearch) -> None:
    """Make the shop."""
    client.indices.create(index=SHOP, mappings=MAPPINGS, settings=SETTINGS)
    actions = ({"_id": str(number), **each} for number, each in enumerate(products()))
    helpers.bulk(client, actions, index=SHOP)
    client.indices.forcemerge(index=SHOP, max_num_segments=1)
    client.indices.refresh(index=SHOP)


def lenient(client: Elasticsearch) -> Elasticsearch:
    """Return the client for calls whose errors are the answer."""
    return client.options(ignore_status=(400, 403, 404, 405, 406, 409, 410, 429, 500, 501))


CASES: Final[list[ClientCase]] = []
"""All of them, in the order in which they stand."""


def case(group: str, *, writes: bool = False, shape: bool = False) -> Callable[[Call], Call]:
    """Take a function among the cases."""

    def take(call: Call) -> Call:
        CASES.append(ClientCase(call.__name__, group, call, writes, shape))
        return call

    return take
