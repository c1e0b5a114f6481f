"""What a generator of the demo repairs, and what it harms, by how eagerly it is asked."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Final, NamedTuple, TypeAlias

import aiohttp
from weighing import HARM, HELD_OUT, WORDINGS, serving

from qrmiddleware.demo.folder import RUNTIME
from qrmiddleware.demo.indexing import PLAIN, Shop
from qrmiddleware.demo.judgments import EXACT, JudgedQuery
from qrmiddleware.demo.measures import CUTOFF, ndcg
from qrmiddleware.demo.report import BATCH, group_name
from qrmiddleware.demo.rewriting import GENERATED, TAUGHT, Asking, Rewriter
from qrmiddleware.demo.stock import Stock

ASKING: Final = tuple(
    Asking(n=n, min_log_probability=floor, most_weight=weight)
    for n in (1, 2)
    for floor in (-0.05, -0.15, -0.4)
    for weight in (0.5, 1.0)
)
"""To choose from, the most reserved of each kind first."""
BROKEN: Final = ("gap", "gap phrase", "misspelling")
"""Sorts of searches that the engine does not understand."""
MERGED: Final = "    merge: {policy: dis_max, boost: 1.0}\n"


class Worth(NamedTuple):
    """What one search finds: nDCG@10, and whether anything that answers it is among these."""

    ndcg: float
    repaired: bool


Found: TypeAlias = Mapping[str, Mapping[str, Worth]]
"""By pipeline and query_id."""


def weigh_generator(
    stock: Stock, shop: Path, student: Path, system: Rewriter
) -> tuple[Asking, dict[str, float]]:
    """Measure a generator in every way to ask it; returns that to take, and figures for people."""
    with serving(shop, pipelines(student, system)) as url:
        found = asyncio.run(measure(stock, url))
    asking = choose(stock, found)
    return asking, report(stock, found, asking)


def pipelines(student: Path, system: Rewriter) -> str:
    """Write a pipeline for each way to ask, beside what the shop's team wrote and without it."""
    told = [f"pipelines:\n  {TAUGHT}:{WORDINGS}"]
    rules, _, rest = WORDINGS.partition("]\n")
    for asking in ASKING:
        plugin = asking.render(system, str(student.resolve()), RUNTIME)
        told.append(f"  {pipeline_name(asking, GENERATED)}:\n    rewriters: [{plugin}]\n{MERGED}")
        told.append(f"  {pipeline_name(asking)}:{rules}, {plugin}]\n{rest}")
    return "".join(told)


def pipeline_name(asking: Asking, before: str = "all") -> str:
    """Name the pipeline that asks so: ``all``, or the generator alone."""
    return f"{before}_{asking.n}_{-asking.min_log_probability:g}_{asking.most_weight:g}"


async def measure(stock: Stock, url: str) -> Found:
    """Search for everything through every pipeline."""
    names = (PLAIN, TAUGHT, *(pipeline_name(a, b) for a in ASKING for b in ("all", GENERATED)))
    found: dict[str, dict[str, Worth]] = {name: {} for name in names}
    async with aiohttp.ClientSession(url) as session:
        shop = Shop(session)
        for name, values in found.items():
            for start in range(0, len(stock.queries), BATCH):
                queries = stock.queries[start : start + BATCH]
                texts = [query.text for query in queries]
                rankings = await shop.rankings(texts, size=CUTOFF, pipeline=name)
                for query, ranking in zip(queries, rankings, strict=True):
                    values[query.query_id] = _worth(ranking, stock.qrels[query.query_id])
    return found


def _worth(ranking: Sequence[str], grades: Mapping[str, int]) -> Worth:
    answered = any(grades.get(doc_id, 0) == EXACT for doc_id in ranking)
    return Worth(ndcg(ranking, grades), answered)


def choose(stock: Stock, found: Found) -> Asking:
    """Return the way that finds most where no sort of search suffers; of equals the reserved one.

    The fold that is held out has no say. Beside rules and table no sort may lose, nor what the
    engine understands without any of them; where it does in every way, the first one is taken.
    """
    sorts: dict[str, list[JudgedQuery]] = {}
    for query in stock.queries:
        if query.fold != HELD_OUT:
            sorts.setdefault(group_name(query), []).append(query)
    seen = [query for members in sorts.values() for query in members]

    def gain(name: str, base: str, members: Sequence[JudgedQuery]) -> float:
        return mean(found[name][q.query_id].ndcg - found[base][q.query_id].ndcg for q in members)

    def harmless(asking: Asking) -> bool:
        return all(
            gain(pipeline_name(asking), TAUGHT, members) >= -HARM
            and (
                members[0].kind in BROKEN
                or gain(pipeline_name(asking, GENERATED), PLAIN, members) >= -HARM
            )
            for members in sorts.values()
        )

    fit = [asking for asking in ASKING if harmless(asking)]
    return max(fit or ASKING[:1], key=lambda asking: gain(pipeline_name(asking), PLAIN, seen))


def report(stock: Stock, found: Found, asking: Asking) -> dict[str, float]:
    """Return figures for the manifest; print those of every part of the searches, too."""
    ways = {
        "engine alone": PLAIN,
        "rules and table": TAUGHT,
        "generator": pipeline_name(asking, GENERATED),
        "all": pipeline_name(asking),
    }
    folds: Mapping[str, Callable[[JudgedQuery], bool]] = {
        "trained on": lambda query: query.fold != HELD_OUT,
        f"fold {HELD_OUT}": lambda query: query.fold == HELD_OUT,
    }
    figures: dict[str, float] = {}
    for part, belongs in folds.items():
        members = [query for query in stock.queries if belongs(query)]
        groups = {f"{part}": members}
        broken = [query for query in members if query.kind in BROKEN]
        groups |= {f"{part}, {name}": [] for name in dict.fromkeys(map(group_name, members))}
        for query in members:
            groups[f"{part}, {group_name(query)}"].append(query)
        for way, name in ways.items():
            figures[f"nDCG@10, {part}, {way}"] = _mean(found[name], members)
            figures[f"repaired, {part}, {way}"] = _share(found[name], broken)
        for name, each in groups.items():
            cells = (
                f"{way} {_mean(found[p], each):.3f} ({_share(found[p], each):.0%})"
                for way, p in ways.items()
            )
            print(f"{name} ({len(each)}):", *cells, sep="  ")  # noqa: T201 the result
    return {name: round(value, 4) for name, value in figures.items()}


def _mean(values: Mapping[str, Worth], queries: Sequence[JudgedQuery]) -> float:
    return mean(values[query.query_id].ndcg for query in queries)


def _share(values: Mapping[str, Worth], queries: Sequence[JudgedQuery]) -> float:
    return mean(values[query.query_id].repaired for query in queries)
