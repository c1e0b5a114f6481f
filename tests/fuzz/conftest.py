"""What fuzzing shares: JSON of any kind, the corpus of real bodies, and a proxy without sockets."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st

from qrmiddleware.config.load import load_settings
from qrmiddleware.proxy.app import ProxyApp
from qrmiddleware.proxy.context import Service
from qrmiddleware.proxy.server import make_service
from qrmiddleware.upstream.exchange import UpstreamRequest

CORPUS = Path(__file__).parents[1] / "unit" / "dsl" / "corpus"

hypothesis.settings.register_profile(
    "fuzz",
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)
hypothesis.settings.register_profile(
    "long", hypothesis.settings.get_profile("fuzz"), max_examples=20_000, derandomize=False
)

ODD_VALUES: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"0",
    b"-0.0",
    b"-1",
    b"1e999",
    b"-1e-999",
    b"18446744073709551616",
    b"9" * 400,
    b"9" * 5_000,
    b'"' + b"9" * 5_000 + b'"',
    b"NaN",
    b"Infinity",
    b'""',
    b'" "',
    b'"\\ud800"',
    b'"\\udc00\\ud800"',
    b'"\\u0000"',
    b'"\xff"',
    b'"\xed\xa0\x80"',
    b'"laptop\\r\\nX: y"',
    b'"\\u001b[2J"',
    '"ⅻ ²⁷ ٣"'.encode(),
    b"[]",
    b"{}",
    b"[[]]",
    b'{"":{}}',
    b'{"a":1,"a":2}',
    b"[" * 60 + b"]" * 60,
    b"[" * 400 + b"]" * 400,
    b'{"bool":{"must":' * 100 + b"{}" + b"}}" * 100,
)
"""Values that clients should not send, as they stand in a body."""

KEYS = (
    *("query", "bool", "must", "should", "filter", "must_not", "match", "multi_match", "dis_max"),
    *("queries", "nested", "path", "query_string", "title", "minimum_should_match", "boost", "ext"),
    *("qrm", "ubi", "user_query", "query_text", "debug", "pipeline", "timeout_ms", "from", "size"),
    *("sort", "_score", "_source", "fields", "stored_fields", "track_total_hits", "aggs", "_name"),
    *(
        "highlight",
        "_none_",
        "took",
        "collapse",
        "inner_hits",
        "search_after",
        "pit",
        "function_score",
        "",
        "\u0000",
    ),
)
"""Keys that mean something to the proxy or to the engine."""


def dumps(rng: random.Random, value: Any, odd: float) -> bytes:
    """Write JSON with an odd value here and there, that often, and odd white space."""
    if rng.random() < odd:
        return rng.choice(ODD_VALUES)
    blank = rng.choice([b"", b"", b" ", b"\n"])
    if isinstance(value, dict):
        pairs = [json.dumps(k).encode() + b":" + dumps(rng, v, odd) for k, v in value.items()]
        return blank + b"{" + b",".join(pairs) + b"}"
    if isinstance(value, list):
        return b"[" + blank + b",".join(dumps(rng, part, odd) for part in value) + b"]"
    return json.dumps(value).encode()


def tree(rng: random.Random, depth: int = 0) -> Any:
    """A value of any kind, made of keys that mean something."""
    kind = rng.random()
    if depth > 5 or kind < 0.25:
        return rng.choice(["laptop", "red  Shoe", "tn-2110", "a AND b", 1, -2.5, True, None, ""])
    if kind < 0.45:
        return [tree(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {rng.choice(KEYS): tree(rng, depth + 1) for _ in range(rng.randint(0, 3))}


def mutated(rng: random.Random, value: Any) -> Any:
    """A value with parts exchanged, left out, wrapped, or put where another was."""
    if rng.random() < 0.05:
        return tree(rng)
    if isinstance(value, dict):
        parts = {
            (rng.choice(KEYS) if rng.random() < 0.03 else key): mutated(rng, part)
            for key, part in value.items()
            if rng.random() > 0.03
        }
        return {rng.choice(("bool", "nested", "query")): parts} if rng.random() < 0.02 else parts
    if isinstance(value, list):
        items = [mutated(rng, item) for item in value if rng.random() > 0.05]
        return items * 2 if rng.random() < 0.03 else items
    return value


def mangled(rng: random.Random, data: bytes) -> bytes:
    """Bytes with a few cut out, doubled, or exchanged."""
    mangling = bytearray(data)
    for _ in range(rng.randint(0, 3)):
        at = rng.randint(0, len(mangling))
        end = min(len(mangling), at + rng.randint(0, 8))
        mangling[at:end] = rng.choice([b"", mangling[at:end] * 2, rng.randbytes(2), b'"', b"}"])
    return bytes(mangling)


def _bodies() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(CORPUS.glob("*.json")))


REAL_BODIES = _bodies()


def body(seed: int) -> bytes:
    """A search body: a real one with mutations, or one of our own making."""
    rng = random.Random(seed)  # noqa: S311 can be repeated
    if rng.random() < 0.7:
        made = mutated(rng, json.loads(rng.choice(REAL_BODIES)))
        made = made if isinstance(made, dict) else {}
        if rng.random() < 0.3:
            made["ext"] = {"qrm": tree(rng), "ubi": {"user_query": "laptop"}}
    else:
        made = {rng.choice(KEYS): tree(rng) for _ in range(rng.randint(0, 5))}
    if rng.random() < 0.5:
        made[rng.choice(KEYS)] = tree(rng)
    data = dumps(rng, made, rng.choice([0, 0.01, 0.05]))
    return mangled(rng, data) if rng.random() < 0.2 else data


@pytest.fixture(scope="session")
def bodies() -> st.SearchStrategy[bytes]:
    """Search bodies, most of them JSON, some of them broken."""
    return st.integers(0, 2**48).map(body)


@dataclass(slots=True)
class Echo:
    """An upstream that finds the same two documents whatever it is asked."""

    asked: list[tuple[UpstreamRequest, bytes]] = field(default_factory=list)

    async def start(self) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    async def send(self, request: UpstreamRequest) -> "EchoReply":
        """Answer a search, several, or anything."""
        given = request.body or b""
        data = given if isinstance(given, bytes) else b"".join([c async for c in given])
        self.asked.append((request, data))
        path = request.target.partition("?")[0].rstrip("/")
        if path.endswith("_msearch"):
            pairs = len(data.split(b"\n")[1::2])
            return EchoReply(json.dumps({"took": 1, "responses": [FOUND] * pairs}).encode())
        if path.endswith("_count"):
            return EchoReply(b'{"count":2,"_shards":{"total":1,"failed":0}}')
        return EchoReply(json.dumps(FOUND).encode())


FOUND = {
    "took": 1,
    "timed_out": False,
    "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
    "hits": {
        "total": {"value": 2, "relation": "eq"},
        "max_score": 2.0,
        "hits": [
            {
                "_index": "p",
                "_id": f"d{number}",
                "_score": 2.0 / number,
                "_source": {"title": "acme laptop", "nested": {"a": [1, {"b": None}]}},
                "matched_queries": ["_qrm.0", "mine"],
            }
            for number in (1, 2)
        ],
    },
}


@dataclass(frozen=True, slots=True)
class EchoReply:
    """What `Echo` answers."""

    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    async def chunks(self) -> Any:
        """Yield all of it."""
        yield self.body

    async def read(self) -> bytes:
        """Return all of it."""
        return self.body

    async def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A reply as the client got it."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class App:
    """The proxy's application, asked without sockets."""

    service: Service
    runner: asyncio.Runner
    upstream: Echo

    def ask(
        self,
        method: str,
        path: str,
        query: str = "",
        body: bytes = b"",
        headers: tuple[tuple[str, str], ...] = (),
        *,
        app: Any = None,
    ) -> Answered:
        """Make one request; the application must end its reply."""
        sent: list[dict[str, Any]] = []
        coming = [{"type": "http.request", "body": body, "more_body": False}]
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode("latin-1", "replace"),
            "query_string": query.encode("latin-1", "replace"),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        }

        async def receive() -> dict[str, Any]:
            return coming.pop() if coming else {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        async def call() -> None:
            async with asyncio.timeout(20):
                await (app or ProxyApp(self.service))(scope, receive, send)

        self.runner.run(call())
        start, *parts = sent
        fields = {name.decode("latin-1"): v.decode("latin-1") for name, v in start["headers"]}
        return Answered(start["status"], fields, b"".join(part.get("body", b"") for part in parts))


StartApp = Callable[..., App]


@pytest.fixture(scope="module")
def start_app() -> Iterator[StartApp]:
    """Make applications: ``start_app(pipelines={...})``, other keys of the configuration too."""
    started: list[App] = []
    with asyncio.Runner() as runner:

        def start(upstream: Any = None, **config: Any) -> App:
            settings = load_settings(environment={}, flags={"log": {"level": "error"}, **config})
            echo = Echo() if upstream is None else upstream
            service = make_service(settings, echo)
            service.pipelines.startup()
            runner.run(echo.start())
            started.append(App(service, runner, echo))
            return started[-1]

        yield start
        for app in started:
            app.service.pipelines.shutdown()
            runner.run(app.upstream.close())


@pytest.fixture(scope="module")
def rules_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules that act on whatever is asked for most."""
    path = tmp_path_factory.mktemp("rules") / "rules.txt"
    path.write_text(
        "laptop =>\n  SYNONYM: notebook\n  UP(2): category:computers\n  FILTER: -sleeve\n"
        "red =>\n  SYNONYM(0.5): crimson\n  DOWN: blue\n"
    )
    return path
