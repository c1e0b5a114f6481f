r"""What rewriters bring real shoppers' queries: BEQUE, RL-QR, and what they are measured against.

Trains on one catalogue, serves every arm through the proxy in front of Elasticsearch and
OpenSearch, and writes ``docs/rewriting_icecat.md``:

    uv run --all-packages --extra students --extra train --extra distill \
        python benchmarks/studies/icecat_rewriting/study.py --data FOLDER --log FILE --work FOLDER

The data is that of ``benchmarks/studies/icecat``; the log holds queries of another shop, one a
line. What is in the work folder already is not made again; ``--page-only`` writes the page anew.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Final

import numpy as np
import tables
import typer
from arms import OFF, ask, pipelines, seeded, serving
from training import Material, Shop, Training

from qrmiddleware.evaluation.comparison import TIE, ArmScores, Evaluation, bootstrap
from qrmiddleware.evaluation.report.saved import read_json
from qrmiddleware.evaluation.report.wording import signed_text, value_text

HERE: Final = Path(__file__).parent
sys.path.append(str(HERE.parent / "icecat_students"))
from engines import INDEX, filled, title_of  # noqa: E402 a study beside this one

PAGE: Final = HERE.parents[2] / "docs" / "rewriting_icecat.md"
SEARCHES: Final = {"every_word": "every word must match", "any_word": "any word may match"}
TRAINED_ON: Final = ("elasticsearch", "every_word")
MEASURES: Final = ("R@100", "nothing found", "nDCG@10 condensed", "nDCG@10", "Judged@10")
COMPARED: Final = ("R@100", "nDCG@10 condensed")
YIELDS: Final = ("relevance", "increment", "increment_union")


def main(
    data: Annotated[Path, typer.Option(help="Folder of the Icecat data.")],
    log: Annotated[Path, typer.Option(help="Queries of another shop, one a line.")],
    work: Annotated[Path, typer.Option(help="Folder for all that is made.")],
    seeds: Annotated[int, typer.Option(min=1, help="To train with.")] = 3,
    page_only: Annotated[bool, typer.Option(help="Write the page of what was measured.")] = False,
) -> None:
    """Train, measure, and write the page."""
    if not page_only:
        work.mkdir(parents=True, exist_ok=True)
        with filled(data) as engines:
            measure(data, log, work, {name: each.url for name, each in engines.items()}, seeds)
    write_page(work)


def measure(data: Path, log: Path, work: Path, urls: Mapping[str, str], seeds: int) -> None:
    """Train with every seed, and ask both engines in both ways."""
    engine, search = TRAINED_ON
    shop = Shop(data, log, urls[engine], INDEX, _body(search))
    material = Material(shop, work)
    material.make()
    trained = [Training(material, work / f"seed-{seed}", seed).train() for seed in range(seeds)]
    for name, url in urls.items():
        made = pipelines(trained, material.minilm, url, INDEX)
        for how in SEARCHES:
            if not (saved := _saved(work, name, how)).is_file():
                with serving(made, url, saved.with_suffix(".yaml")) as named:
                    ask(named, data, INDEX, _body(how), saved)
    generator = trained[0]["beque"]
    table = tables.build(shop, material.minilm, generator, work / "table")
    tables.measure(shop, table, generator, work / "table")


def _body(search: str) -> Path:
    return HERE / "searches" / f"{search}.json"


def _saved(work: Path, engine: str, search: str) -> Path:
    return work / f"{engine}.{search}.json"


def write_page(work: Path) -> None:
    """Write the page from what was measured."""
    parts = [(HERE / "page.md").read_text(encoding="utf-8").strip(), ""]
    for search, told in SEARCHES.items():
        for engine in ("elasticsearch", "opensearch"):
            title = f"{title_of(engine)}: {told}"
            parts += [*section(title, read_json(_saved(work, engine, search))), ""]
    parts += ["## A table, or a generator", "", *tables.section(work / "table")]
    PAGE.write_text("\n".join(parts).strip() + "\n", encoding="utf-8")


def section(title: str, found: Evaluation) -> Iterator[str]:
    """Write one engine's answers to one way of searching."""
    arms = dict(together(found.arms))
    direct = arms[OFF][0]
    yield from _table(
        f"## {title}",
        (*MEASURES, "p50 ms", "p95 ms"),
        {name: [*map(value_text, _means(arm)), *_times(arm)] for name, arm in arms.items()},
    )
    columns = [word for name in COMPARED for word in (f"{name}, against {OFF}", "wins")]
    others = {name: arm for name, arm in arms.items() if name != OFF}
    yield from _table(
        "Queries better : same : worse, of all seeds:",
        (*columns, "R@100 of each seed"),
        {name: [*_compared(arm, direct), _each_seed(arm)] for name, arm in others.items()},
    )
    yield from _table(
        "What rewrites find when they are searched for alone, means over rewrites:",
        ("queries rewritten", "rewrites a query", "relevance", "increment", "of union"),
        {name: cells for name, arm in others.items() if (cells := _yields(arm))},
    )


def together(arms: Sequence[ArmScores]) -> Iterator[tuple[str, list[ArmScores]]]:
    """Yield arms by name, all seeds of a trained one together."""
    by_name = {arm.name: arm for arm in arms}
    for arm in arms:
        name, _, seed = arm.name.partition(seeded("", 0)[:-1])
        if not seed:
            yield name, [arm]
        elif seed == "0":
            every = (by_name.get(seeded(name, number)) for number in range(len(arms)))
            yield name, [each for each in every if each is not None]


def _table(head: str, columns: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield from (head, "", f"| arm | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns))
    for name, cells in rows.items():
        yield f"| {' | '.join([name, *cells])} |"
    yield ""


def _means(seeds: Sequence[ArmScores]) -> list[float]:
    return [fmean(arm.means[name] for arm in seeds) for name in MEASURES]


def _times(seeds: Sequence[ArmScores]) -> list[str]:
    return [f"{fmean(arm.latency_ms[name] for arm in seeds):.0f}" for name in ("p50", "p95")]


def _compared(seeds: Sequence[ArmScores], direct: ArmScores) -> Iterator[str]:
    for name in COMPARED:
        before = direct.by_query[name]
        deltas = np.array([[a.by_query[name][q] - before[q] for q in before] for a in seeds])
        ((low, high),) = bootstrap(deltas.mean(axis=0, keepdims=True))
        interval = f"({signed_text(low)} to {signed_text(high)})"
        yield f"{signed_text(float(deltas.mean()))} {interval}"
        wins, losses = (deltas > TIE).sum(), (deltas < -TIE).sum()
        yield f"{wins} : {deltas.size - wins - losses} : {losses}"


def _each_seed(seeds: Sequence[ArmScores]) -> str:
    return ", ".join(value_text(arm.means["R@100"]) for arm in seeds) if len(seeds) > 1 else ""


def _yields(seeds: Sequence[ArmScores]) -> list[str]:
    """Return the cells of what rewrites bring; none if nothing was rewritten."""
    every = [each for arm in seeds for each in arm.attribution]
    valued = [each.value for each in every if each.value is not None]
    if not valued:
        return []
    queries = sum(len({each.query_id for each in arm.attribution}) for arm in seeds)
    means = [fmean(getattr(value, name) for value in valued) for name in YIELDS]
    told = [f"{queries / len(seeds):.0f}", f"{len(every) / queries:.1f}"]
    return [*told, *map(value_text, means)]


if __name__ == "__main__":
    typer.run(main)
