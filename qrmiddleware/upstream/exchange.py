"""The shape of one trip upstream, whoever answers it."""

from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

Headers: TypeAlias = Sequence[tuple[str, str]]
"""Header fields in order, names in lower case, repeats allowed."""


@dataclass(frozen=True, slots=True)
class UpstreamRequest:
    """What is asked.

    Attributes:
        method: In upper case.
        target: Path and query as in the request line, percent-encoding as the client sent it.
        headers: Without hop-by-hop fields and ``content-length``.
        body: All of it; or its chunks as they come in, which can be sent only once; or ``None``.
        whole: The reply is of use as a whole only: one that breaks off may be asked for again.
    """

    method: str
    target: str
    headers: Headers = ()
    body: bytes | AsyncIterable[bytes] | None = None
    whole: bool = False


class UpstreamReply(Protocol):
    """What came back: status and headers at once, the body as it arrives.

    The body is as it was on the wire: a ``content-encoding`` header still applies to it.
    """

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Headers:
        """Without hop-by-hop fields."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body in bounded pieces; raises ``UpstreamError`` if it breaks off."""

    async def read(self) -> bytes:
        """Return the whole body; raises ``UpstreamError`` if it breaks off."""

    async def close(self) -> None:
        """Let go of the connection; cancels what has not been read."""


class Upstream(Protocol):
    """Something that speaks Elasticsearch's HTTP API."""

    async def start(self) -> None:
        """Open what is needed; called once, in the event loop that will serve."""

    async def send(self, request: UpstreamRequest) -> UpstreamReply:
        """Make one trip.

        Cancelling the call or closing the reply cancels the request upstream.

        Raises:
            UpstreamError: If no node answered; ``status`` says how to tell the client.
        """

    async def close(self) -> None:
        """Close connections and files."""
