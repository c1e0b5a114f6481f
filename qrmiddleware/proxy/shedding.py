"""Refuses what is too much, as engines do whose queues are full, before any work is spent on it."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from qrmiddleware.proxy.refusals import write_refusal

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
        return write_refusal(
            HTTPStatus.TOO_MANY_REQUESTS,
            _KIND,
            f"{self.limit} requests are under way, which is limits.max_under_way; ask again",
            closes=closes,
            bodiless=bodiless,
            retry_after_s=_RETRY_AFTER_S,
        )
