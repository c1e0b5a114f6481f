"""What the pipeline changes over all judged searches, and how that is shown."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from qrmiddleware.demo.indexing import INDEX, PLACEHOLDER, PLAIN, SEARCH, UNRANKED, Shop
from qrmiddleware.demo.judgments import EXACT, JudgedQuery
from qrmiddleware.demo.measures import CUTOFF, ndcg
from qrmiddleware.demo.reranking import System, pipeline_of
from qrmiddleware.demo.stock import Stock

BATCH = 20
SAME = 0.0005
"""Differences below this do not show in three digits."""


@dataclass(frozen=True, slots=True)
class Measured:
    """nDCG of one search.

    Attributes:
        before: With the engine alone.
        unranked: With rules and rewrites; ``None`` where nothing reranks, as it is ``after`` then.
        after: Through the whole pipeline.
    """

    query: JudgedQuery
    before: float
    unranked: float | None
    after: float


@dataclass(frozen=True, slots=True)
class Group:
    """Means over some searches.

    Attributes:
        better: Searches that the whole pipeline improves on the engine alone.
        worse: Likewise.
    """

    name: str
    count: int
    before: float
    unranked: float | None
    after: float
    better: int
    worse: int


@dataclass(frozen=True, slots=True)
class Summary:
    """Means over all searches, and over parts of them.

    Attributes:
        groups: Each sort of search.
        unseen: The searches that the student was not trained on; ``None`` where nothing reranks.
    """

    total: Group
    groups: tuple[Group, ...]
    unseen: Group | None = None


async def measure(
    shop: Shop, stock: Stock, tick: Callable[[int], object], *, reranks: bool
) -> list[Measured]:
    """Run every judged search in every way; ``tick`` is told how many more are done."""
    measured: list[Measured] = []
    for start in range(0, len(stock.queries), BATCH):
        batch = stock.queries[start : start + BATCH]
        before = await _values(shop, stock, batch, PLAIN)
        after = await _values(shop, stock, batch, "")
        unranked: Sequence[float | None] = [None] * len(batch)
        if reranks:
            unranked = await _values(shop, stock, batch, UNRANKED)
        measured += map(Measured, batch, before, unranked, after)
        tick(len(batch))
    return measured


async def _values(
    shop: Shop, stock: Stock, queries: Sequence[JudgedQuery], pipeline: str
) -> list[float]:
    texts = [query.text for query in queries]
    rankings = await shop.rankings(texts, size=CUTOFF, pipeline=pipeline)
    return [
        ndcg(ranking, stock.qrels[query.query_id])
        for query, ranking in zip(queries, rankings, strict=True)
    ]


def group_name(query: JudgedQuery) -> str:
    """Say what sort of search it is, and which plugin knows its words, if any does."""
    return f"{query.kind} ({query.remedy})" if query.remedy else query.kind


def summarise(measured: Sequence[Measured], *, seen: Collection[int] | None = None) -> Summary:
    """Return means over all searches, and over each sort in the order of its first search.

    Args:
        measured: At least one.
        seen: Folds that the student was trained on; ``None`` where nothing reranks.
    """
    groups: dict[str, list[Measured]] = {}
    for one in measured:
        groups.setdefault(group_name(one.query), []).append(one)
    new = [one for one in measured if seen is not None and one.query.fold not in seen]
    return Summary(
        _group("all", measured),
        tuple(_group(name, members) for name, members in groups.items()),
        _group("all it has not seen", new) if new else None,
    )


def _group(name: str, members: Sequence[Measured]) -> Group:
    unranked = [one.unranked for one in members if one.unranked is not None]
    return Group(
        name,
        len(members),
        mean(one.before for one in members),
        mean(unranked) if unranked else None,
        mean(one.after for one in members),
        sum(one.after - one.before > SAME for one in members),
        sum(one.before - one.after > SAME for one in members),
    )


def means_table(summary: Summary) -> Table:
    """Show the means, the total last."""
    reranks = summary.total.unranked is not None
    table = Table(box=box.SIMPLE_HEAD, title="mean nDCG@10, all judged searches")
    table.add_column("searches", no_wrap=True)
    headings = ("alone", "rules", "student") if reranks else ("alone", "pipeline", "change")
    for heading in ("count", *headings, "better", "worse"):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in summary.groups:
        table.add_row(*_cells(group))
    table.add_section()
    table.add_row(*_cells(summary.total), style="bold")
    if summary.unseen is not None:
        table.add_row(*_cells(summary.unseen), style="bold")
    return table


def _cells(group: Group) -> tuple[str | Text, ...]:
    before, after = f"{group.before:.3f}", f"{group.after:.3f}"
    change = group.after - (group.before if group.unranked is None else group.unranked)
    colour = "green" if change > SAME else "red" if change < -SAME else ""
    values = (
        (before, after, Text(f"{change:+.3f}", style=colour))
        if group.unranked is None
        else (before, f"{group.unranked:.3f}", Text(after, style=colour))
    )
    return (group.name, str(group.count), *values, str(group.better), str(group.worse))


def told_of_reranking(summary: Summary, student: System) -> str:
    """Say in a sentence or two what a student adds, and what of that is no memory."""
    total, unseen = summary.total, summary.unseen
    if total.unranked is None or unseen is None or unseen.unranked is None:
        return ""
    return (
        f"The student of {student} was trained on this catalogue and on the judgments of "
        f"{total.count - unseen.count} of these searches. Reranking changes the mean by "
        f"{total.after - total.unranked:+.3f} over all of them, and by "
        f"{unseen.after - unseen.unranked:+.3f} over the {unseen.count} that neither it nor its "
        "teacher has seen. It reorders what was found; what was not, it cannot find."
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
    stock: Stock,
    summary: Summary,
    *,
    engine: str,
    examples: Sequence[str],
    students: Sequence[System] = (),
) -> dict[str, Any]:
    """Return what the page asks for as ``demo.json``.

    Args:
        stock: What is searched.
        summary: Of the first student.
        engine: For people.
        examples: Searches to try.
        students: That the page lets people choose from; the first one is chosen already.
    """
    return {
        "index": INDEX,
        "products": len(stock.products),
        "engine": engine,
        "examples": list(examples),
        "placeholder": PLACEHOLDER,
        "body": SEARCH,
        "pipelines": {student: pipeline_of(student) for student in students}
        | ({"nothing": UNRANKED} if students else {}),
        "judgments": {query.text.lower(): stock.qrels[query.query_id] for query in stock.queries},
        "report": {
            "all": summary.total,
            "groups": summary.groups,
            "unseen": summary.unseen,
            "told": told_of_reranking(summary, students[0]) if students else "",
        },
    }
