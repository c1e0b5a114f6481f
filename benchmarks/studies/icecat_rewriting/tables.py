"""A rewrite table for the weak queries of a log, and what a search costs with it and without."""

import json
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Final

import msgspec
from arms import PORT, generator, pipeline, serving
from training import FIELDS, RELEVANT, Shop

from qrmiddleware.evaluation.comparison import percentiles
from qrmiddleware.evaluation.report.wording import value_text
from qrmiddleware.recipes.rewrite_tables.building import REPORT, BuildReport
from qrmiddleware_benchmarks.fronts import run_qrm
from qrmiddleware_rewrite_table.sqlite_table import SqliteTable

LOGGED: Final = "4000"
TIMED: Final = 300
"""Queries of the table that are searched for."""
NOTHING: Final = "nothing"
GENERATOR: Final = "generator"
AGAIN: Final = "generator, asked again"
"""Which has its answer at hand."""
TIMES: Final = "latency.json"


def build(shop: Shop, minilm: Path, model: Path, work: Path) -> Path:
    """Build the table of a log's weak queries; returns its file."""
    weak, table = work / "weak.jsonl", work / "rewrites.sqlite"
    engine = ("--url", shop.url, "--index", shop.index, "--body", shop.search)
    judged = ("--student", minilm, "--min-score", RELEVANT, "--text-fields", FIELDS)
    if not table.is_file():
        run_qrm("beque", "find-weak", shop.log, "--to", weak, *engine, *judged, "--most", LOGGED)
        least = ("--min-relevance", "0.3", "--min-increment", "0.1")
        made = ("--work", work, "--to", table, "--generator", model)
        run_qrm("beque", "build-table", weak, *made, *engine, *judged, *least)
    return table


def measure(shop: Shop, table: Path, model: Path, work: Path) -> None:
    """Time searches for queries of the table, arm after arm for each query."""
    stored = {"plugin": "rewrite_table", "path": str(table)}
    ways = {
        NOTHING: pipeline([]),
        "table hit": pipeline([stored]),
        GENERATOR: pipeline([generator(model)]),
    }
    with closing(SqliteTable(table)) as opened:
        queries = list(dict.fromkeys(entry.query for entry in opened.entries()))[:TIMED]
    times: dict[str, list[float]] = {name: [] for name in (*ways, AGAIN)}
    with (
        serving(ways, shop.url, work / "latency.yaml") as named,
        closing(HTTPConnection("127.0.0.1", PORT, timeout=120)) as connection,
    ):
        for query in queries:
            body = shop.search.read_text(encoding="utf-8")
            asked = body.replace('"{{query}}"', json.dumps(query)).encode()
            for name, found in times.items():
                way = GENERATOR if name == AGAIN else name
                target = f"/{shop.index}/_search?qrm_pipeline={named[way]}"
                found.append(_search(connection, target, asked))
    (work / TIMES).write_text(json.dumps(times), encoding="utf-8")


def _search(connection: HTTPConnection, target: str, body: bytes) -> float:
    """Search, and return how many milliseconds it took."""
    began = perf_counter()
    connection.request("POST", target, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    if answer.status != 200:  # noqa: PLR2004 HTTP's OK
        message = f"{target}: HTTP {answer.status}"
        raise RuntimeError(message)
    return 1_000 * (perf_counter() - began)


def section(work: Path) -> list[str]:
    """Write what the table holds, and what searches cost."""
    built = msgspec.json.decode((work / REPORT).read_bytes(), type=BuildReport)
    times = msgspec.json.decode((work / TIMES).read_bytes(), type=dict[str, list[float]])
    lines = [_told(built), "", "| rewrites of | p50 ms | p95 ms | more than nothing, median |"]
    lines.append("|---|---:|---:|---:|")
    for name, took in times.items():
        told = percentiles(took)
        more = median(one - two for one, two in zip(took, times[NOTHING], strict=True))
        extra = "" if name == NOTHING else f"{more:.1f} ms"
        lines.append(f"| {name} | {told['p50']:.1f} | {told['p95']:.1f} | {extra} |")
    return lines


def _told(built: BuildReport) -> str:
    share = built.repaired / max(1, built.weak)
    return (
        "The log is of another shop, and much of what it is asked for is not to be had here. "
        f"Of its {LOGGED} most frequent queries {built.weak:,} are weak, and "
        f"{built.repaired:,} of these ({share:.0%}) have a rewrite in the table: "
        f"{built.rewrites:,} in all, with a mean relevance of {value_text(built.relevance or 0)} "
        f"and an increment of {value_text(built.increment or 0)}. Single searches on "
        f"Elasticsearch for {min(TIMED, built.repaired)} of them, arms in turn:"
    )
