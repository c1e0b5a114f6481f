"""Puts a student's vectors beside the documents of an index."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, Protocol
from urllib.parse import quote

import msgspec

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.bulk import WAIT, Bulk, Line, batches
from qrmiddleware.evaluation.client import EngineClient, RefusedError
from qrmiddleware.students.texts import text_of

PAGE: Final = 200
_KEPT: Final = "5m"
"""How long the engine keeps its place between two pages."""
_HIDDEN: Final = "index.mapping.exclude_source_vectors"
_UNSUPPORTED: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


class Embeds(Protocol):
    """Makes vectors of texts, as a bi-encoder does."""

    def vectors(self, texts: Sequence[str]) -> Any:  # noqa: ANN401 an array
        """Return shape (texts, width), each of length 1."""


@dataclass(frozen=True, slots=True)
class EmbeddingPlan:
    """Which vectors are put where.

    Attributes:
        index: Name of the index, or of an alias of one.
        field: Of the vectors; mapped if it is not.
        text_fields: Of a document, whose values are its text.
        width: Of a vector.
        missing: Only for documents that have none.
    """

    index: str
    field: str
    text_fields: tuple[str, ...]
    width: int
    missing: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """What was done.

    Attributes:
        written: Documents that got a vector.
        without_text: Documents that have nothing to make one of.
    """

    written: int
    without_text: int


class Embedder:
    """Writes vectors into one engine: Elasticsearch or OpenSearch.

    Args:
        client: To the engine.
        student: Makes the vectors.
        wait: Between attempts while the engine is busy.
    """

    def __init__(
        self,
        client: EngineClient,
        student: Embeds,
        *,
        wait: Any = WAIT,  # noqa: ANN401 tenacity's
    ) -> None:
        self._client = client
        self._student = student
        self._bulk = Bulk(client, wait=wait)

    async def embed(
        self, plan: EmbeddingPlan, tick: Callable[[int, int], object] = lambda _done, _total: None
    ) -> Embedded:
        """Give the documents their vectors, page by page.

        A document that changes meanwhile keeps its change; run it again with ``missing`` for
        those that came meanwhile.

        Args:
            plan: Which and where.
            tick: Is told how many documents were seen, and how many there are.

        Raises:
            ConfigError: If the index keeps vectors out of what searches return, or the field is
                mapped as something else.
            UpstreamError: If the engine refuses something, or does not answer.
        """
        await self._check_source(plan)
        await self._map(plan)
        written = without_text = 0
        async for hits, total in self._pages(plan):
            known = [(hit, text_of(hit["_source"], plan.text_fields)) for hit in hits]
            readable = [(hit, text) for hit, text in known if text]
            if readable:
                vectors = self._student.vectors([text for _, text in readable])
                lines = [
                    _line(hit["_id"], plan.field, vector.tolist())
                    for (hit, _), vector in zip(readable, vectors, strict=True)
                ]
                for batch in batches(lines):
                    await self._bulk.store(plan.index, batch)
            written += len(readable)
            without_text += len(hits) - len(readable)
            tick(written + without_text, total)
        await self._client.call("POST", f"{_path(plan)}/_refresh")
        return Embedded(written, without_text)

    async def _check_source(self, plan: EmbeddingPlan) -> None:
        """Elasticsearch 9.2 and later leave vectors out of ``_source`` unless told otherwise."""
        target = f"{_path(plan)}/_settings?include_defaults=true&flat_settings=true"
        status, told = await self._client.call("GET", target, expected=_UNSUPPORTED)
        if status != HTTPStatus.OK:
            return
        for name, each in told.items():
            settings = {**each.get("defaults", {}), **each.get("settings", {})}
            if str(settings.get(_HIDDEN, "false")) == "true":
                message = (
                    f"index {name} leaves vectors out of what searches return, so that no plugin "
                    f"would find them: make it with the setting {_HIDDEN}: false, which can only "
                    "be set when it is made, and reindex"
                )
                raise ConfigError(message)

    async def _map(self, plan: EmbeddingPlan) -> None:
        _, told = await self._client.call("GET", f"{_path(plan)}/_mapping")
        wanted = await self._mapping(plan)
        for name, each in told.items():
            found = _mapped(each.get("mappings", {}), plan.field)
            if found is None:
                continue
            kind, width = found.get("type"), found.get("dims", plan.width)
            if kind != wanted["type"] or width != plan.width:
                message = (
                    f"field {plan.field} of index {name} is mapped as {kind} of {width}, and "
                    f"vectors here are {wanted['type']} of {plan.width}: name another with --field"
                )
                raise ConfigError(message)
        properties: dict[str, Any] = wanted
        for part in reversed(plan.field.split(".")):
            properties = {"properties": {part: properties}}
        try:
            await self._client.call(
                "PUT", f"{_path(plan)}/_mapping", msgspec.json.encode(properties)
            )
        except RefusedError as error:
            message = f"field {plan.field} cannot be mapped: {error}"
            raise ConfigError(message) from error

    async def _mapping(self, plan: EmbeddingPlan) -> dict[str, Any]:
        """Return how vectors are kept that nobody searches by."""
        if (await self._client.name()).startswith("OpenSearch"):
            return {"type": "float", "index": False}
        return {"type": "dense_vector", "dims": plan.width, "index": False}

    async def _pages(
        self, plan: EmbeddingPlan
    ) -> AsyncIterator[tuple[Sequence[Mapping[str, Any]], int]]:
        """Yield the documents' texts, as they were when this began, and how many there are."""
        query: dict[str, Any] = {"match_all": {}}
        if plan.missing:
            query = {"bool": {"must_not": {"exists": {"field": plan.field}}}}
        search = {
            "query": query,
            "_source": list(plan.text_fields),
            "size": PAGE,
            "sort": ["_doc"],
            "track_total_hits": True,
        }
        target = f"{_path(plan)}/_search?scroll={_KEPT}"
        _, page = await self._client.call("POST", target, msgspec.json.encode(search))
        try:
            while page["hits"]["hits"]:
                yield page["hits"]["hits"], page["hits"]["total"]["value"]
                body = msgspec.json.encode({"scroll": _KEPT, "scroll_id": page["_scroll_id"]})
                _, page = await self._client.call("POST", "/_search/scroll", body)
        finally:
            body = msgspec.json.encode({"scroll_id": page["_scroll_id"]})
            await self._client.call("DELETE", "/_search/scroll", body, expected=_UNSUPPORTED)


def _path(plan: EmbeddingPlan) -> str:
    return f"/{quote(plan.index, safe='')}"


def _line(doc_id: str, field: str, vector: Sequence[float]) -> Line:
    """Return an update that leaves all other fields as they are."""
    document: object = vector
    for part in reversed(field.split(".")):
        document = {part: document}
    action = msgspec.json.encode({"update": {"_id": doc_id}})
    return doc_id, b"%b\n%b\n" % (action, msgspec.json.encode({"doc": document}))


def _mapped(mappings: Mapping[str, Any], field: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = mappings
    for part in field.split("."):
        found = (found or {}).get("properties", {}).get(part)
    return found
