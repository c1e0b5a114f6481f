"""Engines to fill: the embedded one, and one that answers as it is told to."""

from collections.abc import AsyncIterator

import pytest

from qrmiddleware.upstream.embedded import EmbeddedUpstream
from qrmiddleware.upstream.embedded.upstream import EmbeddedReply


class ScriptedUpstream:
    """Gives one answer after the other, and keeps what it was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked = []

    async def start(self) -> None:
        pass

    async def send(self, request):
        self.asked.append(request)
        status, body = self.answers.pop(0)
        return EmbeddedReply(status, (), body)

    async def close(self) -> None:
        pass


@pytest.fixture
def scripted() -> type[ScriptedUpstream]:
    """An upstream with its answers written down."""
    return ScriptedUpstream


@pytest.fixture
async def embedded() -> AsyncIterator[EmbeddedUpstream]:
    """An embedded engine in memory."""
    upstream = EmbeddedUpstream()
    await upstream.start()
    yield upstream
    await upstream.close()
