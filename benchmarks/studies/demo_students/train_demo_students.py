"""Trains the students that ship with ``qrm demo``, from nothing but the demo's own shop.

    uv run --all-packages --extra students --extra train --extra distill
    python benchmarks/studies/demo_students/train_demo_students.py ./work --ship

(one line) leaves them in ``work/walmart_kd``, ``work/ellm_rele`` and ``work/crsd``, and with
``--ship`` in the package too; ``--system crsd`` trains one of them. The stages are those of
``qrm walmart-kd``: gather, label, student. The shop is invented, so its judgments, and its
catalogue where nobody judged, are the best teacher that there is: no model stands between. What
reads reasons gets those of the catalogue's reasoner. Fold 3 is held out: neither its searches nor
its judgments are learnt from. What is gathered in the folder already is not gathered again.
"""

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import msgspec
from shop_labels import write_classes, write_targets
from weighing import HELD_OUT, serving, weigh

from qrmiddleware.demo.catalogue import Dice, Product
from qrmiddleware.demo.indexing import INDEX, PLACEHOLDER, SEARCH
from qrmiddleware.demo.reranking import ENGINE_WEIGHTS, SYSTEMS, System, shipped_student
from qrmiddleware.demo.stock import Stock, make_stock
from qrmiddleware.recipes.gathering import STATE
from qrmiddleware.students.folder import read_student, write_student
from qrmiddleware_benchmarks.fronts import run_qrm

SEED: Final = 0
MAX_TOKENS: Final = 48
TEXT_FIELDS: Final = "title,category,details"
CATALOGUE_FIELDS: Final = "product_type=category,attributes=details"
DESCRIPTION: Final = "Reranks the shop of qrm demo, whose products it was trained on."


@dataclass(frozen=True, slots=True)
class Learning:
    """What a system learns from, and how long.

    Attributes:
        labels: Writes them, in the folder of the training.
        steps: Updates of the weights.
        rate: The highest learning rate.
        begins: System whose student it begins as; from nothing if ``None``.
        options: Of its command, beside those that all have.
    """

    labels: Callable[[Path], Path]
    steps: int
    rate: float = 1e-3
    begins: System | None = None
    options: Mapping[str, object] = field(default_factory=dict)


LEARNING: Final[Mapping[System, Learning]] = {
    "walmart_kd": Learning(write_targets, 2500),
    "ellm_rele": Learning(write_classes, 1500),
    "crsd": Learning(write_classes, 300, 5e-4, "ellm_rele", {"reason_tokens": 48}),
}
"""By time, on busy cores. What reads reasons takes three times as long a step, and learns slowly
from nothing: so it begins where another student ended.
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is made, and how large a student is.

    Attributes:
        made: Queries that gather manufactures.
        composed: Queries that are composed of what products are.
        size: Vocabulary, layers, width and heads.
        steps: In place of each system's own.
        rate: Likewise.
    """

    made: int
    composed: int
    size: str
    steps: int | None = None
    rate: float | None = None


WHOLE: Final = Extent(made=800, composed=2500, size="3000,2,128,2")
SMALL: Final = Extent(made=20, composed=20, size="1000,1,32,2", steps=150, rate=5e-3)
"""With fewer steps all scores are alike, and the export finds none that int8 could keep."""
FEW: Final = 10
"""Of so many searches one is measured in the small form."""


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


def run(*arguments: str | Path, **options: object) -> None:
    """Run one of our commands; an option's name has underscores for its hyphens.

    Raises:
        subprocess.CalledProcessError: If it fails.
    """
    named = (
        part
        for name, value in options.items()
        for part in (f"--{name.replace('_', '-')}", str(value))
    )
    told = (*map(str, arguments), *named)
    print("$ qrm", *told, flush=True)  # noqa: T201 what is done is told
    run_qrm(*told)


def gather(stock: Stock, work: Path, shop: Path, extent: Extent) -> None:
    """Gather pairs through the engine alone, as reranking will see its hits."""
    body = msgspec.json.encode(SEARCH).replace(PLACEHOLDER.encode(), b"{{query}}")
    (work / "search.json").write_bytes(body)
    log = work / "composed.txt"
    log.write_text("\n".join(compose_queries(stock, extent.composed)) + "\n", encoding="utf-8")
    with serving(shop, "pipelines: {}\n") as url:
        run(
            *("walmart-kd", "gather", shop),
            to=work,
            url=url,
            index=INDEX,
            body=work / "search.json",
            text_fields=TEXT_FIELDS,
            catalogue_fields=CATALOGUE_FIELDS,
            hold_out=HELD_OUT,
            queries=extent.made,
            log=log,
            seed=SEED,
        )


def train(work: Path, system: System, extent: Extent) -> Path:
    """Train on what the shop says of itself, and export in int8; returns the student's folder."""
    student, learning = work / system, LEARNING[system]
    run(
        *(system.replace("_", "-"), "student", work, "--replace"),
        to=student,
        labels=learning.labels(work),
        steps=extent.steps or learning.steps,
        rate=extent.rate or learning.rate,
        max_tokens=MAX_TOKENS,
        licence="Apache-2.0",
        seed=SEED,
        **learning.options,
        **_beginning(work, learning.begins, extent),
    )
    return student


def _beginning(work: Path, begins: System | None, extent: Extent) -> Mapping[str, object]:
    """Return the options of what a student begins as, which is trained if it is not there."""
    if begins is None:
        return {"scratch": extent.size}
    checkpoint = work / "students" / begins
    if not checkpoint.is_dir():
        train(work, begins, extent)
    return {"base": checkpoint, "layers": extent.size.split(",")[1]}


def finish(stock: Stock, shop: Path, student: Path, system: System) -> None:
    """Measure a student through the proxy, and write into its manifest what it is worth."""
    weight, quality = weigh(stock, shop, student, system)
    manifest = read_student(student).manifest
    begins = LEARNING[system].begins
    base = "scratch" if begins is None else f"scratch, as the student of {begins}"
    named = {
        "name": f"demo_{system}",
        "provenance": manifest.provenance.model_copy(update={"base": base}),
        "description": DESCRIPTION,
        "languages": ("en",),
        "quality": quality,
    }
    write_student(student, manifest.model_copy(update=named), replace=True)
    there = ENGINE_WEIGHTS[system]
    print(f"{system}: engine_weight {weight} (the demo has {there}), {quality}")  # noqa: T201


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="folder of the training")
    parser.add_argument("--system", choices=SYSTEMS, action="append", help="one; else all")
    parser.add_argument("--ship", action="store_true", help="put what is trained into the package")
    parser.add_argument("--steps", type=int, help="of learning, in place of each system's own")
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    stock, work, extent = make_stock(), options.work, replace(WHOLE, steps=options.steps)
    if options.small:
        stock, extent = replace(stock, queries=stock.queries[::FEW]), SMALL
    shop = work / "shop"
    shop.mkdir(parents=True, exist_ok=True)
    if not (work / STATE).exists():
        run("demo", "--once", port=0, keep=shop)
        gather(stock, work, shop, extent)
    for system in options.system or SYSTEMS:
        student = train(work, system, extent)
        finish(stock, shop, student, system)
        if options.ship:
            shutil.rmtree(shipped_student(system), ignore_errors=True)
            shutil.copytree(student, shipped_student(system), copy_function=shutil.copyfile)


if __name__ == "__main__":
    main()
