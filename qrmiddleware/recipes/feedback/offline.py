"""An engine that is searched offline: at a bounded rate, again where it is busy, each text once."""

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self

import msgspec
import tenacity

from qrmiddleware.asking.pace import Pace
from qrmiddleware.errors import ConfigError, QrmError, UpstreamError
from qrmiddleware.evaluation.arm_client import ArmClient, Wanted
from qrmiddleware.evaluation.arms import Arm
from qrmiddleware.evaluation.asking import check_depth
from qrmiddleware.evaluation.rankings import Ranking

_HOPELESS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_AT_ONCE: Final = 1_000
"""Documents of a look-up."""
_BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


class SearchRefusedError(QrmError):
    """The engine will not search for a text, however often it is asked."""


@dataclass(frozen=True, slots=True)
class OfflineOptions:
    """How an engine is searched.

    Attributes:
        depth: How many hits of a search.
        text_fields: Whose values a judge reads of a hit, in order.
        id_field: What judgments call a document by; empty for its ``_id``.
        concurrency: Searches under way at a time.
        rate: Searches a second; 0 for no bound.
        timeout_s: For one search.
        attempts: How often a search is tried that the engine is too busy for, or that it does not
            answer.
        wait: Between attempts, in tenacity's terms.
        remembered: Texts whose hits are kept, the last ones.
    """

    depth: int = 100
    text_fields: tuple[str, ...] = ()
    id_field: str = ""
    concurrency: int = 4
    rate: float = 0.0
    timeout_s: float = 30.0
    attempts: int = 6
    wait: Any = field(default=tenacity.wait_random_exponential(multiplier=0.5, max=30))
    remembered: int = 20_000


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        texts: Of the hits by doc_id, best first; empty texts where no fields were asked for.
        total: Hits that the engine counted, at least as many as there are.
    """

    texts: Mapping[str, str]
    total: int

    @property
    def doc_ids(self) -> frozenset[str]:
        """The hits."""
        return frozenset(self.texts)


class OfflineSearch:
    """Searches one engine; used as an asynchronous context manager, in one event loop.

    Args:
        arm: The engine, and what it is asked.
        options: How.

    Attributes:
        engine: Name and version, as far as it tells.
        searches: How many were sent; texts that were known are none.

    Raises:
        ConfigError: If the depth is none that engines answer, or, entering, a library is missing.
        UpstreamError: Entering, if the engine does not answer.
    """

    def __init__(self, arm: Arm, options: OfflineOptions) -> None:
        check_depth(options.depth)
        self.arm, self.options = arm, options
        wanted = Wanted(
            options.depth,
            id_field=options.id_field,
            timeout_s=options.timeout_s,
            text_fields=options.text_fields,
        )
        self._client = ArmClient(arm, wanted, connections=options.concurrency)
        self._known: OrderedDict[str, asyncio.Future[Found]] = OrderedDict()
        self._pace = Pace()
        self.engine = ""
        self.searches = 0

    async def __aenter__(self) -> Self:
        try:
            self._pace = Pace(self.options.rate * 60, burst_s=0)
        except ModuleNotFoundError as error:
            message = "a rate needs aiolimiter: pip install 'qrmiddleware[evaluation]'"
            raise ConfigError(message) from error
        try:
            self.engine = await self._name()
        except BaseException:
            await self._client.close()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def find(self, text: str) -> Found:
        """Search for a text; whoever asks for one that is being searched for waits for it.

        Raises:
            ConfigError: If the engine refuses all searches: credentials, or no such index.
            SearchRefusedError: If it refuses this one.
            UpstreamError: If it is too busy, or does not answer.
        """
        known = self._known.get(text)
        if known is not None:
            self._known.move_to_end(text)
            return await asyncio.shield(known)
        coming = self._known[text] = asyncio.get_running_loop().create_future()
        try:
            found = _found(await self._attempt(self._client.body(text)))
        except BaseException as error:
            del self._known[text]
            if isinstance(error, Exception):
                coming.set_exception(error)
                coming.exception()  # looked at: nobody else may be waiting
            else:
                coming.cancel()
            raise
        coming.set_result(found)
        self._forget()
        return found

    async def texts_of(self, doc_ids: Collection[str]) -> Mapping[str, str]:
        """Return the texts of documents by doc_id; those that the index lacks are missing.

        Raises:
            UpstreamError: As ``find``, as all others.
        """
        name, texts = self.options.id_field, dict[str, str]()
        fetched = [*filter(None, (name,)), *self.options.text_fields]
        for wanted in _batches(sorted(doc_ids)):
            clause = {"terms": {name: wanted}} if name else {"ids": {"values": wanted}}
            body = {"query": clause, "size": len(wanted), "_source": fetched or False}
            texts |= _found(await self._attempt(msgspec.json.encode(body))).texts
        return texts

    async def count(self) -> int:
        """Return how many documents there are.

        Raises:
            UpstreamError: As ``find``, as all others.
        """
        body = b'{"query": {"match_all": {}}, "size": 0, "track_total_hits": true}'
        return (await self._attempt(body)).total or 0

    async def _name(self) -> str:
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_result(lambda name: not name),
            stop=tenacity.stop_after_attempt(self.options.attempts),
            wait=self.options.wait,
            retry_error_callback=lambda _: "",
        )
        name: str = await attempts(self._client.engine)
        if not name:
            message = f"{self.arm.shown_url} does not answer"
            raise UpstreamError(message)
        return name

    async def _attempt(self, body: bytes) -> Ranking:
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(_passes),
            stop=tenacity.stop_after_attempt(self.options.attempts),
            wait=self.options.wait,
            before_sleep=self._slow_down,
            reraise=True,
        )
        try:
            return await attempts(self._send, body)
        except UpstreamError as error:
            if error.status in _HOPELESS:
                message = f"{self.arm.shown_url}: {error}"
                raise ConfigError(message) from error
            if not _passes(error):
                raise SearchRefusedError(str(error)) from error
            raise

    async def _send(self, body: bytes) -> Ranking:
        await self._pace.turn(0)
        self.searches += 1
        return await self._client.ask("", body)

    def _slow_down(self, state: tenacity.RetryCallState) -> None:
        """Send nothing else either while a busy engine is given time."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, UpstreamError) and error.status in _BUSY and state.next_action:
            self._pace.pause(state.next_action.sleep)

    def _forget(self) -> None:
        while len(self._known) > self.options.remembered:
            oldest = next(iter(self._known))
            if not self._known[oldest].done():
                return
            del self._known[oldest]


def _batches(doc_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(doc_ids), _AT_ONCE):
        yield doc_ids[start : start + _AT_ONCE]


def _passes(error: BaseException) -> bool:
    """Tell whether a search may be answered another time: it is the engine's fault, not its own."""
    if not isinstance(error, UpstreamError):
        return False
    return (
        error.status == HTTPStatus.TOO_MANY_REQUESTS
        or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
    )


def _found(ranking: Ranking) -> Found:
    texts = {hit.doc_id: hit.text for hit in ranking.hits}
    return Found(texts, max(len(texts), ranking.total or 0))
