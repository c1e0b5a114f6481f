"""An engine small enough to be seen to be right: every clause is tried on every document."""

import asyncio
import dataclasses
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web

Doc = Mapping[str, Any]


def words(text: object) -> list[str]:
    return str(text).casefold().split()


class BruteForceEngine:
    """Answers search bodies as Elasticsearch does, over documents held in a list.

    A word of the query scores the number of times it occurs; equal scores keep the order of
    the documents. ``asked`` holds every body that was sent.
    """

    def __init__(self, docs: Sequence[Doc]) -> None:
        self.docs = [{"_id": f"d{n}", **doc} for n, doc in enumerate(docs, start=1)]
        self.asked: list[dict[str, Any]] = []

    def search(self, data: bytes) -> bytes:
        """Answer one search body."""
        body = json.loads(data)
        self.asked.append(body)
        query = body.get("query") or {"match_all": {}}
        scored = [(doc, score(query, doc)) for doc in self.docs]
        found = [(doc, points) for doc, points in scored if points is not None]
        found.sort(key=lambda pair: -pair[1])
        start = body.get("from", 0)
        page = found[start : start + body.get("size", 10)]
        hits = [self._hit(doc, points, body) for doc, points in page]
        highest = found[0][1] if page else None
        section = {**total(body, len(found)), "max_score": highest, "hits": hits}
        reply = {
            "took": 1,
            "timed_out": False,
            "_shards": {"total": 1, "failed": 0},
            "hits": section,
        }
        if "aggs" in body:
            reply["aggregations"] = aggregations(body["aggs"], [doc for doc, _ in found])
        return json.dumps(reply).encode()

    def count(self, data: bytes) -> bytes:
        """Answer one count body."""
        query = json.loads(data)["query"]
        found = sum(score(query, doc) is not None for doc in self.docs)
        return json.dumps({"count": found, "_shards": {"total": 1, "failed": 0}}).encode()

    def _hit(self, doc: Doc, points: float, body: Mapping[str, Any]) -> dict[str, Any]:
        fields = {key: value for key, value in doc.items() if key != "_id"}
        hit: dict[str, Any] = {"_index": "products", "_id": doc["_id"], "_score": points}
        source = body.get("_source", True)
        if source is not False:
            wanted = ["*"] if source is True else source
            hit["_source"] = {k: v for k, v in fields.items() if any_of(k, wanted)}
        asked = [f["field"] if isinstance(f, dict) else f for f in body.get("fields", ())]
        fetched = {
            k: v if isinstance(v, list) else [v] for k, v in fields.items() if any_of(k, asked)
        }
        if fetched:
            hit["fields"] = fetched
        named = dict(names(body["query"]) if body.get("query") else ())
        matched = [name for name, clause in named.items() if score(clause, doc) is not None]
        if matched:
            hit["matched_queries"] = matched
        return hit


def any_of(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def total(body: Mapping[str, Any], found: int) -> dict[str, Any]:
    limit = body.get("track_total_hits", 10_000)
    if limit is False:
        return {}
    if limit is True or found <= limit:
        return {"total": {"value": found, "relation": "eq"}}
    return {"total": {"value": limit, "relation": "gte"}}


def aggregations(wanted: Mapping[str, Any], docs: Sequence[Doc]) -> dict[str, Any]:
    """Terms aggregations."""
    return {
        name: {
            "buckets": [
                {"key": key, "doc_count": count}
                for key, count in sorted(
                    Counter(doc[agg["terms"]["field"]] for doc in docs).items()
                )
            ]
        }
        for name, agg in wanted.items()
    }


def names(clause: object) -> Iterator[tuple[str, Any]]:
    """Every named clause; of two with one name the later counts. Children of nested do not."""
    if isinstance(clause, list):
        for item in clause:
            yield from names(item)
    elif isinstance(clause, dict):
        for kind, body in clause.items():
            if isinstance(body, dict) and "_name" in body:
                yield body["_name"], clause
            if kind != "nested":
                yield from names(body)


def score(clause: Mapping[str, Any], doc: Doc) -> float | None:
    """Score a document; ``None`` where it does not match."""
    ((kind, body),) = clause.items()
    points = CLAUSES[kind](body, doc)
    if points is None:
        return None
    return points * body.get("boost", 1.0) if isinstance(body, dict) else points


def text_score(text: str, fields: Sequence[str], doc: Doc, *, every: bool = False) -> float | None:
    best = None
    for field in fields:
        name, _, boost = field.partition("^")
        have = Counter(words(doc.get(name, "")))
        hits = [have[word] for word in words(text)]
        if (all(hits) if every else any(hits)) and hits:
            best = max(best or 0.0, sum(hits) * float(boost or 1))
    return best


def match(body: Mapping[str, Any], doc: Doc) -> float | None:
    ((field, value),) = body.items()
    options = value if isinstance(value, dict) else {"query": value}
    every = options.get("operator") == "and"
    points = text_score(options["query"], [field], doc, every=every)
    return None if points is None else points * options.get("boost", 1.0)


def match_phrase(body: Mapping[str, Any], doc: Doc) -> float | None:
    ((field, value),) = body.items()
    wanted = words(value["query"] if isinstance(value, dict) else value)
    have = words(doc.get(field, ""))
    runs = set(pairwise(have))
    together = all(pair in runs for pair in pairwise(wanted)) and set(wanted) <= set(have)
    return 2.0 * len(wanted) if together and wanted else None


def multi_match(body: Mapping[str, Any], doc: Doc) -> float | None:
    return text_score(body["query"], body["fields"], doc, every=body.get("operator") == "and")


def term(body: Mapping[str, Any], doc: Doc) -> float | None:
    ((field, value),) = body.items()
    return 1.0 if doc.get(field) == value else None


def price_range(body: Mapping[str, Any], doc: Doc) -> float | None:
    ((field, limits),) = body.items()
    return 1.0 if field in doc and doc[field] <= limits["lte"] else None


def listed(part: Any) -> list[Any]:
    return part if isinstance(part, list) else [part]


def needed(body: Mapping[str, Any], clauses: int) -> int:
    """Resolve ``minimum_should_match`` as Elasticsearch does."""
    wish = body.get("minimum_should_match")
    if wish is None:
        return 0 if body.get("must") or body.get("filter") else min(1, clauses)
    share = str(wish)
    if share.endswith("%"):
        count = int(clauses * abs(float(share[:-1])) / 100)
        count = clauses - count if share.startswith("-") else count
    else:
        count = int(share) if int(share) >= 0 else clauses + int(share)
    required = bool(body.get("must") or body.get("filter"))
    return max(count, 0 if required else min(1, clauses))


def boolean(body: Mapping[str, Any], doc: Doc) -> float | None:
    must = [score(clause, doc) for clause in listed(body.get("must", []))]
    should = [score(clause, doc) for clause in listed(body.get("should", []))]
    kept = [score(clause, doc) for clause in listed(body.get("filter", []))]
    barred = [score(clause, doc) for clause in listed(body.get("must_not", []))]
    matching = [points for points in should if points is not None]
    if None in must or None in kept or any(points is not None for points in barred):
        return None
    if len(matching) < needed(body, len(should)):
        return None
    return sum(points for points in must if points is not None) + sum(matching)


def dis_max(body: Mapping[str, Any], doc: Doc) -> float | None:
    found = [points for query in body["queries"] if (points := score(query, doc)) is not None]
    if not found:
        return None
    return max(found) + body.get("tie_breaker", 0.0) * (sum(found) - max(found))


def boosting(body: Mapping[str, Any], doc: Doc) -> float | None:
    points = score(body["positive"], doc)
    if points is None or score(body["negative"], doc) is None:
        return points
    return points * float(body["negative_boost"])


def function_score(body: Mapping[str, Any], doc: Doc) -> float | None:
    points = score(body["query"], doc)
    for function in body["functions"]:
        points = None if points is None else points * float(function["weight"])
    return points


def nested(body: Mapping[str, Any], doc: Doc) -> float | None:
    children = [{f"{body['path']}.{k}": v for k, v in c.items()} for c in doc.get(body["path"], ())]
    found = [points for child in children if (points := score(body["query"], child)) is not None]
    return sum(found) / len(found) if found else None


def exists(body: Mapping[str, Any], doc: Doc) -> float | None:
    return 1.0 if body["field"] in doc else None


def constant_score(body: Mapping[str, Any], doc: Doc) -> float | None:
    return None if score(body["filter"], doc) is None else 1.0


CLAUSES: Mapping[str, Callable[[Any, Doc], float | None]] = {
    "match": match,
    "match_phrase": match_phrase,
    "multi_match": multi_match,
    "combined_fields": multi_match,
    "term": term,
    "range": price_range,
    "exists": exists,
    "match_all": lambda _body, _doc: 1.0,
    "bool": boolean,
    "dis_max": dis_max,
    "boosting": boosting,
    "function_score": function_score,
    "nested": nested,
    "constant_score": constant_score,
    "ids": lambda body, doc: 1.0 if doc["_id"] in body["values"] else None,
}


@pytest.fixture(scope="session")
def make_engine() -> type[BruteForceEngine]:
    """Make an engine over documents, which become d1, d2, ..."""
    return BruteForceEngine


@dataclass
class SearchServer:
    """A ``BruteForceEngine`` as the index ``shop`` behind HTTP, on a thread of its own.

    Attributes:
        engine: What answers.
        url: Of the index.
        headers: Added to replies of searches.
        broken: Instead of an answer, by a word of the text: status and body.
        refused: Endpoints that are answered with 400.
        operations: How many there were on its only shard.
        requests: Method, target and headers of each request.
        changed: Changes an answer before it goes out.
        delay_s: How long a search takes at least.
    """

    engine: BruteForceEngine
    url: str = ""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    broken: dict[str, tuple[int, Any]] = dataclasses.field(default_factory=dict)
    refused: set[str] = dataclasses.field(default_factory=set)
    operations: int = 7
    requests: list[tuple[str, str, Mapping[str, str]]] = dataclasses.field(default_factory=list)
    changed: Callable[[dict[str, Any]], object] = lambda _: None
    delay_s: float = 0.0

    @property
    def searches(self) -> list[str]:
        """The bodies of all searches, as text."""
        return [json.dumps(body) for body in self.engine.asked]

    async def answer(self, request: web.Request) -> web.Response:
        """Answer whatever is asked."""
        self.requests.append((request.method, request.path_qs, request.headers))
        endpoint = request.path.rpartition("/")[2]
        if endpoint in self.refused:
            return web.json_response({"error": f"no {endpoint} here"}, status=400)
        match endpoint:
            case "_search":
                return await self._search(await request.read())
            case "shop":
                return web.json_response({"shop": {"mappings": {}, "settings": {}}})
            case "docs":
                copy = {
                    "routing": {"primary": True},
                    "docs": {"count": len(self.engine.docs), "deleted": 0},
                    "seq_no": {"max_seq_no": self.operations},
                }
                shards = {"shards": {"0": [copy, {"routing": {"primary": False}}]}}
                return web.json_response({"indices": {"shop": {"uuid": "u1", **shards}}})
            case "":
                return web.json_response({"version": {"number": "9.9.9"}})
            case _:
                return web.json_response({"error": "no such endpoint"}, status=404)

    async def _search(self, body: bytes) -> web.Response:
        await asyncio.sleep(self.delay_s)
        for word, (status, text) in self.broken.items():
            if word in body.decode():
                self.engine.asked.append(json.loads(body))
                if isinstance(text, str):
                    return web.Response(status=status, text=text)
                return web.json_response(text, status=status)
        reply = json.loads(self.engine.search(body))
        self.changed(reply)
        return web.json_response(reply, headers=self.headers)


@contextmanager
def on_a_thread(server: SearchServer) -> Iterator[SearchServer]:
    """Serve until the end of the block."""
    loop = asyncio.new_event_loop()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        server.url = f"http://127.0.0.1:{port}/shop"

    loop.run_until_complete(start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(5)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def search_server() -> Iterator[SearchServer]:
    """A server with six products; ``d1`` to ``d6``."""
    titles = ("red shoe", "blue shoe", "red hat", "trainers", "shoe rack", "green trainers")
    with on_a_thread(SearchServer(BruteForceEngine([{"title": t} for t in titles]))) as server:
        yield server
