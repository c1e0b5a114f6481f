"""What reranking a window costs with each student of the demo: the figures of its documentation.

    uv run --all-packages python benchmarks/studies/demo_students/window_cost.py

Windows are of the shop's products, new ones each time, and so are the queries: nothing comes from a
cache. Students take turns, so that what else the machine does disturbs them alike.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from statistics import median, quantiles
from time import perf_counter
from typing import Final

import yaml
from train_demo_students import compose_queries

from qrmiddleware import Hit, Query
from qrmiddleware.demo.catalogue import Dice
from qrmiddleware.demo.folder import RUNTIME
from qrmiddleware.demo.reranking import SYSTEMS, System, shipped_student
from qrmiddleware.demo.stock import Stock, make_stock
from qrmiddleware.judging import StudentJudge

HITS: Final = 100
WINDOWS: Final = 100
SEED: Final = 7


def windows(stock: Stock) -> Iterator[tuple[Query, list[Hit]]]:
    """Yield queries, no two alike, and hits for each."""
    dice = Dice(SEED)
    for place, text in enumerate(compose_queries(stock, WINDOWS, seed=SEED)):
        products = dice.sample(stock.products, HITS)
        hits = [
            Hit(doc_id=product.product_id, score=float(HITS - rank), source=product.document())
            for rank, product in enumerate(products)
        ]
        yield Query(f"{text} {place}"), hits


@contextmanager
def opened(system: System) -> Iterator[StudentJudge]:
    """Open a student as the demo does."""
    plugin = next(iter(entry_points(group="qrmiddleware", name=system))).load()
    options = {"model": shipped_student(system), "runtime": yaml.safe_load(RUNTIME)}
    judge: StudentJudge = plugin(plugin.Settings.model_validate(options))
    judge.qrm_startup()
    try:
        yield judge
    finally:
        judge.qrm_shutdown()


def main() -> None:
    """Measure, and print a table."""
    took: dict[System, list[float]] = {system: [] for system in SYSTEMS}
    with ExitStack() as stack:
        judges = {system: stack.enter_context(opened(system)) for system in SYSTEMS}
        for query, hits in windows(make_stock()):
            for system, judge in judges.items():
                asked = perf_counter()
                judge.qrm_reward(query, hits)
                took[system].append(1_000 * (perf_counter() - asked))
    print("| student | min | p50 | p95 |\n|---|---|---|---|")  # noqa: T201 the result
    for system, times in took.items():
        figures = (min(times), median(times), quantiles(times, n=20)[-1])
        cells = " | ".join(f"{figure:.1f}" for figure in figures)
        print(f"| `{system}` | {cells} |")  # noqa: T201 likewise


if __name__ == "__main__":
    main()
