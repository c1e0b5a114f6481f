import json

import pytest

from qrmiddleware.testing.engine import serve_engine

TITLES = {
    "d1": "red shoe",
    "d2": "blue shoe",
    "d3": "red hat",
    "d4": "trainers",
    "d5": "shoe rack",
    "d6": "green trainers",
}


@pytest.fixture
def engine():
    """An engine with the index ``shop``, and what a command is told of it."""
    with serve_engine("shop", {key: {"title": title} for key, title in TITLES.items()}) as url:
        yield ("--url", url, "--index", "shop", "--fields", "title")


@pytest.fixture
def judged(tmp_path):
    """Judgments of three queries, two of which find nothing that is relevant."""
    folder = tmp_path / "judged"
    folder.mkdir()
    queries = [{"id": text, "query": text} for text in ("sneakers", "kicks", "trainers")]
    (folder / "queries.jsonl").write_text("".join(json.dumps(query) + "\n" for query in queries))
    grades = "".join(f"{q['id']}\t{d}\t3\n" for q in queries for d in ("d1", "d2", "d4", "d6"))
    (folder / "judgments.tsv").write_text(f"query_id\tproduct_id\tgrade\n{grades}")
    return folder
