"""The engines that both studies ask, filled with the catalogue."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from qrmiddleware_benchmarks.engines import Engine, running
from qrmiddleware_benchmarks.fronts import run_qrm

INDEX: Final = "icecat"
TEXT_FIELDS: Final = "title,description"
"""That are searched, and that students read."""
ANALYZERS: Final = {"elasticsearch": "standard", "opensearch": "english"}
BRANDS: Final = {"elasticsearch": "Elasticsearch", "opensearch": "OpenSearch"}
_FIRST_PORT: Final = 9390


@contextmanager
def filled(data: Path) -> Iterator[Mapping[str, Engine]]:
    """Start both, and index the catalogue in each; yields them by name."""
    with ExitStack() as stack:
        engines = {
            name: stack.enter_context(running(name, port=port))
            for port, name in enumerate(ANALYZERS, _FIRST_PORT)
        }
        for name, engine in engines.items():
            where = ("--url", engine.url, "--index", INDEX, "--replace")
            how = ("--fields", TEXT_FIELDS, "--analyzer", ANALYZERS[name])
            run_qrm("eval", "index", data, *where, *how)
        yield engines


def title_of(name: str) -> str:
    """Return a section's title."""
    return f"{BRANDS[name]}, analyzer {ANALYZERS[name]}"
