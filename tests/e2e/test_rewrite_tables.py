"""From weak queries to rewrites that are served: a table in Redis, built, served, and built on."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

pytestmark = [pytest.mark.elasticsearch, pytest.mark.redis]

INDEX = "weakly-searched"
TITLES = ("zorblat trainer", "zorblat trainer mesh", "red hat", "trail boot")
PROPOSED = {"kicks": "trainer", "topper": "hat"}


@pytest.fixture(scope="module")
def http() -> Iterator[urllib3.PoolManager]:
    with urllib3.PoolManager(retries=False) as pool:
        yield pool


@pytest.fixture(scope="module")
def shop(elasticsearch_url: str, http: urllib3.PoolManager) -> Iterator[str]:
    """An engine that has what both weak queries mean, under other names."""
    lines = [
        line
        for number, title in enumerate(TITLES)
        for line in ({"index": {"_id": str(number)}}, {"title": title})
    ]
    body = "".join(json.dumps(line) + "\n" for line in lines)
    kind = {"content-type": "application/x-ndjson"}
    target = f"{elasticsearch_url}/{INDEX}/_bulk?refresh=true"
    assert not http.request("POST", target, body=body, headers=kind).json()["errors"]
    yield elasticsearch_url
    http.request("DELETE", f"{elasticsearch_url}/{INDEX}")


@pytest.fixture
def build(shop: str, redis_url: str, tmp_path: Path) -> Callable[..., str]:
    """Run `qrm beque build-table` for weak queries; returns what it prints."""
    proposed = tmp_path / "proposed.jsonl"
    rows = ({"query": q, "candidates": [{"text": text}]} for q, text in PROPOSED.items())
    proposed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "judged").mkdir()
    queries = ({"id": text, "query": text} for text in PROPOSED)
    (tmp_path / "judged/queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    grades = "query_id\tproduct_id\tgrade\nkicks\t0\t3\nkicks\t1\t3\ntopper\t2\t3\n"
    (tmp_path / "judged/judgments.tsv").write_text(grades)

    def run(*weak: str) -> str:
        (tmp_path / "weak.txt").write_text("".join(f"{query}\n" for query in weak))
        told = ("--to", redis_url, "--redis-prefix", INDEX, "--work", str(tmp_path / "work"))
        engine = ("--url", shop, "--index", INDEX, "--fields", "title")
        judged = ("--candidates", str(proposed), "--judgments", str(tmp_path / "judged"))
        qrm = Path(sys.executable).with_name("qrm")
        command = (str(qrm), "beque", "build-table", str(tmp_path / "weak.txt"))
        done = subprocess.run(
            [*command, *told, *engine, *judged], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_a_table_in_redis_is_built_served_and_built_on(build, shop, redis_url, proxy, http):
    assert "1 (100%)" in build("kicks")
    table = {"plugin": "rewrite_table", "redis": redis_url, "redis_prefix": INDEX}
    pipeline = {"index": [INDEX], "timeout_ms": 10_000, "rewriters": [table]}
    url = proxy(shop, pipelines={"shop": pipeline}).url

    def found(text: str) -> set[str]:
        body = json.dumps({"query": {"match": {"title": text}}})
        kind: Any = {"content-type": "application/json"}
        answer = http.request("POST", f"{url}/{INDEX}/_search", body=body, headers=kind)
        return {hit["_source"]["title"] for hit in answer.json()["hits"]["hits"]}

    assert found("kicks") == {"zorblat trainer", "zorblat trainer mesh"}
    assert found("topper") == set()

    build("kicks", "topper")  # while it is served

    assert found("kicks") == {"zorblat trainer", "zorblat trainer mesh"}
    assert found("topper") == {"red hat"}
