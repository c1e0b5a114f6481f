from collections.abc import Iterator

import pytest

from qrmiddleware.testing.engine import serve_engine


@pytest.fixture
def engine_url() -> Iterator[str]:
    """The URL of an embedded engine that is empty."""
    with serve_engine() as url:
        yield url
