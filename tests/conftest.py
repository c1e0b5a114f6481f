"""What the tests of this folder share: the corpus of real-life search bodies, above all."""

import logging
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

CORPUS = Path(__file__).parent / "unit" / "dsl" / "corpus"


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Let Ctrl-C reach the tests of it, also where whoever started them has it ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass(frozen=True, slots=True)
class CorpusCase:
    """A search body as some client sends it, and what ``parse_search`` must make of it."""

    name: str
    client: str
    data: bytes
    parameters: str = ""
    text: str = ""
    slots: tuple[str, ...] = ()
    keeps_order: str = ""
    single_trip: str = ""
    untouched: str = ""
    runs_on: tuple[str, ...] = ("elasticsearch", "opensearch")


def corpus() -> list[CorpusCase]:
    """Every case, in the order of ``expected.yaml``."""
    expected: dict[str, dict[str, Any]] = yaml.safe_load(
        (CORPUS / "expected.yaml").read_text(encoding="utf-8")
    )
    return [
        CorpusCase(
            name,
            data=(CORPUS / f"{name}.json").read_bytes(),
            **{key: tuple(v) if isinstance(v, list) else v for key, v in facts.items()},
        )
        for name, facts in expected.items()
    ]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test the cases that it asks for.

    ``corpus_case`` is every one, ``text_case`` those with a text, and ``runnable_case`` those
    that an engine can run, with the fixture ``shop`` on that engine.
    """
    if "corpus_case" in metafunc.fixturenames:
        cases = corpus()
        metafunc.parametrize("corpus_case", cases, ids=[case.name for case in cases])
    if "text_case" in metafunc.fixturenames:
        cases = [case for case in corpus() if case.text]
        metafunc.parametrize("text_case", cases, ids=[case.name for case in cases])
    if "runnable_case" in metafunc.fixturenames:
        pairs = [
            pytest.param(
                engine, case, id=f"{engine}-{case.name}", marks=getattr(pytest.mark, engine)
            )
            for engine in ("elasticsearch", "opensearch")
            for case in corpus()
            if case.text and engine in case.runs_on
        ]
        metafunc.parametrize(("shop", "runnable_case"), pairs, indirect=["shop"], scope="module")


@pytest.fixture(autouse=True)
def _others_log_as_before() -> Iterator[None]:
    """Take back where other libraries log to: a test's proxy sends them to its own output."""
    theirs = [logging.getLogger(name) for name in ("uvicorn", "asyncio", "aiohttp")]
    before = [(one, list(one.handlers), one.propagate) for one in theirs]
    yield
    for one, handlers, propagate in before:
        one.handlers, one.propagate = handlers, propagate
