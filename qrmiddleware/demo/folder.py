"""The files that the demo runs on, in a folder that people may keep."""

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import yaml

from qrmiddleware.demo.catalogue import write_products
from qrmiddleware.demo.indexing import INDEX, UNRANKED
from qrmiddleware.demo.judgments import judge_unfit, write_judgments
from qrmiddleware.demo.remedies import render_rules, rewrite_rows
from qrmiddleware.demo.reranking import (
    ENGINE_WEIGHTS,
    STUDENTS,
    System,
    copy_students,
    pipeline_of,
)
from qrmiddleware.demo.rewriting import ASKED, GENERATED, TAUGHT, Rewriter, copy_rewriter
from qrmiddleware.demo.stock import Stock
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.rewrite_tables.importing import run_table

CONFIG = "qrmiddleware.yaml"
PRODUCTS = "products.jsonl"
TEMPLATE = """\
# Serve the demo's shop again with: qrm serve --config {config}
{upstream}
pipelines:
  shop:
    index: &index ["{index}"]
    rewriters: &rewriters
      - {{plugin: rules, path: rules.txt}}
      - {{plugin: rewrite_table, path: rewrites.sqlite, limit: 3}}
{generator}\
    # Written and checked by people who know the shop: as good as the shopper's own words.
    merge: &merge {{policy: dis_max, boost: 1.0}}
"""
REWRITTEN = """\
  # What the shop's team wrote, without any model: ?qrm_pipeline={taught}
  {taught}:
    index: *index
    rewriters:
      - {{plugin: rules, path: rules.txt}}
      - {{plugin: rewrite_table, path: rewrites.sqlite, limit: 3}}
    merge: *merge
  # The generator, without what they wrote: ?qrm_pipeline={generated}
  {generated}:
    index: *index
    rewriters:
{generator}    merge: *merge
"""
RERANKED = """\
    # A small network that was trained on this catalogue; its student.json says how.
{reranking}
  # The same without the network, to compare with: ?qrm_pipeline={unranked}
  {unranked}:
{wordings}
  # The same with each network, by the plugin that it was trained for.
"""
WORDINGS = """\
    index: *index
    rewriters: *rewriters
    merge: *merge"""
RERANKING = """\
    rewards:
      - {{plugin: {system}, model: {students}/{system}, runtime: {runtime}}}
    engine_weight: {engine_weight}"""
RUNTIME = "{device: cpu, inter_threads: 2, intra_threads: 1}"
"""Two threads are given: measuring what is best would take longer than all else at start."""


def write_folder(
    folder: Path,
    stock: Stock,
    *,
    upstream: Mapping[str, object],
    students: Sequence[System] = (),
    rewriter: Rewriter | None = None,
) -> Path:
    """Write the shop, what its team prepared, and the configuration; returns the latter's path.

    Args:
        folder: Is there already; files of the demo in it are replaced.
        stock: What the files are made from.
        upstream: The configuration's section of that name.
        students: That rerank, each in a pipeline of its own; the first one in the shop's too.
        rewriter: Whose generator writes rewrites beside rules and table; none without.

    Raises:
        ConfigError: If the plugins of the demo are not installed, or a student is damaged.
    """
    rules, rewrites = render_rules(stock.vocabulary), rewrite_rows(stock.vocabulary)
    (folder / "rules.txt").write_text(rules, encoding="utf-8", newline="\n")
    rows = "".join(f"{query}\t{text}\t{score}\n" for query, text, score in rewrites)
    (folder / "rewrites.tsv").write_text(rows, encoding="utf-8", newline="\n")
    _import_table(folder / "rewrites.tsv", folder / "rewrites.sqlite")
    unfit = judge_unfit(stock.queries, stock.products, stock.qrels)
    write_judgments(folder, stock.queries, stock.qrels, unfit)
    write_products(folder / PRODUCTS, stock.products)
    copy_students(folder, students)
    generator = ""
    if rewriter is not None:
        copy_rewriter(folder, rewriter)
        slot = ASKED[rewriter].render(rewriter, f"{STUDENTS}/{rewriter}", RUNTIME)
        generator = f"      - {slot}\n"
    config = folder / CONFIG
    section = yaml.safe_dump({"upstream": dict(upstream)}, default_flow_style=None).strip()
    told = TEMPLATE.format(config=CONFIG, upstream=section, index=INDEX, generator=generator)
    compared = ""
    if generator:
        compared = REWRITTEN.format(taught=TAUGHT, generated=GENERATED, generator=generator)
    config.write_text(told + _reranked(students) + compared, encoding="utf-8")
    return config


def _reranked(students: Sequence[System]) -> str:
    """Write what reranks in the shop's own pipeline, and all pipelines behind it."""
    if not students:
        return ""
    ways = {
        system: RERANKING.format(
            system=system,
            students=STUDENTS,
            runtime=RUNTIME,
            engine_weight=ENGINE_WEIGHTS[system],
        )
        for system in students
    }
    first = RERANKED.format(reranking=ways[students[0]], unranked=UNRANKED, wordings=WORDINGS)
    others = (f"  {pipeline_of(system)}:\n{WORDINGS}\n{way}\n" for system, way in ways.items())
    return first + "".join(others)


def _import_table(rows: Path, table: Path) -> None:
    """Run ``qrm table import``, the plugin's own command: the core does not know its format."""
    if not entry_points(group="qrmiddleware", name="rules"):
        message = "the demo needs the plugins rules and rewrite_table: install qrmiddleware[all]"
        raise ConfigError(message)
    run_table("import", str(rows), "--to", str(table))
