"""HTTP as suites of searches never speak it: the same answer directly and through the proxy.

Every request goes over a socket of its own to the engine, to a proxy without pipelines, and to
one whose pipeline reads and writes every search and changes none.
"""

import gzip
import http.client
import json
import re
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import cbor2
import pytest
import tenacity

KEEPER = '''
"""A plugin that keeps every hit, so that every search and reply is read and written."""

from pydantic import BaseModel

from qrmiddleware.hooks import hookimpl


class Keeper:
    """Keeps every hit."""

    class Settings(BaseModel):
        """No options."""

    def __init__(self, settings):
        pass

    @hookimpl
    def qrm_filter(self, query, hits):
        return [True] * len(hits)
'''
JSON, NDJSON = b"application/json", b"application/x-ndjson"
LAPTOP = b'{"query": {"match": {"title": "laptop"}}, "sort": ["_score"]}'
SMILE_LAPTOP = (
    b":)\n\x00\xfa\x84query\xfa\x84match\xfa\x84title\x45laptop\xfb\xfb\xfb"  # {"query":{"match":…
)
UNICODE = "wire-é中"
CORPUS = Path(__file__).parents[1] / "unit" / "dsl" / "corpus"
SHOPS = ("elasticsuite", "magento_catalogsearch", "elasticpress_woocommerce", "searchkit_v4")


class Ask(NamedTuple):
    """One request; fields are written as they stand, framing is added unless it is there."""

    method: str
    target: str
    body: bytes = b""
    fields: tuple[bytes, ...] = ()

    def framed(self) -> bytes:
        fields = self.fields
        if self.body and not any(b"transfer-encoding" in each.lower() for each in fields):
            fields += (b"Content-Length: %d" % len(self.body),)
        lines = b"".join(each + b"\r\n" for each in fields)
        return f"{self.method} {self.target} HTTP/1.1\r\nHost: x\r\n".encode() + lines + b"\r\n"


@dataclass(frozen=True)
class Answer:
    """What came back; the body is decompressed."""

    status: int
    fields: dict[str, list[str]]
    body: bytes


@dataclass(frozen=True)
class Wire:
    """An engine, and the two proxies in front of it."""

    name: str
    direct: str
    off: str
    identity: str
    pids: dict[str, int]


@pytest.fixture(scope="module")
def keeper(tmp_path_factory):
    """Install the plugin for processes that are started from here on."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "keeper_plugin.py").write_text(KEEPER)
    information = folder / "keeper-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: keeper\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[qrmiddleware]\nkeeper = keeper_plugin:Keeper\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        yield


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
    ],
)
def wire(request, keeper, proxy, catalogue):
    url = request.getfixturevalue(request.param)
    pipeline = {"timeout_ms": 5_000, "filters": [{"plugin": "keeper"}]}
    off = proxy(url)
    identity = proxy(url, pipelines={"identity": pipeline})
    pids = {each.url: each.process.pid for each in (off, identity)}
    wire = Wire(request.param.removesuffix("_url"), url, off.url, identity.url, pids)
    names = ("wire", UNICODE, time.strftime("wire-%Y.%m.%d", time.gmtime()))
    one_shard = {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}
    for name in names:
        made = ask(url, put(f"/{quote(name)}", one_shard))
        assert made.status == 200, made.body
    lines = [
        json.dumps(line)
        for name in names
        for number, product in enumerate(catalogue[:20])
        for line in ({"index": {"_index": name, "_id": f"a/{number}"}}, product)
    ]
    body = "\n".join((*lines, "")).encode()
    filled = ask(url, Ask("POST", "/_bulk?refresh=true", body, (b"Content-Type: " + NDJSON,)))
    assert json.loads(filled.body)["errors"] is False
    yield wire
    ask(url, Ask("DELETE", "/" + ",".join(quote(name) for name in (*names, "written"))))


def put(target: str, body: Any) -> Ask:
    return Ask("PUT", target, json.dumps(body).encode(), (b"Content-Type: " + JSON,))


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read(connection: socket.socket, method: str) -> Answer:
    reply = http.client.HTTPResponse(connection, method=method)
    reply.begin()
    body = reply.read()
    fields: dict[str, list[str]] = {}
    for name, value in reply.getheaders():
        fields.setdefault(name.lower(), []).append(value)
    match fields.get("content-encoding"):
        case ["gzip"]:
            body = gzip.decompress(body)
        case ["deflate"]:
            body = zlib.decompress(body)
    return Answer(reply.status, fields, body)


def ask(url: str, asked: Ask) -> Answer:
    with connect(url) as connection:
        connection.sendall(asked.framed() + asked.body)
        return read(connection, asked.method)


def search(
    target: str = "/wire/_search",
    body: bytes = LAPTOP,
    kind: bytes = JSON,
    *fields: bytes,
    method: str = "POST",
) -> Ask:
    return Ask(method, target, body, ((b"Content-Type: " + kind,) if kind else ()) + fields)


def chunked(data: bytes, size: int = 7) -> bytes:
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def action(number: int) -> bytes:
    line = json.dumps({"index": {"_index": "written", "_id": f"bulk-{number}"}}).encode()
    return line + b'\n{"title": "bulk"}'


CHUNKED, GZIP = b"Transfer-Encoding: chunked", b"Content-Encoding: gzip"
DEFLATE, EXPECT = b"Content-Encoding: deflate", b"Expect: 100-continue"
ITEM = b'{"index":"wire"}\n' + LAPTOP
SEARCHES = {
    "plain": search(),
    "gzip in": search("/wire/_search", gzip.compress(LAPTOP), JSON, GZIP),
    "deflate in": search("/wire/_search", zlib.compress(LAPTOP), JSON, DEFLATE),
    "gzip out": search("/wire/_search?size=50", LAPTOP, JSON, b"Accept-Encoding: gzip"),
    "deflate out": search("/wire/_search?size=50", LAPTOP, JSON, b"Accept-Encoding: deflate"),
    "gzip both ways": search(
        "/wire/_search?size=50", gzip.compress(LAPTOP), JSON, GZIP, b"Accept-Encoding: gzip,deflate"
    ),
    "gzip forbidden": search("/wire/_search", LAPTOP, JSON, b"Accept-Encoding: gzip;q=0"),
    "only unknown encodings": search("/wire/_search", LAPTOP, JSON, b"Accept-Encoding: klingon"),
    "chunked": search("/wire/_search", chunked(LAPTOP), JSON, CHUNKED),
    "chunked, gzip": search("/wire/_search", chunked(gzip.compress(LAPTOP)), JSON, CHUNKED, GZIP),
    "chunk extensions": search(
        "/wire/_search", chunked(LAPTOP).replace(b"7\r\n", b"7;a=b\r\n"), JSON, CHUNKED
    ),
    "GET with a body": search(method="GET"),
    "GET with a chunked body": search(
        "/wire/_search", chunked(LAPTOP), JSON, CHUNKED, method="GET"
    ),
    "GET without a body": search("/wire/_search", b"", b"", method="GET"),
    "expects 100": search("/wire/_search", LAPTOP, JSON, EXPECT),
    "msearch": search("/_msearch", ITEM + b"\n", NDJSON),
    "msearch as JSON": search("/_msearch", ITEM + b"\n", JSON),
    "msearch without the last newline": search("/_msearch", ITEM, NDJSON),
    "msearch with CRLF": search("/_msearch", ITEM.replace(b"\n", b"\r\n") + b"\r\n", NDJSON),
    "msearch with an empty header": search("/wire/_msearch", b"\n" + LAPTOP + b"\n", NDJSON),
    "msearch with a blank line behind": search("/_msearch", ITEM + b"\n\n", NDJSON),
    "msearch, chunked and gzip": search(
        "/_msearch", chunked(gzip.compress(ITEM + b"\n")), NDJSON, CHUNKED, GZIP
    ),
    "CBOR": search(
        "/wire/_search?filter_path=hits", cbor2.dumps(json.loads(LAPTOP)), b"application/cbor"
    ),
    "SMILE": search("/wire/_search?filter_path=hits", SMILE_LAPTOP, b"application/smile"),
    "YAML": search("/wire/_search", b"query:\n  match:\n    title: laptop\n", b"application/yaml"),
    "CBOR out": search("/wire/_search?filter_path=hits", LAPTOP, JSON, b"Accept: application/cbor"),
    "SMILE out": search(
        "/wire/_search?filter_path=hits", LAPTOP, JSON, b"Accept: application/smile"
    ),
    "YAML out": search("/wire/_search", LAPTOP, JSON, b"Accept: application/yaml"),
    "format yaml": search("/wire/_search?format=yaml"),
    "format cbor": search("/wire/_search?format=cbor&filter_path=hits"),
    "format smile": search("/wire/_search?format=smile&filter_path=hits"),
    "format json": search("/wire/_search?format=json"),
    "pretty": search("/wire/_search?pretty"),
    "pretty off": search("/wire/_search?pretty=false"),
    "human": search("/wire/_search?human=true&pretty=true"),
    "filter_path": search("/wire/_search?filter_path=hits.hits._id,-took,**.relation"),
    "filter_path of nothing": search("/wire/_search?filter_path=nothing"),
    "error_trace": search("/wire/_search?error_trace=true", b'{"query": {"nothing": {}}}'),
    "bare question mark": search("/wire/_search?"),
    "empty parameters": search("/wire/_search?&&size=3&"),
    "the last of two parameters": search("/wire/_search?size=3&size=5"),
    "unknown parameter": search("/wire/_search?quary=1"),
    "broken escape": search("/wire/_search?preference=%zz"),
    "broken escape in the path": search("/%zz/_search"),
    "plus in the query": search("/wire/_search?q=title:laptop+mouse&size=3", b"", b""),
    "escaped plus": search("/wire/_search?q=%2Btitle:laptop&size=3", b"", b""),
    "unicode query": search(f"/wire/_search?q={quote('title:(laptop é 中)')}&size=3", b"", b""),
    "unicode index": search(f"/{quote(UNICODE)}/_search"),
    "unicode index, lower-case escapes": search(f"/{quote(UNICODE).lower()}/_search"),
    "date math": search("/%3Cwire-%7Bnow%2Fd%7D%3E/_search"),
    "date math with format": search("/%3Cwire-%7Bnow%2Fd%7Byyyy.MM.dd%7CUTC%7D%7D%3E/_search"),
    "wildcard": search("/wire*/_search?size=40"),
    "escaped wildcard": search("/wire%2A,-wire-%C3%A9*/_search?size=40"),
    "escaped comma": search(f"/wire%2C{quote(UNICODE)}/_search?size=40"),
    "excluded index": search(f"/*,-.*,-{quote(UNICODE)}/_search?size=0"),
    "index with plus": search("/wi+re/_search"),
    "slash behind": search("/wire/_search/"),
    "two slashes": search("//wire//_search"),
    "key said twice": search("/wire/_search", LAPTOP.replace(b"{", b'{"sort": ["_score"], ', 1)),
    "key said twice inside": search("/wire/_search", LAPTOP.replace(b'"t', b'"title": "x", "t', 1)),
    "key said twice in msearch": search(
        "/_msearch", ITEM.replace(b'"t', b'"title": "x", "t', 1) + b"\n", NDJSON
    ),
    "key said twice in count": search("/wire/_count", b'{"query": {}, "query": {"match_all": {}}}'),
    "opaque id": search("/wire/_search", LAPTOP, JSON, b"X-Opaque-Id: caf\xc3\xa9 7"),
    "odd cases": Ask(
        "POST", "/wire/_search", LAPTOP, (b"CONTENT-type: " + JSON, b"x-OPAQUE-iD: A")
    ),
    "repeated field": search("/wire/_search", LAPTOP, JSON, b"X-Foo: 1", b"x-foo: 2"),
    "content type twice": search("/wire/_search", LAPTOP, JSON, b"Content-Type: " + JSON),
    "content type with charset": search("/wire/_search", LAPTOP, JSON + b"; charset=UTF-8"),
    "no content type": search("/wire/_search", LAPTOP, b""),
    "vendor media type": search(
        "/wire/_search",
        LAPTOP,
        b"application/vnd.elasticsearch+json; compatible-with=9",
        b"Accept: application/vnd.elasticsearch+json; compatible-with=9",
    ),
    "too old a vendor media type": search(
        "/wire/_search",
        LAPTOP,
        b"application/vnd.elasticsearch+json; compatible-with=5",
        b"Accept: application/vnd.elasticsearch+json; compatible-with=5",
    ),
    **{name: search("/wire/_search", (CORPUS / f"{name}.json").read_bytes()) for name in SHOPS},
    "numbers as texts": search(
        "/wire/_search",
        b'{"from": "0", "size": "5", "sort": [], "_source": [], "query": {"bool": {"must": {"bool":'
        b' {"must": [], "must_not": [], "should": [{"multi_match": {"query": "laptop", "fields":'
        b' ["title^1"], "minimum_should_match": "1", "tie_breaker": "1"}}], "boost": 1}}}}}',
    ),
    "count, gzip": search(
        "/wire/_count", gzip.compress(b'{"query": {"match": {"title": "laptop"}}}'), JSON, GZIP
    ),
}
OTHERS = {
    "HEAD of an index": Ask("HEAD", "/wire"),
    "HEAD of nothing": Ask("HEAD", "/nowhere"),
    "HEAD of a document": Ask("HEAD", "/wire/_doc/a%2F1"),
    "HEAD of no document": Ask("HEAD", "/wire/_doc/a%252F1"),
    "HEAD of a search": Ask("HEAD", "/wire/_search"),
    "escaped slash in an id": Ask("GET", "/wire/_doc/a%2F1"),
    "lower-case escaped slash": Ask("GET", "/wire/_doc/a%2f1"),
    "slash in an id": Ask("GET", "/wire/_doc/a/1"),
    "twice escaped slash": Ask("GET", "/wire/_doc/a%252F1"),
    "plus in an id": Ask("GET", "/wire/_doc/a+1"),
    "escaped plus in an id": Ask("GET", "/wire/_doc/a%2B1"),
    "unicode id": Ask("GET", f"/{quote(UNICODE)}/_doc/{quote('é/中')}"),
    "date math in a document's index": Ask("GET", "/%3Cwire-%7Bnow%2Fd%7D%3E/_doc/a%2F1"),
    "fragment": Ask("GET", "/wire/_doc/a%2F1#part"),
    "bare question mark": Ask("GET", "/wire/_doc/a%2F1?"),
    "documents in YAML": Ask("GET", "/wire/_doc/a%2F1?format=yaml"),
    "documents in CBOR": Ask("GET", "/wire/_doc/a%2F1", b"", (b"Accept: application/cbor",)),
    "human settings": Ask("GET", "/wire/_settings?human&pretty&filter_path=**.number_of_*"),
    "cat in JSON": Ask("GET", "/_cat/count/wire?format=json&h=count"),
    "cat in YAML": Ask("GET", "/_cat/count/wire?format=yaml&h=count"),
    "cat as text": Ask("GET", "/_cat/count/wire?v=true&h=count"),
    "document in gzip": Ask(
        "PUT",
        "/written/_doc/w",
        gzip.compress(b'{"title": "w"}'),
        (b"Content-Type: " + JSON, GZIP),
    ),
    "document in CBOR": Ask(
        "PUT",
        "/written/_doc/w?filter_path=_id",
        cbor2.dumps({"title": "w"}),
        (b"Content-Type: application/cbor",),
    ),
    "document, chunked": Ask(
        "PUT", "/written/_doc/w", chunked(b'{"title": "w"}'), (b"Content-Type: " + JSON, CHUNKED)
    ),
    "document that says a key twice": put("/written/_doc/w", {"a": 1})._replace(
        body=b'{"a":1,"a":2}'
    ),
    "bulk": Ask("POST", "/_bulk", action(1) + b"\n", (b"Content-Type: " + NDJSON,)),
    "bulk without the last newline": Ask(
        "POST", "/_bulk", action(2), (b"Content-Type: " + NDJSON,)
    ),
    "bulk, chunked": Ask(
        "POST", "/_bulk", chunked(action(3) + b"\n"), (b"Content-Type: " + NDJSON, CHUNKED)
    ),
    "bulk in gzip": Ask(
        "POST", "/_bulk", gzip.compress(action(4) + b"\n"), (b"Content-Type: " + NDJSON, GZIP)
    ),
    "bulk in deflate": Ask(
        "POST", "/_bulk", zlib.compress(action(5) + b"\n"), (b"Content-Type: " + NDJSON, DEFLATE)
    ),
    "bulk that expects 100": Ask(
        "POST", "/_bulk", action(6) + b"\n", (b"Content-Type: " + NDJSON, EXPECT)
    ),
    "wrong method": Ask("PATCH", "/written/_doc/w"),
    "options": Ask("OPTIONS", "/written/_doc/w"),
    "trace": Ask("TRACE", "/wire"),
    "options of all": Ask("OPTIONS", "*"),
}
TRACE = re.compile(rb'"stack_trace" ?: ?"(\\.|[^"\\])*"')  # it names threads and caches
COUNTERS = re.compile(rb'"(took|_version|_seq_no|result|ingest_took)"( ?: ?)("[a-z]+"|\d+)')
FRAMING = {"content-length", "transfer-encoding", "content-encoding", "vary", "date", "connection"}


def same_fields(answer: Answer) -> dict[str, list[str]]:
    """Return what must be equal of a head: all but framing, and what our searches add."""
    ours = ("x-qrm-", "server-timing")
    return {k: v for k, v in answer.fields.items() if k not in FRAMING and not k.startswith(ours)}


def plain(body: bytes) -> bytes:
    """Return a body without what differs from one call to the next."""
    if body.startswith(b"---\n"):
        return re.sub(rb"took: \d+", b"took: 0", body)
    return TRACE.sub(b"", COUNTERS.sub(rb'"\1"\2', body))


@pytest.mark.parametrize("name", [*SEARCHES, *OTHERS])
def test_the_answer_without_a_pipeline_is_the_engines_own_to_the_byte(wire, name):
    asked = SEARCHES.get(name) or OTHERS[name]
    if asked.method in ("PUT", "POST"):
        ask(wire.direct, asked)  # what is written is there already, for both

    direct, proxied = ask(wire.direct, asked), ask(wire.off, asked)

    assert proxied.status == direct.status
    assert plain(proxied.body) == plain(direct.body)
    assert same_fields(proxied) == same_fields(direct)
    for field in ("content-encoding", "content-length"):
        if asked.method == "HEAD" or field == "content-encoding":
            assert proxied.fields.get(field) == direct.fields.get(field)


NO_PIPELINE = (  # what is passed on unread, or refused by the engine: to the byte
    "deflate in", "GET without a body", "msearch without the last newline", "CBOR", "SMILE", "YAML",
    "CBOR out", "SMILE out", "YAML out", "format yaml", "format cbor", "format smile",
    "error_trace", "broken escape in the path", "key said twice", "key said twice inside",
    "key said twice in count", "unknown parameter", "index with plus",
)  # fmt: skip


@pytest.mark.parametrize("name", SEARCHES)
def test_a_pipeline_that_changes_nothing_answers_as_the_engine_does(wire, name):
    asked = SEARCHES[name]

    direct, proxied = ask(wire.direct, asked), ask(wire.identity, asked)

    assert proxied.status == direct.status
    assert same_fields(proxied) == same_fields(direct)
    if name in NO_PIPELINE or not direct.body.startswith(b"{"):
        assert plain(proxied.body) == plain(direct.body)
    else:
        assert list(tree_of(proxied)) == list(tree_of(direct))
        assert tree_of(proxied) == tree_of(direct)


def tree_of(answer: Answer) -> Any:
    def without_took(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {key: 0 if key == "took" else value for key, value in pairs}

    return json.loads(answer.body, object_pairs_hook=without_took)


@pytest.mark.parametrize("server", ["off", "identity"])
def test_a_connection_carries_one_request_after_the_other_and_several_at_once(wire, server):
    laptop, mouse = SEARCHES["plain"], SEARCHES["plain"]._replace(body=b'{"size": 1}')
    count, chunks = SEARCHES["count, gzip"], SEARCHES["chunked"]
    sequence = [laptop, mouse, count, chunks, OTHERS["HEAD of an index"], laptop, mouse]
    alone = [plain(ask(wire.direct, asked).body) for asked in sequence]

    with connect(getattr(wire, server)) as connection:
        in_turn = []
        for asked in sequence:
            connection.sendall(asked.framed() + asked.body)
            in_turn.append(plain(read(connection, asked.method).body))
        connection.sendall(b"".join(asked.framed() + asked.body for asked in sequence))
        file = connection.makefile("rb")
        piped = [plain(read(Borrowed(file), asked.method).body) for asked in sequence]

    assert in_turn == piped == alone


class Borrowed:
    """What ``HTTPResponse`` takes for a socket: one file for several replies."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def makefile(self, mode: str) -> Any:
        return Unclosed(self._file)


class Unclosed:
    """A file that stays open when a reply is read to its end."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def close(self) -> None:
        """Stay open."""


@pytest.mark.parametrize("server", ["off", "identity"])
def test_a_client_that_waits_is_told_to_send_its_body(wire, server):
    asked = SEARCHES["expects 100"]

    with connect(getattr(wire, server)) as connection:
        connection.sendall(asked.framed())
        told = connection.recv(1_000)
        connection.sendall(asked.body)
        answer = read(connection, asked.method)

    assert told == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert tree_of(answer) == tree_of(ask(wire.direct, asked))


@pytest.mark.parametrize(
    "raw",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /wire/_search HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST /wire/_search HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /wire HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 2**20 + b"\r\n\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["two lengths", "xchunked", "folded", "large", "bytes above 127"],
)
def test_what_can_be_read_in_two_ways_is_refused_and_the_connection_closed(wire, raw):
    with connect(wire.identity) as connection:
        connection.sendall(raw)
        answer = b"".join(iter(lambda: connection.recv(65_536), b""))

    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"bad_http_request" in answer


def test_ids_come_back_with_a_search_that_was_written_anew(wire):
    asked = search("/wire/_search", LAPTOP, JSON, b"X-Opaque-Id: me/7")

    direct, proxied = ask(wire.direct, asked), ask(wire.identity, asked)

    assert proxied.fields["x-opaque-id"] == direct.fields["x-opaque-id"] == ["me/7"]
    assert proxied.fields.get("x-elastic-product") == direct.fields.get("x-elastic-product")
    assert proxied.fields["x-qrm-pipeline"] == ["identity"]
    assert "filter;dur=" in proxied.fields["server-timing"][0]  # it was read, and written anew


DEPRECATED = (
    search("/wire/_search?ignore_throttled=true"),
    search("/wire/_search", LAPTOP.replace(b"{", b'{"indices_boost": {"wire": 1.0}, ', 1)),
)


@pytest.mark.parametrize("server", ["off", "identity"])
def test_warnings_come_back(wire, server):
    warned = []
    for asked in DEPRECATED:
        direct, proxied = (
            ask(url, asked._replace(fields=(*asked.fields, f"X-Opaque-Id: {server}{url}".encode())))
            for url in (wire.direct, getattr(wire, server))
        )  # OpenSearch warns each client once
        assert proxied.fields.get("warning") == direct.fields.get("warning")
        warned += proxied.fields.get("warning", [])

    assert warned


def peak_mib(pid: int) -> float:
    """Return the most memory that a process has had resident."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1_024


BLOB = b"0123456789" * 99_990
MORE_MIB = 24
"""What a proxy may hold of anything that passes through."""


@pytest.fixture(scope="module")
def heavy(wire):
    """An index for documents that weigh a megabyte each, and are not searchable."""
    one_shard = {"number_of_shards": 1, "number_of_replicas": 0}
    made = ask(wire.direct, put("/heavy", {"settings": one_shard, "mappings": {"dynamic": False}}))
    assert made.status == 200, made.body
    yield
    ask(wire.direct, Ask("DELETE", "/heavy"))


def test_100_mb_of_bulk_pass_in_bounded_memory(wire):
    url, pid = wire.identity, wire.pids[wire.identity]
    head = Ask("POST", "/_bulk?filter_path=errors", fields=(b"Content-Type: " + NDJSON, CHUNKED))
    before = peak_mib(pid)

    with connect(url) as connection:
        connection.sendall(head.framed())
        for number in range(100):
            action = b'{"index":{"_index":"written","_id":"%d"}' % number
            lines = action.ljust(999_000) + b'}\n{"blob":"x"}\n'  # of more, engines index less
            connection.sendall(b"%x\r\n%b\r\n" % (len(lines), lines))
        connection.sendall(b"0\r\n\r\n")
        answer = read(connection, "POST")

    assert (answer.status, answer.body) == (200, b'{"errors":false}')
    assert peak_mib(pid) - before < MORE_MIB


def test_50_mb_of_hits_are_streamed_to_a_slow_reader_in_bounded_memory(wire, heavy):
    for number in range(10):
        document = b'{"blob":"%b"}' % BLOB
        ask(wire.direct, put(f"/heavy/_doc/{number}", {})._replace(body=document))
    ask(wire.direct, Ask("POST", "/heavy/_refresh"))
    asked, pid = search("/heavy/_msearch", b"{}\n{}\n" * 5, NDJSON), wire.pids[wire.off]
    before = peak_mib(pid)

    with connect(wire.off) as connection:
        connection.sendall(asked.framed() + asked.body)
        reply = http.client.HTTPResponse(connection, method="POST")
        reply.begin()
        first = reply.read(1_000)
        time.sleep(0.5)  # the engine has sent all that anyone would take by now
        held = peak_mib(pid) - before
        rest = reply.read()

    assert held < MORE_MIB
    assert peak_mib(pid) - before < MORE_MIB
    replies = json.loads(first + rest)["responses"]
    assert [len(reply["hits"]["hits"]) for reply in replies] == [10] * 5
    assert len(rest) > 49_000_000


SLOW = {
    "query": {
        "script_score": {
            "query": {"match": {"title": "laptop"}},
            "script": {
                "source": "double x = 0; for (int i = 0; i < params.n; i++) { x += Math.sin(i); }"
                " return Math.abs(x);",
                "params": {"n": 15_000},
            },
        }
    }
}


@pytest.fixture(scope="module")
def many(wire):
    """Documents enough for a script to take seconds; engines look up every 4,096 of them."""
    if wire.name != "opensearch":
        pytest.skip("this Elasticsearch is built without scripts")
    one_shard = {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}
    ask(wire.direct, put("/many", one_shard))
    lines = b'{"index":{}}\n{"title":"laptop"}\n' * 40_000
    fields = (b"Content-Type: " + NDJSON,)
    ask(wire.direct, Ask("POST", "/many/_bulk?refresh=true&filter_path=errors", lines, fields))
    yield
    ask(wire.direct, Ask("DELETE", "/many"))


@pytest.mark.parametrize("target", ["/many/_search", "/many/_msearch"])
@pytest.mark.parametrize("server", ["direct", "off", "identity"])
def test_the_search_of_a_client_that_goes_is_cancelled_in_the_engine(wire, many, server, target):
    goes, stays = (f"{each}-{server}-{target[6:]}" for each in ("goes", "stays"))

    with slowly_searching(wire, server, target, stays):
        with slowly_searching(wire, server, target, goes):
            pass

        eventually(lambda: not tasks(wire, goes))
        assert tasks(wire, stays)  # which began before it


@contextmanager
def slowly_searching(wire: Wire, server: str, target: str, opaque_id: str) -> Iterator[None]:
    """Hold a connection whose search the engine has begun."""
    body = json.dumps(SLOW).encode()
    if "msearch" in target:
        body = b"{}\n" + body + b"\n"
    asked = search(target, body, JSON, b"X-Opaque-Id: " + opaque_id.encode())
    with connect(getattr(wire, server)) as connection:
        connection.sendall(asked.framed() + body)
        eventually(lambda: tasks(wire, opaque_id))
        yield


def tasks(wire: Wire, opaque_id: str) -> list[dict[str, Any]]:
    """Return the searches that the engine is at for one client."""
    listed = json.loads(ask(wire.direct, Ask("GET", "/_tasks?actions=*search*&detailed")).body)
    return [
        task
        for node in listed["nodes"].values()
        for task in node["tasks"].values()
        if task.get("headers", {}).get("X-Opaque-Id") == opaque_id
    ]


def eventually(holds: Callable[[], Any]) -> None:
    waiting = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda answer: not answer),
        stop=tenacity.stop_after_delay(20),
        wait=tenacity.wait_fixed(0.05),
    )
    waiting(holds)
