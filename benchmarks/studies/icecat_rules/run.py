"""What does a rules file do for real shoppers' queries? Writes ``docs/icecat.md``.

Asks each engine through the real proxy, once with ``_none`` and once with the rules:

    uv run python benchmarks/studies/icecat_rules/run.py --data FOLDER \
        --upstream Elasticsearch=http://127.0.0.1:9200 --upstream OpenSearch=http://127.0.0.1:9201

FOLDER holds ``products.jsonl.gz``, ``queries.jsonl`` and ``judgments.tsv``; nothing of it is kept
here. ``--index`` (re)makes the index first.
"""

import gzip
import json
import random
import socket
import statistics
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from qrmiddleware.demo.measures import ndcg
from qrmiddleware_benchmarks.processes import listening

HERE = Path(__file__).parent
PAGE = HERE.parents[2] / "docs" / "icecat.md"
INDEX = "icecat"
FIELDS = ("title^2", "name^2", "brand", "product_type", "description")
HELD_OUT = 3
RESAMPLES = 10_000

Scores = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True)
class Judged:
    """A query with its judgments."""

    query_id: str
    text: str
    fold: int
    grades: dict[str, int]


def load_queries(data: Path) -> list[Judged]:
    """Read queries and judgments."""
    grades: dict[str, dict[str, int]] = {}
    for line in (data / "judgments.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query_id, doc_id, grade, _ = line.split("\t")
        grades.setdefault(query_id, {})[doc_id] = int(grade)
    rows = map(json.loads, (data / "queries.jsonl").read_text(encoding="utf-8").splitlines())
    return [Judged(r["id"], r["query"], r["fold"], grades.get(r["id"], {})) for r in rows]


def ask(url: str, body: Any, *, method: str = "POST", kind: str = "json") -> Any:  # noqa: ANN401 JSON
    """Send JSON, or lines of it."""
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    request = urllib.request.Request(  # noqa: S310 the URL is the caller's own
        url, data=data, method=method, headers={"content-type": f"application/{kind}"}
    )
    with urllib.request.urlopen(request) as reply:  # noqa: S310 as above
        return json.load(reply)


def make_index(upstream: str, data: Path) -> None:
    """Index the catalogue: one shard, the standard analyzer."""
    try:
        ask(f"{upstream}/{INDEX}", None, method="DELETE")
    except urllib.error.HTTPError as error:
        error.close()
    fields = {field.partition("^")[0]: {"type": "text"} for field in FIELDS}
    ask(
        f"{upstream}/{INDEX}",
        {
            "settings": {"number_of_shards": 1, "number_of_replicas": 0},
            "mappings": {"dynamic": False, "properties": fields},
        },
        method="PUT",
    )
    lines = list(_bulk_lines(data))
    for start in track(range(0, len(lines), 2_000), description="indexing"):
        ask(f"{upstream}/{INDEX}/_bulk", b"".join(lines[start : start + 2_000]), kind="x-ndjson")
    ask(f"{upstream}/{INDEX}/_refresh", None)


def _bulk_lines(data: Path) -> Iterator[bytes]:
    with gzip.open(data / "products.jsonl.gz") as products:
        for line in products:
            product = json.loads(line)
            action = {"index": {"_id": product.pop("id")}}
            product.pop("attributes", None)
            yield f"{json.dumps(action)}\n{json.dumps(product)}\n".encode()


def search(url: str, text: str) -> list[str]:
    """Return the ids of the first 200 hits."""
    match = {"query": text, "fields": FIELDS, "type": "cross_fields", "operator": "and"}
    reply = ask(url, {"query": {"multi_match": match}, "size": 200, "_source": False})
    return [hit["_id"] for hit in reply["hits"]["hits"]]


def measure(url: str, queries: Sequence[Judged]) -> Scores:
    """Return every measure by query."""
    scores: Scores = {}
    for query in track(queries, description=url.rpartition("?")[2] or "rules"):
        found = search(url, query.text)
        judged = [doc_id for doc_id in found if doc_id in query.grades]
        scores[query.query_id] = {
            "nDCG@10": ndcg(found, query.grades),
            "nDCG@10 condensed": ndcg(judged, query.grades),
            "Judged@10": sum(doc_id in query.grades for doc_id in found[:10]) / 10,
            "nothing found": float(not found),
        }
    return scores


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the paired bootstrap's 95 % interval of the mean difference."""
    dice = random.Random(0)  # noqa: S311 resampling, not secrets
    means = sorted(
        statistics.fmean(dice.choices(differences, k=len(differences))) for _ in range(RESAMPLES)
    )
    return means[int(RESAMPLES * 0.025)], means[int(RESAMPLES * 0.975)]


def table(before: Scores, after: Scores, queries: Sequence[Judged]) -> list[str]:
    """Write one Markdown table."""
    rows = ["| measure | engine alone | with rules | difference (95 % interval) |"]
    rows.append("|---|---|---|---|")
    for measure_name in next(iter(before.values())):
        old = [before[query.query_id][measure_name] for query in queries]
        new = [after[query.query_id][measure_name] for query in queries]
        low, high = interval([b - a for a, b in zip(old, new, strict=True)])
        mean_old, mean_new = statistics.fmean(old), statistics.fmean(new)
        rows.append(
            f"| {measure_name} | {mean_old:.3f} | {mean_new:.3f} "
            f"| {mean_new - mean_old:+.3f} ({low:+.3f} to {high:+.3f}) |"
        )
    return rows


def section(name: str, version: str, compare: Callable[[Sequence[Judged]], list[str]],
            queries: Sequence[Judged]) -> list[str]:  # fmt: skip
    """Write one engine's part of the page."""
    seen = [query for query in queries if query.fold != HELD_OUT]
    unseen = [query for query in queries if query.fold == HELD_OUT]
    return [
        f"## {name} {version}",
        "",
        f"The {len(seen)} queries of folds 0 to 2, which the rules were written for:",
        "",
        *compare(seen),
        "",
        f"The {len(unseen)} queries of fold 3, which nobody looked at while writing rules:",
        "",
        *compare(unseen),
        "",
    ]


def main(
    data: Annotated[Path, typer.Option(help="Folder of the Icecat data.")],
    upstream: Annotated[list[str], typer.Option(help="NAME=URL of an engine; repeatable.")],
    index: Annotated[bool, typer.Option(help="(Re)make the index first.")] = True,
) -> None:
    """Measure, and write the page."""
    queries = load_queries(data)
    lines = [*(HERE / "page_head.md").read_text(encoding="utf-8").splitlines(), ""]
    for given in upstream:
        name, _, url = given.partition("=")
        if index:
            make_index(url, data)
        with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
            free.close()
            config = Path(folder) / "qrmiddleware.yaml"
            pipeline = {
                "index": [INDEX],
                "timeout_ms": 1_000,
                "rewriters": [{"plugin": "rules", "path": str(HERE / "rules.txt")}],
            }
            config.write_text(
                json.dumps(
                    {
                        "listen": {"port": port},
                        "admin": {"port": None},
                        "upstream": {"urls": [url]},
                        "pipelines": {"icecat": pipeline},
                    }
                ),
                encoding="utf-8",
            )
            command = [sys.executable, "-m", "qrmiddleware.cli", "serve", "-c", str(config)]
            with listening(command, port):
                proxy = f"http://127.0.0.1:{port}/{INDEX}/_search"
                before = measure(f"{proxy}?qrm_pipeline=_none", queries)
                after = measure(proxy, queries)
        version = _version(url)
        lines += section(name, version, partial(table, before, after), queries)
    PAGE.write_text("\n".join(lines), encoding="utf-8")
    typer.echo(PAGE.read_text(encoding="utf-8"))


def _version(url: str) -> str:
    nodes = ask(f"{url}/_nodes?filter_path=nodes.*.version", None, method="GET")["nodes"]
    return str(next(iter(nodes.values()))["version"])


if __name__ == "__main__":
    typer.run(main)
