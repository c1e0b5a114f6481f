"""What answers at the far end: a constant server, or Elasticsearch with a catalogue."""

import gzip
import http.client
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from qrmiddleware_benchmarks.engines import running
from qrmiddleware_benchmarks.processes import ProcessError, listening

INDEX = "products"
_FIELDS = ("title", "brand", "description")
_BATCH = 1_000


@contextmanager
def constant_upstream(port: int, size_bytes: int) -> Iterator[str]:
    """Answer every request on this port with the same search reply; yield its description."""
    command = (sys.executable, "-m", "qrmiddleware_benchmarks.constant", str(port), str(size_bytes))
    with listening(command, port):
        yield f"constant answer of {size_bytes / 1_000:g} KB"


@contextmanager
def elasticsearch(port: int, catalogue: Path) -> Iterator[str]:
    """Run Elasticsearch on this port with this catalogue; yield its description.

    Args:
        port: Where it answers.
        catalogue: Lines of JSON with ``id``, ``title``, ``brand`` and ``description``; may be
            compressed with gzip.

    Raises:
        ProcessError: If the catalogue could not be indexed.
    """
    with running("elasticsearch", port=port, heap_mb=1024):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        try:
            _index(connection, catalogue)
            nodes = _call(connection, "GET", "/_nodes/_local")["nodes"]
            (version,) = {node["version"] for node in nodes.values()}
            count = _call(connection, "GET", f"/{INDEX}/_count")["count"]
        finally:
            connection.close()
        yield f"Elasticsearch {version}, {count:,} products"


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Read lines of JSON, from a gzip file too."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            yield msgspec.json.decode(line)


def _index(connection: http.client.HTTPConnection, catalogue: Path) -> None:
    text = {"type": "text"}
    brand = {"type": "text", "fields": {"keyword": {"type": "keyword"}}}
    properties = {"title": text, "brand": brand, "description": text}
    settings = {"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": -1}
    body = {"settings": settings, "mappings": {"dynamic": False, "properties": properties}}
    _call(connection, "PUT", f"/{INDEX}", msgspec.json.encode(body))
    lines = read_lines(catalogue)
    while products := list(islice(lines, _BATCH)):
        answer = _call(connection, "POST", f"/{INDEX}/_bulk", _bulk(products))
        if answer["errors"]:
            message = f"Elasticsearch refused some of {catalogue.name}: {answer['items'][0]}"
            raise ProcessError(message)
    _call(connection, "POST", f"/{INDEX}/_refresh")
    _call(connection, "POST", f"/{INDEX}/_forcemerge?max_num_segments=1")


def _bulk(products: Iterable[dict[str, Any]]) -> bytes:
    lines = []
    for product in products:
        lines.append(msgspec.json.encode({"index": {"_id": str(product["id"])}}))
        lines.append(msgspec.json.encode({name: product.get(name) for name in _FIELDS}))
    return b"\n".join(lines) + b"\n"


def _call(
    connection: http.client.HTTPConnection, method: str, target: str, body: bytes | None = None
) -> Any:  # noqa: ANN401 - JSON
    kind = "application/x-ndjson" if target.endswith("_bulk") else "application/json"
    connection.request(method, target, body, {"content-type": kind} if body else {})
    reply = connection.getresponse()
    answer = reply.read()
    if reply.status >= HTTPStatus.BAD_REQUEST:
        message = f"{method} {target}: HTTP {reply.status}: {answer[:500].decode(errors='replace')}"
        raise ProcessError(message)
    return msgspec.json.decode(answer)
