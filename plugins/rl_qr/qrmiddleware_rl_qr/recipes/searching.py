"""What rewards search with: an engine behind a URL, and what is relevant of its hits."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from urllib.parse import quote

from qrmiddleware.distill.splits import normalised_query
from qrmiddleware.errors import UpstreamError
from qrmiddleware.evaluation.client import EngineClient, connect
from qrmiddleware.evaluation.templates import SearchTemplate


@dataclass(frozen=True, slots=True)
class Hit:
    """What a search found, as a shopper reads it."""

    doc_id: str
    title: str = ""


Search: TypeAlias = Callable[[Sequence[str]], Sequence[Sequence[Hit] | None]]
"""Searches for texts, each once; ``None`` for one that failed."""


class Relevance(Protocol):
    """Says how relevant hits are to a query as it was typed."""

    def scores(self, query: str, hits: Sequence[Hit]) -> Sequence[float] | None:
        """Score hits, 0..1 each; ``None`` if nothing is known of this query."""


class Scoring(Protocol):
    """What is asked of a student; ``students.opening.open_student`` opens one."""

    def scores(self, query: str, texts: Sequence[str]) -> Any:  # noqa: ANN401 an array
        """Score texts for a query: 0..1 each, or cosines."""


@dataclass(frozen=True, slots=True)
class StudentRelevance:
    """Relevance as a student holds it, which reads titles; a cosine below 0 counts as 0."""

    student: Scoring

    def scores(self, query: str, hits: Sequence[Hit]) -> Sequence[float]:
        """Score hits."""
        if not hits:
            return ()
        told: list[float] = self.student.scores(query, [hit.title for hit in hits]).tolist()
        return [max(0.0, score) for score in told]


@dataclass(frozen=True, slots=True)
class JudgedRelevance:
    """Relevance as judgments have it: what nobody judged is not relevant.

    Attributes:
        relevant: Relevant documents by query; found by ``normalised_query``.
    """

    relevant: Mapping[str, AbstractSet[str]]

    def scores(self, query: str, hits: Sequence[Hit]) -> Sequence[float] | None:
        """Score hits 1 or 0."""
        known = self.relevant.get(normalised_query(query))
        return None if known is None else [float(hit.doc_id in known) for hit in hits]


@dataclass(frozen=True, slots=True)
class Engine:
    """Where searches go.

    Attributes:
        url: Of the engine, or of a proxy in front of one.
        index: That holds the catalogue.
        template: Of a search.
        depth: Hits of one.
        title_field: What is read of a hit.
        api_key: If it wants one.
        concurrency: Searches at a time: an engine has other work.
    """

    url: str
    index: str
    template: SearchTemplate
    depth: int = 20
    title_field: str = "title"
    api_key: str = field(default="", repr=False)
    concurrency: int = 2


@contextmanager
def engine_search(engine: Engine) -> Iterator[Search]:
    """Open the way to an engine.

    A search that fails or is refused counts as failed, and the others go on.

    Raises:
        UpstreamError: From the first searches, if all of them fail.
        ConfigError: If the URL makes no sense.
    """
    with asyncio.Runner() as runner:
        upstream = connect(engine.url, api_key=engine.api_key)
        runner.run(upstream.start())
        client = EngineClient(upstream)
        try:
            yield lambda texts: runner.run(_search_all(client, engine, texts))
        finally:
            runner.run(upstream.close())


async def _search_all(
    client: EngineClient, engine: Engine, texts: Sequence[str]
) -> Sequence[Sequence[Hit] | None]:
    turns = asyncio.Semaphore(engine.concurrency)
    problems: list[UpstreamError] = []

    async def one(text: str) -> Sequence[Hit] | None:
        async with turns:
            try:
                return await _search(client, engine, text)
            except UpstreamError as error:
                problems.append(error)
                return None

    found = await asyncio.gather(*map(one, texts))
    if problems and len(problems) == len(texts):
        raise problems[0]
    return found


async def _search(client: EngineClient, engine: Engine, text: str) -> Sequence[Hit]:
    body = engine.template.fill(text, depth=engine.depth, fetched=(engine.title_field,))
    _, told = await client.call("POST", f"/{quote(engine.index, safe=',*')}/_search", body)
    try:
        hits = told["hits"]["hits"]
        return [Hit(hit["_id"], _title(hit.get("_source"), engine.title_field)) for hit in hits]
    except (KeyError, TypeError, AttributeError) as error:
        message = f"{engine.url} answered with what is no search reply ({error!r})"
        raise UpstreamError(message) from error


def _title(source: Any, name: str) -> str:  # noqa: ANN401 JSON
    value = source.get(name) if isinstance(source, dict) else None
    return " ".join(map(str, value)) if isinstance(value, list) else str(value or "")
