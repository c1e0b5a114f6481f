"""Pairs in a file, and an endpoint that knows what to say of them."""

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from qrmiddleware.distill.teachers.table_server import Graded, TableServer, table_key

_FILE = Path(__file__).parents[2] / "students" / "conftest.py"


def _tiny_students():
    """Load the fixtures that write students; tests are no packages."""
    spec = spec_from_file_location("tiny_students", _FILE)
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


bert, make_student = (getattr(_tiny_students(), name) for name in ("bert", "make_student"))

ROWS = [
    {"query": f"shoe{n % 4}", "doc_id": f"d{n}", "text": f"Shoe {n}", "grade": "ESCI"[n % 4]}
    for n in range(12)
]


@pytest.fixture
def pairs(tmp_path):
    """Twelve pairs of four queries."""
    file = tmp_path / "pairs.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return file


@pytest.fixture
def server():
    """A teacher."""
    table = {table_key(row["query"], row["text"]): Graded(row["grade"]) for row in ROWS}
    with TableServer(table) as server:
        yield server
