"""Pairs in a file, and an endpoint that knows what to say of them."""

import json

import pytest

from qrmiddleware.distill.teachers.table_server import Graded, TableServer, table_key

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
