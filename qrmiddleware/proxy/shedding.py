"""Refuses what is too much, as engines do whose queues are full, before any work is spent on it."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from qrmiddleware.proxy.client import error_body

_STATUS: Final = HTTPStatus.TOO_MANY_REQUESTS
_RETRY_AFTER_S: Final = 1
_KIND: Final = "es_rejected_execution_exception"


@dataclass(frozen=True, slots=True)
class Shedding:
    """How many requests one process takes on, and what the others are told.

    Attributes:
        limit: Requests under way at a time, from their head to the last byte of their reply.
        refused: Is called for each that is refused.
    """

    limit: int
    refused: Callable[[], None]

    def reply(self, *, bodiless: bool, closes: bool) -> bytes:
        """Write the refusal as HTTP.

        Args:
            bodiless: The request's method is ``HEAD``.
            closes: The connection ends with it.
        """
        reason = f"{self.limit} requests are under way, which is limits.max_under_way; ask again"
        body = error_body(_STATUS, _KIND, reason)
        head = (
            f"HTTP/1.1 {_STATUS.value} {_STATUS.phrase}\r\ncontent-type: application/json\r\n"
            f"retry-after: {_RETRY_AFTER_S}\r\ncontent-length: {len(body)}\r\n"
            f"{'connection: close' if closes else ''}"
        )
        return f"{head.rstrip()}\r\n\r\n".encode() + (b"" if bodiless else body)
