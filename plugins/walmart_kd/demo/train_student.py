"""Trains the student that ships with ``qrm demo``, from nothing but the demo's own shop.

    uv run --all-packages --extra students --extra train --extra distill
    python plugins/walmart_kd/demo/train_student.py ./work --ship

(one line) leaves it in ``work/student``, and with ``--ship`` in the package too. The stages are
those of ``qrm walmart-kd``: gather, label, student. The shop is invented, so its judgments, and
its catalogue where nobody judged, are the best teacher that there is: no model stands between.
Fold 3 is held out: neither its searches nor its judgments are learnt from.
"""

import argparse
import asyncio
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Final, TypeAlias

import aiohttp
import msgspec

from qrmiddleware.demo.catalogue import Dice, Product
from qrmiddleware.demo.folder import ENGINE_WEIGHT, RUNTIME
from qrmiddleware.demo.indexing import INDEX, PLACEHOLDER, PLAIN, SEARCH, UNRANKED, Shop
from qrmiddleware.demo.measures import CUTOFF, ndcg
from qrmiddleware.demo.report import group_name
from qrmiddleware.demo.reranking import shipped_student
from qrmiddleware.demo.stock import Stock, make_stock
from qrmiddleware.distill.label_store import read_labels
from qrmiddleware.students.folder import read_student, write_student

SEED: Final = 0
HELD_OUT: Final = 3
MAX_TOKENS: Final = 48
TEXT_FIELDS: Final = "title,category,details"
CATALOGUE_FIELDS: Final = "product_type=category,attributes=details"
WEIGHTS: Final = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the engine's score, to choose from."""
HARM: Final = 0.005
"""Mean nDCG@10 that a sort of search may lose."""
CERTAIN: Final = 0.98
"""Target of what answers a search fully: margins between certainties would drown all others."""
BATCH: Final = 20
DESCRIPTION: Final = "Reranks the shop of qrm demo, whose products it was trained on."
LONGEST_START_S: Final = 30.0
WORDINGS: Final = """
    rewriters: [{plugin: rules, path: rules.txt},
                {plugin: rewrite_table, path: rewrites.sqlite, limit: 3}]
    merge: {policy: dis_max, boost: 1.0}
"""

Found: TypeAlias = Mapping[str, Mapping[str, float]]
"""nDCG@10 by pipeline and query_id."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is made, and learnt.

    Attributes:
        made: Queries that gather manufactures.
        composed: Queries that are composed of what products are.
        steps: Updates of the weights.
        rate: The highest learning rate.
        size: Vocabulary, layers, width and heads.
    """

    made: int
    composed: int
    steps: int
    rate: float
    size: str


WHOLE: Final = Extent(made=800, composed=2500, steps=2500, rate=1e-3, size="3000,2,128,2")
SMALL: Final = Extent(made=20, composed=20, steps=150, rate=5e-3, size="1000,1,32,2")
"""With fewer steps all scores are alike, and the export finds none that int8 could keep."""


def compose_queries(stock: Stock, count: int, *, seed: int = SEED) -> list[str]:
    """Make searches such as "black leather sofa" from what products are, types named last.

    They stand in for a log of what shoppers typed; repeats are left in, as in a log.
    """
    dice = Dice(seed)
    return [_compose(dice.pick(stock.products), stock, dice) for _ in range(count)]


def _compose(product: Product, stock: Stock, dice: Dice) -> str:
    noun = stock.vocabulary.types[product.type].noun.lower()
    values = [dice.pick(values).lower() for values in product.attributes.values()]
    fitting = [value for value in values if not set(value.split()) & set(noun.split())]
    return " ".join((*dice.sample(fitting, 1 + dice.below(3)), noun))


def merge_labels(work: Path) -> Path:
    """Join judgments and the catalogue's word; the latter only for queries that nobody judged."""
    judged = list(read_labels(work / "judgments.labels.jsonl"))
    known = {label.query for label in judged}
    weak = (one for one in read_labels(work / "catalogue.labels.jsonl") if one.query not in known)
    target = work / "shop.labels.jsonl"
    with target.open("wb") as file:
        for label in (*weak, *judged):
            held = 1 - CERTAIN + (2 * CERTAIN - 1) * label.target
            file.write(msgspec.json.encode(replace(label, target=held)) + b"\n")
    return target


def qrm(*arguments: str | Path) -> None:
    """Run one of our commands.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    print("$ qrm", *arguments, flush=True)  # noqa: T201 what is done is told
    subprocess.run([_program(), *map(str, arguments)], check=True)  # noqa: S603 our own


def _program() -> str:
    return str(Path(sys.executable).with_name("qrm"))


@contextmanager
def serving(shop: Path, pipelines: str) -> Iterator[str]:
    """Serve the shop's data through some pipelines, by a process of its own; yields its URL."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    config = shop / "training.yaml"
    listen = f"listen: {{port: {url.rpartition(':')[2]}}}\nadmin: {{port: null}}\n"
    config.write_text(f"upstream: {{embedded: data}}\n{listen}{pipelines}", encoding="utf-8")
    command = [_program(), "serve", "--config", str(config)]
    with (shop / "training.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603 our own
    try:
        yield url
    finally:
        process.terminate()
        process.wait()


async def _ready(shop: Shop) -> None:
    async with asyncio.timeout(LONGEST_START_S):
        while True:
            try:
                await shop.exists()
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)
            else:
                return


async def _await_start(url: str) -> None:
    async with aiohttp.ClientSession(url) as session:
        await _ready(Shop(session))


def gather(stock: Stock, work: Path, shop: Path, extent: Extent) -> None:
    """Gather pairs through the engine alone, as reranking will see its hits."""
    body = msgspec.json.encode(SEARCH).replace(PLACEHOLDER.encode(), b"{{query}}")
    (work / "search.json").write_bytes(body)
    log = work / "composed.txt"
    log.write_text("\n".join(compose_queries(stock, extent.composed)) + "\n", encoding="utf-8")
    with serving(shop, "pipelines: {}\n") as url:
        asyncio.run(_await_start(url))
        options = {
            "--to": work,
            "--url": url,
            "--index": INDEX,
            "--body": work / "search.json",
            "--text-fields": TEXT_FIELDS,
            "--catalogue-fields": CATALOGUE_FIELDS,
            "--hold-out": HELD_OUT,
            "--queries": extent.made,
            "--log": log,
            "--seed": SEED,
        }
        qrm("walmart-kd", "gather", shop, *(str(part) for item in options.items() for part in item))


def train(work: Path, student: Path, extent: Extent) -> None:
    """Train on the margins between what judgments and catalogue say, and export in int8."""
    options = {
        "--to": student,
        "--labels": merge_labels(work),
        "--scratch": extent.size,
        "--steps": extent.steps,
        "--rate": extent.rate,
        "--max-tokens": MAX_TOKENS,
        "--licence": "Apache-2.0",
        "--seed": SEED,
    }
    told = (str(part) for item in options.items() for part in item)
    qrm("walmart-kd", "student", work, *told, "--replace")


def weighed(student: Path) -> str:
    """Return a pipeline for each weight of the engine's score, and one that does not rerank."""
    plugin = f"{{plugin: walmart_kd, model: {student.resolve()}, runtime: {RUNTIME}}}"
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
        await _ready(shop)
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


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="folder of the training")
    parser.add_argument("--ship", action="store_true", help="put the student into the package")
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    stock, work, extent = make_stock(), options.work, SMALL if options.small else WHOLE
    shop, student = work / "shop", work / "student"
    shop.mkdir(parents=True, exist_ok=True)
    qrm("demo", "--once", "--port", "0", "--keep", shop)
    gather(stock, work, shop, extent)
    train(work, student, extent)
    finish(stock, shop, student)
    if options.ship:
        shutil.rmtree(shipped_student(), ignore_errors=True)
        shutil.copytree(student, shipped_student(), copy_function=shutil.copyfile)


def finish(stock: Stock, shop: Path, student: Path) -> None:
    """Measure a student through the proxy, and write into its manifest what it is worth."""
    with serving(shop, weighed(student)) as url:
        weight, quality = report(stock, asyncio.run(measure(stock, url)))
    manifest = read_student(student).manifest
    named = {"name": "demo", "description": DESCRIPTION, "languages": ("en",), "quality": quality}
    write_student(student, manifest.model_copy(update=named), replace=True)
    print(f"engine_weight {weight} (the demo has {ENGINE_WEIGHT}), {quality}")  # noqa: T201 likewise


if __name__ == "__main__":
    main()
