"""The embedded engine as an upstream."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from qrmiddleware.errors import ConfigError, UpstreamError
from qrmiddleware.upstream.exchange import Headers, UpstreamRequest

if TYPE_CHECKING:
    from qrmiddleware.upstream.embedded.engine import EmbeddedEngine


@dataclass(frozen=True, slots=True)
class EmbeddedReply:
    """An answer that is all there."""

    status: int
    headers: Headers
    body: bytes

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body at once."""
        yield self.body

    async def read(self) -> bytes:
        """Return the body."""
        return self.body

    async def close(self) -> None:
        """Nothing is held."""


class EmbeddedUpstream:
    """Answers from an engine in this process.

    Args:
        path: The folder to keep indices in; ``None`` keeps them in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._engine: EmbeddedEngine | None = None

    async def start(self) -> None:
        """Open the folder and build the index.

        Raises:
            ConfigError: If tantivy is not installed, or another process uses the folder.
        """
        self._engine = await asyncio.to_thread(_open, self._path)

    async def send(self, request: UpstreamRequest) -> EmbeddedReply:
        """Answer a request in a thread.

        Raises:
            UpstreamError: If the engine is not started, or fails.
        """
        if self._engine is None:
            message = "the embedded engine is not started"
            raise UpstreamError(message)
        body = request.body or b""
        if not isinstance(body, bytes):
            body = b"".join([chunk async for chunk in body])
        status, headers, content = await asyncio.to_thread(
            self._engine.handle, request.method, request.target, request.headers, body
        )
        return EmbeddedReply(status, headers, content)

    async def close(self) -> None:
        """Let go of the files."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await asyncio.to_thread(engine.close)


def _open(path: Path | None) -> "EmbeddedEngine":
    try:
        from qrmiddleware.upstream.embedded.engine import EmbeddedEngine  # noqa: PLC0415 - loads the optional tantivy
    except ImportError as error:
        message = (
            f"the embedded engine needs tantivy ({error}): pip install 'qrmiddleware[embedded]'"
        )
        raise ConfigError(message) from error
    return EmbeddedEngine(path)
