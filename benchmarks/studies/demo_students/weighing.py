"""What a student of the demo is worth behind rules and rewrites, and beside the engine's score."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import mean
from typing import Final, TypeAlias

import aiohttp

from qrmiddleware.demo.folder import RUNTIME
from qrmiddleware.demo.indexing import PLAIN, UNRANKED, Shop
from qrmiddleware.demo.measures import CUTOFF, ndcg
from qrmiddleware.demo.report import BATCH, group_name
from qrmiddleware.demo.reranking import System
from qrmiddleware.demo.stock import Stock
from qrmiddleware_benchmarks.engines import probes
from qrmiddleware_benchmarks.fronts import qrm
from qrmiddleware_benchmarks.processes import listening

HELD_OUT: Final = 3
WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the engine's score, to choose from."""
HARM: Final = 0.005
"""Mean nDCG@10 that a sort of search may lose."""
WORDINGS: Final = """
    rewriters: [{plugin: rules, path: rules.txt},
                {plugin: rewrite_table, path: rewrites.sqlite, limit: 3}]
    merge: {policy: dis_max, boost: 1.0}
"""

Found: TypeAlias = Mapping[str, Mapping[str, float]]
"""nDCG@10 by pipeline and query_id."""


@contextmanager
def serving(shop: Path, pipelines: str) -> Iterator[str]:
    """Serve the shop's data through some pipelines, by a process of its own; yields its URL."""
    port = probes.free_port()
    config = shop / "training.yaml"
    listen = f"listen: {{port: {port}}}\nadmin: {{port: null}}\n"
    config.write_text(f"upstream: {{embedded: data}}\n{listen}{pipelines}", encoding="utf-8")
    with listening((qrm(), "serve", "--config", str(config)), port):
        yield f"http://127.0.0.1:{port}"


def weigh(
    stock: Stock, shop: Path, student: Path, system: System
) -> tuple[float, dict[str, float]]:
    """Measure a student at every weight; returns the one to take, and figures for its manifest."""
    with serving(shop, weighed(student, system)) as url:
        return report(stock, asyncio.run(measure(stock, url)))


def weighed(student: Path, system: System) -> str:
    """Return a pipeline for each weight of the engine's score, and one that does not rerank."""
    plugin = f"{{plugin: {system}, model: {student.resolve()}, runtime: {RUNTIME}}}"
    reranked = (
        f"  {_name(weight)}:{WORDINGS}    engine_weight: {weight}\n    rewards: [{plugin}]\n"
        for weight in WEIGHTS
    )
    return f"pipelines:\n  {UNRANKED}:{WORDINGS}{''.join(reranked)}"


def _name(weight: float) -> str:
    return f"weight_{weight}"


async def measure(stock: Stock, url: str) -> Found:
    """Return nDCG@10 by pipeline and query_id."""
    found: dict[str, dict[str, float]] = {}
    async with aiohttp.ClientSession(url) as session:
        shop = Shop(session)
        for pipeline in (PLAIN, UNRANKED, *map(_name, WEIGHTS)):
            values = found[pipeline] = {}
            for start in range(0, len(stock.queries), BATCH):
                queries = stock.queries[start : start + BATCH]
                texts = [query.text for query in queries]
                rankings = await shop.rankings(texts, size=CUTOFF, pipeline=pipeline)
                for query, ranking in zip(queries, rankings, strict=True):
                    values[query.query_id] = ndcg(ranking, stock.qrels[query.query_id])
    return found


def choose_weight(stock: Stock, found: Found) -> float:
    """Return the smallest weight at which no sort of the searches that were learnt from suffers.

    A student is flattered by them: the best mean over them would trust it too much with words
    that it has never seen. Where it harms at every weight, the largest is taken.
    """
    sorts: dict[str, list[str]] = {}
    for query in stock.queries:
        if query.fold != HELD_OUT:
            sorts.setdefault(group_name(query), []).append(query.query_id)

    def harmless(weight: float) -> bool:
        values = found[_name(weight)]
        return all(
            mean(values[query_id] - found[UNRANKED][query_id] for query_id in members) >= -HARM
            for members in sorts.values()
        )

    return next(filter(harmless, WEIGHTS), WEIGHTS[-1])


def report(stock: Stock, found: Found) -> tuple[float, dict[str, float]]:
    """Choose the weight, and tell what every weight gives on both parts of the searches.

    Returns:
        The weight, and figures for the manifest.
    """
    parts = {
        "trained on": [q.query_id for q in stock.queries if q.fold != HELD_OUT],
        "held out": [q.query_id for q in stock.queries if q.fold == HELD_OUT],
    }
    means = {
        (pipeline, part): mean(values[query_id] for query_id in members)
        for pipeline, values in found.items()
        for part, members in parts.items()
    }
    for pipeline in found:
        told = (f"{part} {means[pipeline, part]:.4f}" for part in parts)
        print(f"{pipeline:>12}", *told, sep="  ")  # noqa: T201 the result
    weight = choose_weight(stock, found)
    figures = {
        f"nDCG@10, fold {HELD_OUT}, engine alone": means[PLAIN, "held out"],
        f"nDCG@10, fold {HELD_OUT}, with rules and rewrites": means[UNRANKED, "held out"],
        f"nDCG@10, fold {HELD_OUT}, and reranked": means[_name(weight), "held out"],
    }
    return weight, {name: round(value, 4) for name, value in figures.items()}
