"""Pairs, what is to be said of them, and an endpoint that says so."""

import pytest

from qrmiddleware.asking.endpoint import EndpointOptions
from qrmiddleware.distill.labels import Pair
from qrmiddleware.distill.teachers.llm import LlmTeacher
from qrmiddleware.distill.teachers.llm_options import LlmOptions
from qrmiddleware.distill.teachers.table_server import Graded, TableServer, table_key

SAID = {
    ("laptop", "Laptop 14 inch"): Graded("E", {"E": 0.9, "S": 0.1}),
    ("laptop", "Tablet with keyboard"): Graded("S", {"S": 0.6, "E": 0.2, "C": 0.1, "I": 0.1}),
    ("laptop", "Laptop sleeve"): Graded("C"),
    ("toner tn-2110", "Toner TN-2110 black"): Graded("E"),
    ("toner tn-2110", "Garden hose"): Graded("I", {"I": 1.0}),
}


@pytest.fixture
def pairs() -> list[Pair]:
    """Five pairs of two queries."""
    return [Pair(query, f"d{n}", text) for n, (query, text) in enumerate(SAID)]


@pytest.fixture
def server():
    """An endpoint that knows these pairs."""
    with TableServer({table_key(*key): graded for key, graded in SAID.items()}) as server:
        yield server


@pytest.fixture
def teacher(server):
    """Makes a teacher that asks the endpoint; options of both are given by name."""

    def make(**told):
        names = {"api_key", "timeout_s", "attempts", "requests_per_minute", "longest_wait_s"}
        asked = {"attempts": 3, "timeout_s": 5.0, "backoff_s": 0.001, "url": server.url}
        asked |= {name: told.pop(name) for name in names | {"url"} if name in told}
        return LlmTeacher(EndpointOptions(**asked), LlmOptions("m", **told))

    return make
