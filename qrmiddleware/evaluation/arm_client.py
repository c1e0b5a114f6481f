"""Asks one arm over HTTP, as any client would."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

from qrmiddleware.dsl.raw import NotJsonError, read_value
from qrmiddleware.errors import UpstreamError
from qrmiddleware.evaluation.arms import Arm
from qrmiddleware.evaluation.client import EngineClient
from qrmiddleware.evaluation.collection import JudgedQuery
from qrmiddleware.evaluation.rankings import RankedHit, Ranking
from qrmiddleware.students.texts import text_of
from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream
from qrmiddleware.upstream.exchange import UpstreamRequest

_STATS: Final = (
    "/_stats/docs?level=shards&filter_path=indices.*.uuid,indices.*.shards.*.seq_no.max_seq_no,"
    "indices.*.shards.*.docs,indices.*.shards.*.routing.primary"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of every arm alike.

    Attributes:
        depth: How many hits.
        title_field: What people read of a hit; empty for nothing.
        id_field: What the judgments call a document by; empty for its ``_id``.
        provenance: Ask which wording found which hit.
        timeout_s: For one search.
        text_fields: Whose values a student reads of a hit, in order; empty for nothing.
    """

    depth: int = 1_000
    title_field: str = ""
    id_field: str = ""
    provenance: bool = False
    timeout_s: float = 30.0
    text_fields: tuple[str, ...] = ()

    @property
    def fetched(self) -> tuple[str, ...]:
        """The fields that come along."""
        return tuple(filter(None, (self.id_field, self.title_field, *self.text_fields)))


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes
    duration_ms: float


class ArmClient:
    """One arm behind its connections.

    Args:
        arm: Which.
        wanted: What is asked of it.
        connections: How many searches at a time.

    Raises:
        ConfigError: If its URL or certificates cannot work.
    """

    def __init__(self, arm: Arm, wanted: Wanted, *, connections: int = 1) -> None:
        self.arm = arm
        self.wanted = wanted
        parts = urlsplit(arm.url)
        self._path = parts.path
        self._headers = [("content-type", "application/json"), *arm.headers]
        if wanted.provenance:
            self._headers.append(("x-qrm-debug", "true"))
        options = ClusterOptions(
            urls=(f"{parts.scheme}://{parts.netloc}",),
            timeout_ms=wanted.timeout_s * 1_000,
            connections_per_node=connections,
            max_retries=0,  # a search that was repeated would have a wrong latency
            authorization=arm.authorization or None,
            tls=arm.tls,
        )
        self._upstream = ClusterUpstream(options)

    def body(self, text: str) -> bytes:
        """Return what a search for a text sends."""
        wanted = self.wanted
        return self.arm.template.fill(text, depth=wanted.depth, fetched=wanted.fetched)

    async def search(self, query: JudgedQuery) -> Ranking:
        """Ask for one query.

        Raises:
            UpstreamError: If the answer is not a whole ranking; ``status`` is the arm's own if it
                answered.
        """
        return await self.ask(query.query_id, self.body(query.text))

    async def ask(self, query_id: str, body: bytes) -> Ranking:
        """Send a search body as it is; what is returned and raised is as of ``search``."""
        reply = await self._send("POST", self._path + self.arm.target, body)
        if reply.status != HTTPStatus.OK:
            raise UpstreamError(_refusal(reply), status=reply.status)
        try:
            return self._ranking(query_id, reply)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            shown = reply.body[:100].decode(errors="replace")
            message = f"the reply is no search result ({error!r}): {shown!r}"
            raise UpstreamError(message) from error

    async def state(self) -> str:
        """Return what tells one state of the index from another; empty if that cannot be seen.

        It changes with every document that is written, and with mapping and settings.
        """
        place = self._path or "/_all"
        try:
            about = await self._read(place)
            stats = await self._read(self._path + _STATS)
        except UpstreamError:
            return ""
        shards = sorted(_primaries(stats))
        return f"{about!r} {shards!r}" if shards else ""

    async def engine(self) -> str:
        """Name the engine and its version, as far as it tells."""
        try:
            return await EngineClient(self._upstream).name()
        except UpstreamError:
            return ""

    async def close(self) -> None:
        """Let go of all connections."""
        await self._upstream.close()

    async def _read(self, target: str) -> Any:  # noqa: ANN401 any JSON
        reply = await self._send("GET", target)
        if reply.status != HTTPStatus.OK:
            raise UpstreamError(_refusal(reply))
        return _json(reply)

    async def _send(self, method: str, target: str, body: bytes | None = None) -> _Reply:
        request = UpstreamRequest(method, target, self._headers, body)
        began = perf_counter()
        try:
            async with asyncio.timeout(self.wanted.timeout_s):
                reply = await self._upstream.send(request)
                text = await reply.read()
        except TimeoutError as error:
            message = f"no whole reply within {self.wanted.timeout_s:g} s"
            raise UpstreamError(message, status=504) from error
        duration_ms = (perf_counter() - began) * 1_000
        return _Reply(reply.status, dict(reply.headers), text, duration_ms)

    def _ranking(self, query_id: str, reply: _Reply) -> Ranking:
        answer = _json(reply)
        pipeline = reply.headers.get("x-qrm-pipeline", "")
        self._check(answer, pipeline)
        return Ranking(
            query_id,
            tuple(self._hits(answer["hits"]["hits"])),
            total=_total(answer),
            duration_ms=reply.duration_ms,
            degraded=reply.headers.get("x-qrm-degraded", ""),
            rewrites=tuple(dict.fromkeys(_rewrites(answer))),
            pipeline=pipeline,
        )

    def _check(self, answer: Any, pipeline: str) -> None:  # noqa: ANN401 any JSON
        """Refuse an answer that is not the whole ranking of the arm that was meant."""
        if not isinstance(answer, dict) or "hits" not in answer:
            message = f"the reply is no search result: it has no hits ({str(answer)[:100]})"
            raise UpstreamError(message)
        if answer.get("timed_out"):
            message = "the engine ran out of time and answered with what it had (timed_out)"
            raise UpstreamError(message)
        shards = answer.get("_shards") or {}
        if failed := shards.get("failed"):
            message = f"{failed} of {shards.get('total')} shards failed: {_shard_reason(shards)}"
            raise UpstreamError(message)
        if self.arm.pipeline not in {"", "_none", pipeline}:
            message = (
                f"pipeline {self.arm.pipeline} was asked for, and the reply does not say that it "
                "served (X-QRM-Pipeline): is this a qrm proxy?"
            )
            raise UpstreamError(message)

    def _hits(self, hits: list[Any]) -> Iterator[RankedHit]:
        seen: set[str] = set()
        for hit in hits:
            source = hit.get("_source") or {}
            doc_id = str(
                _field(source, self.wanted.id_field) if self.wanted.id_field else hit["_id"]
            )
            if doc_id not in seen:
                seen.add(doc_id)
                yield RankedHit(
                    doc_id,
                    float(hit.get("_score") or 0.0),
                    tuple(hit.get("_qrm", {}).get("found_by", ())),
                    _title(source, self.wanted.title_field),
                    text_of(source, self.wanted.text_fields),
                )


def _rewrites(answer: Mapping[str, Any]) -> Iterator[str]:
    for decision in answer.get("ext", {}).get("qrm", {}).get("decisions", ()):
        if decision.get("admitted") and decision.get("kind") == "rewrite":
            yield decision["text"]


def _total(answer: Mapping[str, Any]) -> int | None:
    total = answer["hits"].get("total")
    return total.get("value") if isinstance(total, dict) else total


def _title(source: Mapping[str, Any], field: str) -> str:
    if not field:
        return ""
    try:
        value = _field(source, field)
    except UpstreamError:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _field(source: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 any JSON
    """Return a field's value, whether its dots are in names or between objects."""
    if path in source:
        return source[path]
    name, dot, rest = path.partition(".")
    if dot and isinstance(source.get(name), dict):
        return _field(source[name], rest)
    message = f"a hit has no field {path}; it has {', '.join(sorted(source)) or 'none'}"
    raise UpstreamError(message)


def _primaries(stats: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """Yield what tells each primary shard's content: it counts every operation."""
    for index, about in stats.get("indices", {}).items():
        for number, copies in about.get("shards", {}).items():
            for copy in copies:
                if copy.get("routing", {}).get("primary") and "seq_no" in copy:
                    docs = copy.get("docs", {})
                    operations = copy["seq_no"]["max_seq_no"]
                    counts = (operations, docs.get("count", 0), docs.get("deleted", 0))
                    yield (index, about.get("uuid", ""), number, *counts)


def _json(reply: _Reply) -> Any:  # noqa: ANN401 any JSON
    try:
        return read_value(reply.body)
    except NotJsonError as error:
        shown = reply.body[:100].decode(errors="replace")
        message = f"the reply is not JSON: {shown!r}"
        raise UpstreamError(message) from error


def _refusal(reply: _Reply) -> str:
    """Say what an engine says, whoever it is."""
    shown = reply.body[:300].decode(errors="replace").strip()
    try:
        error = read_value(reply.body)["error"]
        shown = error if isinstance(error, str) else _reason(error)
    except (NotJsonError, KeyError, TypeError):
        pass
    return f"HTTP {reply.status}: {shown or 'no reason given'}"


def _reason(error: Mapping[str, Any]) -> str:
    """Prefer the root cause: the outer reason is often just ``all shards failed``."""
    causes = error.get("root_cause") or [error]
    return str(causes[0].get("reason") or error.get("reason") or error)


def _shard_reason(shards: Mapping[str, Any]) -> str:
    failures = shards.get("failures") or [{}]
    return str((failures[0].get("reason") or {}).get("reason", "no reason given"))
