"""Keeps requests within the rates that an endpoint allows."""

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from aiolimiter import AsyncLimiter

BURST_S: Final = 5.0
"""What may be sent at once is what is allowed in this time; endpoints refill steadily, too."""


class Pace:
    """Lets requests go within requests and tokens a minute, and none during a pause.

    Made and used in one event loop.

    Args:
        requests_per_minute: 0 for no bound.
        tokens_per_minute: Likewise.
        burst_s: What is allowed in this time may go at once; with 0 requests go one by one.
    """

    def __init__(
        self,
        requests_per_minute: float = 0.0,
        tokens_per_minute: float = 0.0,
        burst_s: float = BURST_S,
    ) -> None:
        self._requests = _limiter(requests_per_minute, burst_s)
        self._tokens = _limiter(tokens_per_minute, burst_s)
        self._resume = 0.0

    async def turn(self, tokens: int) -> None:
        """Wait until a request of so many tokens may go."""
        clock = asyncio.get_running_loop().time
        while True:
            while self._resume > clock():  # noqa: ASYNC110 the time may move on meanwhile
                await asyncio.sleep(self._resume - clock())
            await self._take(tokens)
            if self._resume <= clock():
                return
            # A pause came meanwhile: another turn, or all that waited would go at once after it.

    async def _take(self, tokens: int) -> None:
        if self._requests is not None:
            await self._requests.acquire()
        left: float = tokens
        while self._tokens is not None and left > 0:  # a request may be larger than the window
            part = min(left, self._tokens.max_rate)
            await self._tokens.acquire(part)
            left -= part

    def pause(self, seconds: float) -> None:
        """Let no request go for a while."""
        self._resume = max(self._resume, asyncio.get_running_loop().time() + seconds)


def _limiter(per_minute: float, burst_s: float) -> "AsyncLimiter | None":
    if per_minute <= 0:
        return None
    from aiolimiter import AsyncLimiter  # noqa: PLC0415 extra `llm`

    window_s = max(burst_s, 60.0 / per_minute)  # at least one at a time
    return AsyncLimiter(per_minute / 60.0 * window_s, window_s)
