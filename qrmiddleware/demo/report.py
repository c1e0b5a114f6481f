"""What the pipeline changes over all judged searches, and how that is shown."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from qrmiddleware.demo.indexing import INDEX, PLACEHOLDER, SEARCH, Shop
from qrmiddleware.demo.judgments import EXACT, JudgedQuery
from qrmiddleware.demo.measures import CUTOFF, ndcg
from qrmiddleware.demo.stock import Stock

BATCH = 20
SAME = 0.0005
"""Differences below this do not show in three digits."""


@dataclass(frozen=True, slots=True)
class Measured:
    """nDCG of one search: with the engine alone, and through the pipeline."""

    query: JudgedQuery
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Group:
    """Means over some searches."""

    name: str
    count: int
    before: float
    after: float
    better: int
    worse: int


async def measure(shop: Shop, stock: Stock, tick: Callable[[int], object]) -> list[Measured]:
    """Run every judged search both ways; ``tick`` is told how many more are done."""
    measured: list[Measured] = []
    qrels = stock.qrels
    for start in range(0, len(stock.queries), BATCH):
        batch = stock.queries[start : start + BATCH]
        texts = [query.text for query in batch]
        before = await shop.rankings(texts, size=CUTOFF, plain=True)
        after = await shop.rankings(texts, size=CUTOFF, plain=False)
        measured += [
            Measured(query, ndcg(old, qrels[query.query_id]), ndcg(new, qrels[query.query_id]))
            for query, old, new in zip(batch, before, after, strict=True)
        ]
        tick(len(batch))
    return measured


def group_name(query: JudgedQuery) -> str:
    """Say what sort of search it is, and which plugin knows its words, if any does."""
    return f"{query.kind} ({query.remedy})" if query.remedy else query.kind


def summarise(measured: Sequence[Measured]) -> tuple[Group, list[Group]]:
    """Return means over all searches, and over each sort in the order of its first search."""
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        groups.setdefault(group_name(one.query), []).append(one)
    return _group("all", measured), [_group(name, members) for name, members in groups.items()]


def _group(name: str, members: Sequence[Measured]) -> Group:
    return Group(
        name,
        len(members),
        mean(one.before for one in members),
        mean(one.after for one in members),
        sum(one.after - one.before > SAME for one in members),
        sum(one.before - one.after > SAME for one in members),
    )


def means_table(total: Group, groups: Iterable[Group]) -> Table:
    """Show the means, the total last."""
    table = Table(box=box.SIMPLE_HEAD, title="mean nDCG@10, all judged searches")
    table.add_column("searches", no_wrap=True)
    for heading in ("count", "alone", "pipeline", "change", "better", "worse"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in groups:
        table.add_row(*_cells(group))
    table.add_section()
    table.add_row(*_cells(total), style="bold")
    return table


def _cells(group: Group) -> tuple[str | Text, ...]:
    change = group.after - group.before
    colour = "green" if change > SAME else "red" if change < -SAME else ""
    return (
        group.name,
        str(group.count),
        f"{group.before:.3f}",
        f"{group.after:.3f}",
        Text(f"{change:+.3f}", style=colour),
        str(group.better),
        str(group.worse),
    )


def comparison_table(
    text: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    grades: Mapping[str, int],
    *,
    rows: int = 5,
) -> Table:
    """Show the first hits of one search side by side, with their judgments."""
    table = Table(box=box.SIMPLE_HEAD, title=f"“{text}”", expand=True)
    table.add_column("", justify="right", style="dim", width=2)
    for name, reply in (("engine alone", before), ("through the pipeline", after)):
        heading = Text.assemble(name, "\n", (_sum_up(reply, grades), "dim"))
        table.add_column(heading, ratio=1, no_wrap=True, overflow="ellipsis")
    for rank in range(rows):
        cells = [_hit_cell(reply["hits"]["hits"], rank, grades) for reply in (before, after)]
        table.add_row(str(rank + 1), *cells)
    return table


def _sum_up(reply: Mapping[str, Any], grades: Mapping[str, int]) -> str:
    value = ndcg([hit["_id"] for hit in reply["hits"]["hits"]], grades)
    total = reply["hits"]["total"]
    more = "+" if total["relation"] == "gte" else ""
    return f"{total['value']:,}{more} hits, nDCG@{CUTOFF} {value:.2f}"


def _hit_cell(hits: Sequence[Mapping[str, Any]], rank: int, grades: Mapping[str, int]) -> Text:
    if rank >= len(hits):
        return Text("nothing found" if not hits and rank == 0 else "", style="dim")
    hit = hits[rank]
    grade = grades.get(hit["_id"], 0)
    colour = {EXACT: "green", 0: "dim"}.get(grade, "yellow")
    dots = "●" * grade + "○" * (EXACT - grade)
    return Text.assemble((dots, colour), " ", hit["_source"]["title"])


def curl_command(url: str, text: str) -> str:
    """Return a search as a command for the shell."""
    body = json.dumps({"query": _short_query(text)})
    return (
        f"curl -s '{url}/{INDEX}/_search?filter_path=hits.hits._source.title' \\\n"
        f"  -H 'content-type: application/json' -d '{body}'"
    )


def python_program(url: str, text: str, *, engine: str) -> str:
    """Return a search as a program for elasticsearch-py, or for opensearch-py and its engine."""
    query = _short_query(text)
    if "opensearch" in engine.lower():
        module, client, arguments = "opensearchpy", "OpenSearch", f"body={ {'query': query}!r}"
    else:
        module, client, arguments = "elasticsearch", "Elasticsearch", f"query={query!r}"
    return (
        f"from {module} import {client}\n"
        f'client = {client}("{url}")\n'
        f'found = client.search(index="{INDEX}", {arguments})\n'
        'for hit in found["hits"]["hits"]:\n'
        '    print(hit["_source"]["title"])'
    )


def _short_query(text: str) -> dict[str, Any]:
    return {"match": {"title": text}}


def page_data(
    stock: Stock, total: Group, groups: Iterable[Group], *, engine: str, examples: Sequence[str]
) -> dict[str, Any]:
    """Return what the page asks for as ``demo.json``."""
    return {
        "index": INDEX,
        "products": len(stock.products),
        "engine": engine,
        "examples": list(examples),
        "placeholder": PLACEHOLDER,
        "body": SEARCH,
        "judgments": {query.text.lower(): stock.qrels[query.query_id] for query in stock.queries},
        "report": {"all": total, "groups": list(groups)},
    }
