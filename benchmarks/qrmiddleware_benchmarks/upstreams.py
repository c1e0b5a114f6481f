"""What answers at the far end: a constant server, or an engine with a catalogue."""

import gzip
import http.client
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from qrmiddleware_benchmarks.engines import running
from qrmiddleware_benchmarks.processes import Part, ProcessError, listening

HOST = "127.0.0.1"
INDEX = "products"
_FIELDS = ("title", "brand", "description")
_BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Upstream:
    """What answers at the far end.

    Attributes:
        description: For people.
        port: Where it listens on this machine.
        part: Its processes.
    """

    description: str
    port: int
    part: Part


@contextmanager
def constant_upstream(port: int, size_bytes: int) -> Iterator[Upstream]:
    """Answer every request on this port with the same search reply."""
    command = (sys.executable, "-m", "qrmiddleware_benchmarks.constant", str(port), str(size_bytes))
    with listening(command, port) as pid:
        description = f"constant answer of {size_bytes / 1_000:g} KB"
        yield Upstream(description, port, Part("upstream", (pid,)))


@contextmanager
def engine_upstream(name: str, port: int, catalogue: Path) -> Iterator[Upstream]:
    """Run a real engine on this port with this catalogue; it is fetched if need be.

    Args:
        name: ``elasticsearch`` or ``opensearch``.
        port: Where it answers, unless the environment lends an engine.
        catalogue: As for ``fill``.

    Raises:
        ProcessError: If the catalogue could not be indexed.
    """
    with running(name, port=port, heap_mb=1024) as engine:
        port = urlsplit(engine.url).port or port
        count = fill(port, catalogue)
        with closing(http.client.HTTPConnection(HOST, port, timeout=120)) as connection:
            _call(connection, "POST", f"/{INDEX}/_forcemerge?max_num_segments=1")
            nodes = _call(connection, "GET", "/_nodes/_local")["nodes"]
        (version,) = {node["version"] for node in nodes.values()}
        title = {"elasticsearch": "Elasticsearch", "opensearch": "OpenSearch"}[name]
        description = f"{title} {version}, {count:,} products"
        yield Upstream(description, port, Part("upstream", engine.pids()))


def fill(port: int, catalogue: Path) -> int:
    """Index a catalogue into the engine on this port of this machine.

    Args:
        port: Where the engine answers.
        catalogue: Lines of JSON with ``id``, ``title``, ``brand`` and ``description``; may be
            compressed with gzip.

    Returns:
        How many products there are.

    Raises:
        ProcessError: If the engine refused some.
    """
    with closing(http.client.HTTPConnection(HOST, port, timeout=120)) as connection:
        _index(connection, catalogue)
        return int(_call(connection, "GET", f"/{INDEX}/_count")["count"])


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
            message = f"the engine refused some of {catalogue.name}: {answer['items'][0]}"
            raise ProcessError(message)
    _call(connection, "POST", f"/{INDEX}/_refresh")


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
