"""What a window costs: the figures of docs/walmart_kd.md.

Run it with ``uv run python plugins/walmart_kd/measurements/latency.py``, on an idle machine. The
students have random weights, which take as long as others; every query is new, so that no score
comes from the cache; titles are those of one window again, or new each time.
"""

import random
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Final

from qrmiddleware import Hit, Query
from qrmiddleware.testing import make_hits
from qrmiddleware.testing.students import make_student
from qrmiddleware_walmart_kd import WalmartKd

HITS: Final = 100
LETTERS: Final = 12
"""Of a title; each is a token. With a query of seven, and [CLS] and [SEP] twice, that makes 22."""
SECONDS: Final = 4.0
FEWEST: Final = 20


def make_titles(count: int, draw: random.Random) -> list[str]:
    """Draw titles of a few short words."""
    letters = ("".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=LETTERS)) for _ in range(count))
    return [" ".join(text[at : at + 3] for at in range(0, LETTERS, 3)) for text in letters]


def measure(
    plugin: WalmartKd, query_of: Callable[[int], str], hits_of: Callable[[], Sequence[Hit]]
) -> list[float]:
    """Return milliseconds of single windows, shortest first; the first three do not count."""
    took: list[float] = []
    began = perf_counter()
    while perf_counter() - began < SECONDS or len(took) < FEWEST:
        query, hits = Query(query_of(len(took))), hits_of()
        asked = perf_counter()
        plugin.qrm_reward(query, hits)
        took.append(1_000 * (perf_counter() - asked))
    return sorted(took[3:])


def report(name: str, titles: str, took: list[float]) -> None:
    """Print one line of a table."""
    p50, p95 = statistics.median(took), took[int(0.95 * len(took))]
    sys.stdout.write(f"| {name} | {titles} | {took[0]:.1f} | {p50:.1f} | {p95:.1f} |\n")
    sys.stdout.flush()


def main() -> None:
    """Measure each configuration with known and with new titles, then the cache."""
    draw = random.Random(7)  # noqa: S311 not a secret
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        small = make_student(folder / "small", layers=2, hidden=128)
        large = make_student(folder / "large", layers=6, hidden=384)
        towers = make_student(folder / "towers", "bi_encoder", layers=6, hidden=384)
        arms = {
            "cross-encoder 2 x 128": {"model": small},
            "cross-encoder 6 x 384": {"model": large},
            "bi-encoder 6 x 384": {"model": towers},
            "bi-encoder 6 x 384, best 25 by 2 x 128": {"model": small, "first": towers},
            "bi-encoder 6 x 384, best 25 by 6 x 384": {"model": large, "first": towers},
            "cross-encoder 2 x 128, best 25 by 6 x 384": {"model": large, "first": small},
        }
        known = make_hits(*make_titles(HITS, draw))
        for name, options in arms.items():
            plugin = WalmartKd(WalmartKd.Settings.model_validate(options))
            plugin.qrm_startup()
            report(name, "known", measure(plugin, lambda n: f"k{n:06d}", lambda: known))
            fresh = measure(
                plugin, lambda n: f"n{n:06d}", lambda: make_hits(*make_titles(HITS, draw))
            )
            report(name, "new", fresh)
            if name == next(iter(arms)):
                report(name, "asked again", measure(plugin, lambda _: "k000000", lambda: known))
            plugin.qrm_shutdown()


if __name__ == "__main__":
    main()
