"""Sends documents to an engine in batches, again where it is busy."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

import tenacity

from qrmiddleware.errors import UpstreamError
from qrmiddleware.evaluation.client import BUSY, EngineClient

WAIT: Final = tenacity.wait_random_exponential(multiplier=0.5, max=30)
_BATCH_DOCUMENTS: Final = 500
_BATCH_BYTES: Final = 4 * 2**20
_ATTEMPTS: Final = 10

Line = tuple[str, bytes]
"""A document's id, and its two lines of ``_bulk``."""


class BusyError(UpstreamError):
    """The engine takes no more for now."""


class Bulk:
    """The engine's ``_bulk``.

    Args:
        client: To the engine.
        wait: Between attempts while the engine is busy.
    """

    def __init__(self, client: EngineClient, *, wait: Any = WAIT) -> None:  # noqa: ANN401 tenacity's
        self._client = client
        self._wait = wait

    async def store(self, index: str, batch: Sequence[Line]) -> None:
        """Send a batch, and what was turned away of it again, more and more slowly.

        Raises:
            BusyError: If the engine stays busy.
            UpstreamError: If it refuses a document, or does not answer.
        """
        left = batch
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(BusyError),
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=self._wait,
            reraise=True,
        )
        async for attempt in attempts:
            with attempt:
                left = await self._attempt(index, left)
                if left:
                    message = f"the engine stayed busy: {len(left)} documents are not in"
                    raise BusyError(message)

    async def _attempt(self, index: str, batch: Sequence[Line]) -> Sequence[Line]:
        """Return what the engine turned away because it is busy."""
        body = b"".join(lines for _, lines in batch)
        target = f"/{quote(index, safe='')}/_bulk"
        status, reply = await self._client.call("POST", target, body, ndjson=True, expected=BUSY)
        if status in BUSY:
            return batch
        if not reply["errors"]:
            return ()
        outcomes = [next(iter(item.values())) for item in reply["items"]]
        refused = next((o for o in outcomes if "error" in o and o["status"] not in BUSY), None)
        if refused is not None:
            message = f"the engine refused document {refused['_id']}: {_why(refused['error'])}"
            raise UpstreamError(message)
        pairs = zip(batch, outcomes, strict=True)
        return [line for line, outcome in pairs if outcome["status"] in BUSY]


def batches(lines: Iterable[Line]) -> Iterator[Sequence[Line]]:
    """Cut into batches of a size that engines like; a document of any size goes out."""
    batch: list[Line] = []
    size_bytes = 0
    for line in lines:
        too_much = len(batch) == _BATCH_DOCUMENTS or size_bytes + len(line[1]) > _BATCH_BYTES
        if batch and too_much:
            yield batch
            batch, size_bytes = [], 0
        batch.append(line)
        size_bytes += len(line[1])
    if batch:
        yield batch


def _why(error: Mapping[str, Any]) -> str:
    cause = error.get("caused_by") or {}
    return " / ".join(str(each["reason"]) for each in (error, cause) if each.get("reason"))
