"""``qrm eval run`` on real engines, directly and through a proxy with a rule."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import urllib3

INDEX = "qrm-eval-run"
QUERIES = {"q1": "laptop", "q2": "mouse", "q3": "laptop sleeve", "q4": "wheelbarrow"}


@dataclass(frozen=True)
class Shop:
    """The catalogue behind a proxy with a rule, and judgments of it.

    Products are of four kinds in turn: laptops, notebooks, sleeves and mice.
    """

    direct: str
    proxied: str
    data: Path
    http: urllib3.PoolManager
    rules: Path


def judgments() -> str:
    """Notebooks are as good as laptops; to the wheelbarrow nothing is relevant."""
    grades = {"q1": {0: 3, 1: 3, 2: 0}, "q2": {3: 2}, "q3": {2: 2, 0: 0}, "q4": {0: 0}}
    lines = [
        f"{query_id}\t{number}\t{grades[query_id][number % 4]}"
        for query_id in QUERIES
        for number in range(40)
        if number % 4 in grades[query_id]
    ]
    return "\n".join(["query_id\tproduct_id\tgrade", *lines, ""])


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("elasticsearch_url", marks=pytest.mark.elasticsearch),
        pytest.param("opensearch_url", marks=pytest.mark.opensearch),
    ],
)
def shop(request, proxy, catalogue, tmp_path_factory):
    url = request.getfixturevalue(request.param)
    folder = tmp_path_factory.mktemp("eval")
    (folder / "rules.txt").write_text("laptop =>\n  SYNONYM: notebook\n")
    pipeline = {
        "rewriters": [{"plugin": "rules", "path": str(folder / "rules.txt")}],
        "timeout_ms": 2_000,
        "index": INDEX,
    }
    started = proxy(url, pipelines={"shop": pipeline})
    data = folder / "judged"
    data.mkdir()
    queries = [json.dumps({"id": key, "query": text}) for key, text in QUERIES.items()]
    (data / "queries.jsonl").write_text("\n".join(queries) + "\n")
    (data / "judgments.tsv").write_text(judgments())
    http = urllib3.PoolManager(retries=False)
    lines = [
        json.dumps(line)
        for number, product in enumerate(catalogue)
        for line in ({"index": {"_id": str(number)}}, product)
    ]
    http.request("DELETE", f"{url}/{INDEX}")
    settings = {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}
    json_type = {"content-type": "application/json"}
    made = http.request(
        "PUT", f"{url}/{INDEX}", body=json.dumps(settings).encode(), headers=json_type
    )
    assert made.status == 200, made.data
    filled = http.request(
        "POST",
        f"{url}/{INDEX}/_bulk?refresh=true",
        body=("\n".join(lines) + "\n").encode(),
        headers={"content-type": "application/x-ndjson"},
    )
    assert not json.loads(filled.data)["errors"]
    yield Shop(f"{url}/{INDEX}", f"{started.url}/{INDEX}", data, http, folder / "rules.txt")
    http.request("DELETE", f"{url}/{INDEX}")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    def row(self, measure: str) -> list[float]:
        """The figures of a measure, arm by arm."""
        line = re.search(rf"^ *{re.escape(measure)}((?: +[\d.]+)+) *$", self.out, re.MULTILINE)
        assert line is not None, self.out + self.err
        return [float(cell) for cell in line[1].split()]


@pytest.fixture
def run(shop, tmp_path) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        command = [
            str(Path(sys.executable).with_name("qrm")), "eval", "run",
            "--data", str(shop.data), "--fields", "title", "--depth", "100",
            "--cache", str(tmp_path / "cache"), *arguments,
        ]  # fmt: skip
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200"},
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


def arms(shop: Shop) -> list[str]:
    return [
        "--arm", f"direct={shop.direct}",
        "--arm", f"off={shop.proxied};pipeline=_none",
        "--arm", f"rules={shop.proxied};pipeline=shop",
    ]  # fmt: skip


def test_a_rule_that_finds_what_was_missing_is_measured(shop, run, tmp_path):
    ran = run(*arms(shop), "--save-runs", "runs", "--title-field", "title")

    assert ran.code == 0, ran.err
    direct, off, rules = ran.row("R@100")
    assert direct == off == pytest.approx((0.5 + 1 + 1) / 3, abs=1e-3)
    assert rules == 1.0
    assert ran.row("nothing found") == [0.0, 0.0, 0.0]
    assert "3 of 4 queries" in ran.out
    assert "1 / 2 / 0" in ran.out  # the laptop won, mouse and sleeve are as they were
    runs = {path.stem: path.read_text() for path in (tmp_path / "runs").iterdir()}
    assert runs["off"].replace(" off\n", " direct\n") == runs["direct"]


def test_what_only_a_rewrite_found_is_attributed_to_it(shop, run):
    ran = run(*arms(shop), "--value-rewrites")

    assert ran.code == 0, ran.err
    title, _, table = ran.out.partition("Rewrites")
    assert title
    (line,) = [line for line in table.splitlines() if line.startswith("│ rules")]
    cells = [cell.strip() for cell in line.strip("│").split("│")]
    # notebook for laptop: 15 notebooks, 10 judged, all new; notebook sleeve for laptop sleeve:
    # 30 hits, 10 of them judged sleeves, none new
    assert cells[:3] == ["rules", "2", "2"]
    found, relevant, irrelevant, unjudged = map(int, cells[3:7])
    assert found == relevant + irrelevant + unjudged
    assert relevant >= 10  # the ten judged notebooks, for laptop
    shares = [(10 / 15 + 10 / 30) / 2, (10 / 10 + 0) / 2, (20 / 10 + 10 / 10) / 2]
    assert list(map(float, cells[7:10])) == pytest.approx(shares, abs=1e-3)
    assert cells[10:] == [""]  # nobody said what users got elsewhere


def test_a_repeat_asks_engines_nothing_and_pipelines_everything(shop, run):
    run(*arms(shop))

    ran = run(*arms(shop))

    notes = " ".join(ran.err.split())
    assert "direct: 4 of 4 rankings come from the cache" in notes
    assert "off: 4 of 4 rankings come from the cache" in notes
    assert "rules: pipeline shop serves it" in notes


def test_a_changed_index_is_asked_again(shop, run):
    run(*arms(shop)[:2])
    body = json.dumps({"title": "acme laptop 14 inch model 0", "brand": "acme"}).encode()
    changed = shop.http.request(
        "PUT",
        f"{shop.direct}/_doc/0?refresh=true",
        body=body,
        headers={"content-type": "application/json"},
    )
    assert changed.status == 200

    ran = run(*arms(shop)[:2])

    assert "come from the cache" not in ran.err


def test_an_engine_is_not_taken_for_a_proxy(shop, run):
    ran = run("--arm", f"rules={shop.direct};pipeline=shop")

    assert ran.code == 1
    assert "unrecognized parameter: [qrm_pipeline]" in " ".join(ran.err.split())


def test_an_index_that_is_not_there_ends_the_run(shop, run):
    ran = run("--arm", f"a={shop.direct}-absent")

    assert ran.code == 2
    assert "HTTP 404: no such index" in " ".join(ran.err.split())


def test_a_search_that_the_engine_refuses_fails_the_run_and_counts_for_nobody(shop, run, tmp_path):
    clause = {"query_string": {"query": "{{query}}/", "fields": ["title"]}}
    (tmp_path / "body.json").write_text(json.dumps({"query": clause}))

    ran = run("--arm", f"broken={shop.direct};fields=;body=body.json")

    assert ran.code == 1
    assert "broken, query q1: HTTP 400" in ran.err
    assert "0 of 4 queries" in ran.out
