"""The generators that may ship with the demo, and what they repair of its gaps."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

from rich import box
from rich.table import Table

from qrmiddleware.demo.indexing import PLAIN, Shop
from qrmiddleware.demo.judgments import EXACT, JudgedQuery
from qrmiddleware.demo.measures import CUTOFF
from qrmiddleware.demo.reranking import LIBRARIES, STUDENTS, shipped_student
from qrmiddleware.demo.stock import Stock
from qrmiddleware.students.folder import read_student
from qrmiddleware.students.manifest import MANIFEST_FILE, Kind

Rewriter: TypeAlias = Literal["beque", "rl_qr"]
"""Plugin that a generator is served by, and named after."""
Chosen: TypeAlias = Literal["beque", "rl_qr", "none"]


@dataclass(frozen=True, slots=True)
class Asking:
    """How eagerly a generator is asked.

    Attributes:
        n: Rewrites of a query at most.
        min_log_probability: Mean over the tokens of a rewrite, at least.
        most_weight: Of a rewrite that is certain, beside the shopper's own words.
    """

    n: int
    min_log_probability: float
    most_weight: float

    def render(self, rewriter: Rewriter, model: str, runtime: str) -> str:
        """Write the plugin's slot of a pipeline."""
        return (
            f"{{plugin: {rewriter}, model: {model}, n: {self.n}, "
            f"min_log_probability: {self.min_log_probability:g}, "
            f"most_weight: {self.most_weight:g}, runtime: {runtime}}}"
        )


ASKED: Final[Mapping[Rewriter, Asking]] = MappingProxyType(
    {"beque": Asking(1, -0.15, 1.0), "rl_qr": Asking(1, -0.4, 1.0)}
)
"""Chosen on the searches that a generator was trained on: benchmarks/studies/demo_students."""
TAUGHT: Final = "taught"
"""Pipeline with what the shop's team wrote, and no model."""
GENERATED: Final = "generated"
"""Pipeline with the generator, and nothing else."""
_GAP: Final = "gap"
_KINDS: Final[tuple[Kind, ...]] = ("generator",)
_WAYS: Final[Mapping[str, str]] = {
    "alone": PLAIN,
    "rules and table": TAUGHT,
    "generator": GENERATED,
    "all": "",
}


def usable_rewriter(chosen: Chosen) -> Rewriter | None:
    """Return the rewriter, if it ships, its plugin is installed, and all that it computes with."""
    if chosen == "none":
        return None
    there = (shipped_student(chosen) / MANIFEST_FILE).is_file()
    computes = all(find_spec(name) is not None for name in LIBRARIES)
    installed = entry_points(group="qrmiddleware", name=chosen)
    return chosen if there and computes and installed else None


def no_rewriting(chosen: Rewriter) -> str:
    """Say why no generator rewrites, and what to do."""
    if not (shipped_student(chosen) / MANIFEST_FILE).is_file():
        return f"No generator: none of {chosen} ships with this version; rules and table rewrite."
    return (
        f"No generator: the plugin {chosen} or what it computes with is not installed; "
        "pip install 'qrmiddleware[all]' brings both."
    )


def copy_rewriter(folder: Path, rewriter: Rewriter) -> None:
    """Put a generator beside the demo's other students.

    Raises:
        ConfigError: If it is damaged, or no generator.
    """
    source = read_student(shipped_student(rewriter), expect=_KINDS).path
    target = folder / STUDENTS / rewriter
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, copy_function=shutil.copyfile)


@dataclass(frozen=True, slots=True)
class Repaired:
    """Searches in words that the catalogue does not use.

    Attributes:
        name: Whose remedy they have, if any.
        count: How many.
        shares: Of them, those that find what they ask for among the first hits; by way.
    """

    name: str
    count: int
    shares: Mapping[str, float]


async def measure_gaps(shop: Shop, stock: Stock) -> tuple[Repaired, ...]:
    """Search for every gap in every way; groups by remedy, and all of them last."""
    gaps = [query for query in stock.queries if query.kind == _GAP]
    texts = [query.text for query in gaps]
    found = {
        way: [
            any(stock.qrels[query.query_id].get(doc_id, 0) == EXACT for doc_id in ranking)
            for query, ranking in zip(
                gaps,
                await shop.rankings(texts, size=CUTOFF, pipeline=pipeline),
                strict=True,
            )
        ]
        for way, pipeline in _WAYS.items()
    }
    remedies = dict.fromkeys(query.remedy for query in gaps)
    return (*(_repaired(gaps, found, remedy) for remedy in remedies), _repaired(gaps, found, ""))


def _repaired(gaps: list[JudgedQuery], found: Mapping[str, list[bool]], remedy: str) -> Repaired:
    places = [place for place, query in enumerate(gaps) if remedy in {"", query.remedy}]
    shares = {
        way: sum(flags[place] for place in places) / len(places) for way, flags in found.items()
    }
    return Repaired(remedy or "all", len(places), shares)


def told_of_training(rewriter: Rewriter) -> str:
    """Say which searches a generator has learnt from: what it repairs of these flatters it."""
    folds = read_student(shipped_student(rewriter)).manifest.provenance.seen_folds
    named = ", ".join(map(str, folds)) or "none"
    return (
        f"The generator of {rewriter} was trained on the judged searches of these folds: {named}. "
        "Words that it has not seen there it does not know; docs/rewriting_live.md has figures."
    )


def gaps_table(groups: tuple[Repaired, ...], rewriter: Rewriter) -> Table:
    """Show the shares, the total last."""
    table = Table(
        box=box.SIMPLE_HEAD,
        title=f"gaps that find what they ask for, with the generator of {rewriter}",
    )
    table.add_column("known to", no_wrap=True)
    for heading in ("count", *_WAYS):
        table.add_column(heading, justify="right", no_wrap=True)
    for group in groups:
        cells = (f"{group.shares[way]:.0%}" for way in _WAYS)
        style = "bold" if group.name == "all" else ""
        table.add_row(group.name, str(group.count), *cells, style=style)
    return table
