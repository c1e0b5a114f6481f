"""Puts a catalogue into an engine."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from itertools import chain, islice
from time import perf_counter
from typing import Any, Final

import msgspec

from qrmiddleware.errors import ConfigError, QrmError
from qrmiddleware.evaluation.bulk import WAIT, Bulk, Line, batches
from qrmiddleware.evaluation.client import EngineClient, RefusedError
from qrmiddleware.evaluation.collection import Document
from qrmiddleware.evaluation.mapping import index_body

SAMPLE: Final = 1_000
"""Documents that are looked at to know what fields there are."""

_UNSUPPORTED: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


class IncompleteError(QrmError):
    """A catalogue is in the engine in part only; says why."""


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How a catalogue is indexed.

    Attributes:
        index: Name of the index.
        analyzer: Of text.
        text_fields: What is text; all words if empty.
        body: Settings and mappings instead of those made of the catalogue.
        replace: Delete an index of that name first.
    """

    index: str
    analyzer: str = "standard"
    text_fields: tuple[str, ...] = ()
    body: Mapping[str, Any] | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Indexed:
    """What was done.

    Attributes:
        sent: Documents that the catalogue has.
        count: Documents that the index has; fewer if an id came twice.
        duration_s: From the first request to the last reply.
        merged: Whether the index is one segment, as far as the engine can.
        mappings: Of the index.
    """

    sent: int
    count: int
    duration_s: float
    merged: bool
    mappings: Mapping[str, Any]


class CatalogueIndexer:
    """Puts catalogues into one engine.

    Args:
        client: To the engine.
        wait: Between attempts while the engine is busy.
    """

    def __init__(self, client: EngineClient, *, wait: Any = WAIT) -> None:  # noqa: ANN401 tenacity's
        self._client = client
        self._bulk = Bulk(client, wait=wait)

    async def index(
        self, documents: Iterable[Document], plan: IndexPlan, tick: Callable[[int], object]
    ) -> Indexed:
        """Make the index, fill it, and see that all of it can be searched.

        Args:
            documents: Read as they are sent.
            plan: How.
            tick: Is told how many more are in.

        Raises:
            ConfigError: If the index is there and is not to be replaced, or cannot be made.
            IncompleteError: If the engine refuses a document or stays busy, or the catalogue
                cannot be read to its end.
            UpstreamError: If the engine does not answer, or refuses something else.
        """
        _check_name(plan.index)
        coming = iter(documents)
        sample = tuple(islice(coming, SAMPLE))
        if not sample:
            message = "the catalogue has no documents"
            raise ConfigError(message)
        body = plan.body or index_body(sample, analyzer=plan.analyzer, text_fields=plan.text_fields)
        began = perf_counter()
        await self._make_room(plan)
        await self._create(plan, body)
        sent = await self._fill(plan.index, chain(sample, coming), tick)
        await self._client.call("POST", f"/{plan.index}/_refresh")
        merged = await self._merge(plan.index)
        _, counted = await self._client.call("GET", f"/{plan.index}/_count")
        duration_s = perf_counter() - began
        return Indexed(sent, counted["count"], duration_s, merged, body["mappings"])

    async def _make_room(self, plan: IndexPlan) -> None:
        absent = (HTTPStatus.NOT_FOUND,)
        status, _ = await self._client.call("HEAD", f"/{plan.index}", expected=absent)
        if status == HTTPStatus.NOT_FOUND:
            return
        if not plan.replace:
            message = (
                f"there is an index {plan.index} already; name another with --index, or delete "
                "and make it anew with --replace"
            )
            raise ConfigError(message)
        await self._client.call("DELETE", f"/{plan.index}")

    async def _create(self, plan: IndexPlan, body: Mapping[str, Any]) -> None:
        try:
            await self._client.call("PUT", f"/{plan.index}", msgspec.json.encode(body))
        except RefusedError as error:
            if error.reply_status != HTTPStatus.BAD_REQUEST:
                raise
            message = f"the index cannot be made: {error}"
            if plan.body is None and "analyzer" in str(error):
                message += f"; if it has no analyzer {plan.analyzer!r}, try --analyzer standard"
            raise ConfigError(message) from error

    async def _fill(
        self, index: str, documents: Iterable[Document], tick: Callable[[int], object]
    ) -> int:
        sent = 0
        try:
            for batch in batches(map(_line, documents)):
                await self._bulk.store(index, batch)
                sent += len(batch)
                tick(len(batch))
        except QrmError as error:
            message = f"{error}; {index} has only the first {sent:,} documents or a few more"
            raise IncompleteError(message) from error
        return sent

    async def _merge(self, index: str) -> bool:
        """Make the index one segment, so that searches cost the same each time."""
        target = f"/{index}/_forcemerge?max_num_segments=1"
        status, _ = await self._client.call("POST", target, expected=_UNSUPPORTED)
        return status == HTTPStatus.OK


def _line(document: Document) -> Line:
    action = msgspec.json.encode({"index": {"_id": document.doc_id}})
    return document.doc_id, b"%b\n%b\n" % (action, msgspec.json.encode(dict(document.source)))


def _check_name(index: str) -> None:
    odd = set(index) & set('\\/*?"<>| ,#:%')
    if not index or odd or index != index.lower() or index[0] in "-_+." or index == "_all":
        message = f"{index!r} is no name of an index: lower case, no blanks or wildcards in it"
        raise ConfigError(message)
