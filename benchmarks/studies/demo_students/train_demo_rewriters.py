"""Trains the generators that ship with ``qrm demo --rewriter``, on the demo's own shop.

    uv run --all-packages --extra students --extra train --extra distill
    python benchmarks/studies/demo_students/train_demo_rewriters.py ./work --ship

(one line) leaves them in ``work/beque`` and ``work/rl_qr``, and with ``--ship`` in the package too.
Pairs are the catalogue's wordings (``qrm beque wordings``) and what shoppers of folds 0 to 2 typed,
beside what the catalogue calls what answered them best. Fold 3 is held out: neither its searches
nor its judgments are learnt from, nor is any rewrite that equals one of its searches. The engine
bears pairs out, by the judgments where there are any, and else by the student that ships. What is
in the folder already is not made again.
"""

import argparse
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, get_args

import msgspec
from generator_weighing import weigh_generator
from shop_wordings import (
    CLICKS,
    refuse_held_out,
    shop_wordings,
    write_judged,
    write_unchanged,
)
from train_demo_students import CATALOGUE_FIELDS, SEED, TEXT_FIELDS, run
from weighing import HELD_OUT, serving

from qrmiddleware.demo.indexing import INDEX, PLACEHOLDER, SEARCH
from qrmiddleware.demo.reranking import shipped_student
from qrmiddleware.demo.rewriting import ASKED, Rewriter
from qrmiddleware.demo.stock import Stock, make_stock
from qrmiddleware.distill.rewriting.row_files import write_rows
from qrmiddleware.students.folder import read_student, write_student
from qrmiddleware.students.manifest import Manifest

REWRITERS: Final[tuple[Rewriter, ...]] = get_args(Rewriter)
DESCRIPTION: Final = "Rewrites searches of the shop of qrm demo, whose catalogue it was trained on."
ONLY_DISTILLED: Final = " Distilled only: it has not learnt online."
DEPTH: Final = 20
"""Hits of a search that count."""
RELEVANT: Final = 0.5
"""Share of what a rewrite finds, at least."""
DOUBLED: Final = 1.0
"""By how much a catalogue's wording has to multiply what is found of relevant: what broadens a
search that the engine understands is not worth learning.
"""

HOT: Final = 2
"""Temperature of the candidates: at 1 a model that knows its few lessons draws one text again and
again, and there is nothing to rank.
"""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is made, and how large a generator is.

    Attributes:
        made: Queries that are manufactured.
        slips: Misspellings of each.
        composed: Queries for each word that shoppers have for a kind of product.
        sizes: Vocabulary, layers, width and heads of each.
        rate: The highest of learning.
        epochs: Of learning to rewrite.
        steps: Of distilling.
    """

    made: int
    slips: int
    composed: int
    sizes: tuple[str, str]
    rate: float
    epochs: int
    steps: int


WHOLE: Final = Extent(
    1000, 2, 12, ("1200,3,128,4", "1200,2,96,4"), rate=1e-3, epochs=25, steps=1500
)
SMALL: Final = Extent(30, 1, 1, ("600,1,32,2", "600,1,32,2"), rate=5e-3, epochs=20, steps=200)
FEW: Final = 10
"""Of so many searches one is measured in the small form."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where things are.

    Attributes:
        work: Folder of it all.
        url: The engine that holds the shop.
    """

    work: Path
    url: str

    def feedback(self, proposed: Path, *, judged: bool) -> Path:
        """Have the engine bear out what a file proposes; returns the file of its feedback."""
        told = proposed.with_suffix(".feedback.jsonl")
        how: dict[str, object] = {"judgments": self.work / "judged"}
        if not judged:
            how = {"student": shipped_student("walmart_kd"), "text_fields": TEXT_FIELDS}
        run(
            *("feedback", proposed),
            to=told,
            url=self.url,
            index=INDEX,
            body=self.work / "search.json",
            depth=DEPTH,
            **how,
        )
        return told


def gather(stock: Stock, place: Place, extent: Extent) -> tuple[Path, ...]:
    """Make pairs, and keep those that the engine bears out; returns the files to learn."""
    work = place.work
    body = msgspec.json.encode(SEARCH).replace(PLACEHOLDER.encode(), b"{{query}}")
    (work / "search.json").write_bytes(body)
    run("models", "export", "minilm", "--replace", to=work / "minilm", fields=TEXT_FIELDS)
    told = shop_wordings(stock, composed=extent.composed, seed=SEED)
    write_judged(told.judged, work / "judged")
    typed, made = work / "typed.jsonl", work / "wordings.jsonl"
    write_rows(typed, told.pairs)
    write_rows(work / "asked.jsonl", (pair for pair in told.pairs if pair.source == CLICKS))
    run(
        *("beque", "wordings", work / "shop"),
        to=made,
        catalogue_fields=CATALOGUE_FIELDS,
        hold_out=HELD_OUT,
        nearest=work / "minilm",
        queries=extent.made,
        slips=extent.slips,
        seed=SEED,
    )
    kept = (work / "typed.kept.jsonl", work / "wordings.kept.jsonl")
    for pairs, file in zip((typed, made), kept, strict=True):
        scores = place.feedback(pairs, judged=pairs == typed)
        increment = 0.0 if pairs == typed else DOUBLED
        told_of = {"relevance": RELEVANT, "increment": increment}
        run("beque", "reject", pairs, scores=scores, to=file, **told_of)
    unchanged = write_unchanged(told.judged, made, kept, work / "unchanged.jsonl")
    refuse_held_out(stock, (*kept, unchanged))
    return (*kept, unchanged)


def train_beque(place: Place, pairs: Sequence[Path], extent: Extent) -> Path:
    """Teach to rewrite, align by the engine's feedback, export; returns the student's folder."""
    stages, work = place.work / "stages", place.work
    student, found = work / "beque", stages / "candidates.jsonl"
    held = {"titles": work / "shop", "title_count": 0, "hold_out": HELD_OUT}
    run("beque", "instruct", *pairs, to=stages, prompts="rewriting-short-1", seed=SEED, **held)
    learning = {"at_once": 16, "max_tokens": 64, "seed": SEED}
    told = {"scratch": extent.sizes[0], "rate": extent.rate, "epochs": extent.epochs}
    run("beque", "sft", stages, **told, **learning, batch=32)
    asked = {"model": stages / "sft", "count": 5, "temperature": HOT, "seed": SEED}
    run("beque", "candidates", work / "asked.jsonl", to=found, **asked)
    aim = {"objective": "weighted", "hitrate": 0, "gold": work / "typed.kept.jsonl"}
    scores = place.feedback(found, judged=True)
    run("beque", "align", stages, feedback=scores, rate=5e-5, epochs=4, **aim, **learning, batch=16)
    run("beque", "export", stages, "--replace", to=student, licence="Apache-2.0")
    return student


def train_rl_qr(place: Place, pairs: Sequence[Path], extent: Extent) -> Path:
    """Distil a smaller one from the same pairs; returns the student's folder."""
    stages, student = place.work / "distilling", place.work / "rl_qr"
    run("rl-qr", "pairs", *pairs[:2], to=stages, valid=0.02, test=0.02, seed=SEED)
    lessons = stages / "asked.jsonl"
    lessons.write_bytes(b"".join(file.read_bytes() for file in pairs))
    run(
        *("rl-qr", "distill", stages),
        rewrites=lessons,
        scratch=extent.sizes[1],
        steps=extent.steps,
        rate=extent.rate,
        on_policy_steps=0,
        max_tokens=64,
        seed=SEED,
    )
    run("rl-qr", "student", stages, "--replace", to=student, licence="Apache-2.0", seed=SEED)
    return student


TRAINING: Final[dict[Rewriter, Callable[[Place, Sequence[Path], Extent], Path]]] = {
    "beque": train_beque,
    "rl_qr": train_rl_qr,
}


def finish(stock: Stock, shop: Path, student: Path, system: Rewriter) -> None:
    """Measure a generator through the proxy, and write into its manifest what it is worth."""
    asking, quality = weigh_generator(stock, shop, student, system)
    manifest = without_place(read_student(student).manifest, student.parent)
    seen = tuple(sorted({query.fold for query in stock.queries} - {HELD_OUT}))
    provenance = manifest.provenance.model_copy(update={"base": "scratch", "seen_folds": seen})
    named = {
        "name": f"demo_{system}",
        "provenance": provenance,
        "description": DESCRIPTION + (ONLY_DISTILLED if system == "rl_qr" else ""),
        "languages": ("en",),
        "quality": quality,
    }
    write_student(student, manifest.model_copy(update=named), replace=True)
    print(f"{system}: {asking} (the demo has {ASKED[system]}), {quality}")  # noqa: T201


def without_place(manifest: Manifest, work: Path) -> Manifest:
    """Take out of a manifest which folder and port this machine trained at."""
    told = manifest.model_dump_json().replace(f"{work}/", "")
    return Manifest.model_validate_json(re.sub(r"http://127\.0\.0\.1:\d+/", "", told))


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, measure, and tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("work", type=Path, help="folder of the training")
    parser.add_argument("--system", choices=REWRITERS, action="append", help="one; else both")
    parser.add_argument("--ship", action="store_true", help="put what is trained into the package")
    parser.add_argument("--small", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    stock, work, extent = make_stock(), options.work, SMALL if options.small else WHOLE
    shop = work / "shop"
    if not shop.is_dir():
        shop.mkdir(parents=True)
        run("demo", "--once", port=0, keep=shop)
    students: dict[Rewriter, Path] = {}
    with serving(shop, "pipelines: {}\n") as url:
        place = Place(work, url)
        pairs = gather(stock, place, extent)
        for system in options.system or REWRITERS:
            students[system] = TRAINING[system](place, pairs, extent)
    measured = replace(stock, queries=stock.queries[::FEW]) if options.small else stock
    for system, student in students.items():
        finish(measured, shop, student, system)
        if options.ship:
            shutil.rmtree(shipped_student(system), ignore_errors=True)
            shutil.copytree(student, shipped_student(system), copy_function=shutil.copyfile)


if __name__ == "__main__":
    main()
