"""Pictures of latencies; need the extra ``plot``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from qrmiddleware_benchmarks.histogram import Counts, bins_us, decode
from qrmiddleware_benchmarks.knee import ArmCurve, Knee, Step
from qrmiddleware_benchmarks.overload import Overload
from qrmiddleware_benchmarks.results import Measurement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.ticker import LogLocator

_NINES: Final = (50, 90, 95, 99, 99.9, 99.99)
_FEW: Final = 10
"""A line ends where fewer searches than this lie beyond."""
_POINTS: Final = 300
"""Of a line: as many as can be told apart."""
_SIZE: Final = (9, 4.6)


def plot_latencies(measurement: Measurement, path: Path) -> None:
    """Draw latency by percentile, one line an arm.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    with _axes(path) as axes:
        farthest = 2.0
        for number, arm in enumerate(measurement.arms):
            counts = decode(each.latencies for each in arm.slices).sum(0)
            nines, latencies_ms = _curve(counts)
            axes.plot(nines, latencies_ms, label=arm.name, **_line(number))
            farthest = max(farthest, *nines)
        axes.set_xscale("log")
        shown = [each for each in _NINES if _nines(each) <= farthest * 1.01]
        axes.set_xticks([_nines(each) for each in shown], [f"p{each:g}" for each in shown])
        axes.minorticks_off()
        axes.set_xlim(1, farthest)
        axes.set_xlabel("percentile of searches")
        _milliseconds(axes)
        axes.set_title(f"{measurement.upstream}, {measurement.rate_hz:.0f} searches/s")


def plot_knee(knee: Knee, path: Path) -> None:
    """Draw latency by offered rate, and where each arm's knee is.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    with _axes(path) as axes:
        for number, arm in enumerate(knee.arms):
            _draw_curve(axes, arm, knee.p99_ms, number)
        axes.axhline(knee.p99_ms, color="black", linewidth=0.8, linestyle=":")
        axes.annotate(
            f"in time: p99 ≤ {knee.p99_ms:g} ms",
            (0.01, knee.p99_ms),
            xycoords=("axes fraction", "data"),
            xytext=(0, 3),
            textcoords="offset points",
            fontsize=8,
        )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(_one_two_five())
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.xaxis.set_minor_formatter("")
        axes.set_xlabel("searches offered a second")
        _milliseconds(axes)
        axes.set_title(f"{knee.upstream}: p99 (solid) and p50 (dashed) by rate")


def plot_overload(found: Overload, path: Path) -> None:
    """Draw what is answered in time by what is offered, one line an arm.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    with _axes(path) as axes:
        for number, arm in enumerate(found.arms):
            steps = arm.by_share()
            shares = [step[0].share for step in steps]
            goodput = [
                float(np.median([each.goodput(found.deadline_ms) for each in step]))
                for step in steps
            ]
            axes.plot(shares, goodput, label=arm.name, marker="o", markersize=4, **_line(number))
        farthest = max(each.share for arm in found.arms for each in arm.levels)
        axes.plot(
            [0, 1, farthest], [0, 1, 1], color="black", linewidth=0.8, linestyle=":", label="ideal"
        )
        axes.set_xlim(0, farthest)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("searches offered / what a closed loop is answered")
        axes.set_ylabel(f"answered within {found.deadline_ms:g} ms / the same")
        axes.set_title(f"{found.upstream}: goodput by load")


def _draw_curve(axes: "Axes", arm: ArmCurve, bound_ms: float, number: int) -> None:
    steps = arm.steps()
    rates_hz = [each.rate_hz for each in steps]
    p99_ms = [each.typical.percentile_ms(99) for each in steps]
    p50_ms = [each.typical.percentile_ms(50) for each in steps]
    style, found = _line(number), arm.knee(bound_ms)
    reached = f"{found.rate_hz:,.0f}/s" if found else "none"
    axes.plot(rates_hz, p99_ms, label=f"{arm.name}: knee {reached}", **style)
    axes.plot(rates_hz, p50_ms, **{**style, "linestyle": "--", "linewidth": 1, "alpha": 0.6})
    failed = [each for each in steps if not each.holds(bound_ms)]
    _mark(axes, failed, {**style, "marker": "x"})
    _mark(axes, [found] if found else [], {**style, "marker": "o", "markersize": 7})


def _mark(axes: "Axes", steps: Sequence[Step], style: dict[str, Any]) -> None:
    rates_hz = [each.rate_hz for each in steps]
    p99_ms = [each.typical.percentile_ms(99) for each in steps]
    axes.plot(rates_hz, p99_ms, **{**style, "linestyle": ""})


def _curve(counts: Counts) -> tuple[list[float], list[float]]:
    """Return a latency for every share of searches, up to the last that will repeat."""
    total = int(counts.sum())
    if not total:
        return [], []
    (used,) = counts.nonzero()
    below = np.cumsum(counts[used]) / total
    nines = np.geomspace(1, max(2.0, total / _FEW), _POINTS)
    places = np.searchsorted(below, 1 - 1 / nines)
    return nines.tolist(), (bins_us()[used][places] / 1_000).tolist()


def _nines(percentile: float) -> float:
    return 100 / (100 - percentile)


def _line(number: int) -> dict[str, Any]:
    """Tell lines apart by colour, and after ten by how they are drawn, too."""
    return {"color": f"C{number % 10}", "linestyle": ("-", "-.")[number // 10 % 2]}


def _milliseconds(axes: "Axes") -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(_one_two_five())
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_ylabel("ms from due to answered")


def _one_two_five() -> "LogLocator":
    """Place ticks on a logarithmic axis so that one of few decades has some, too."""
    from matplotlib.ticker import LogLocator  # noqa: PLC0415 - an extra

    return LogLocator(subs=(1.0, 2.0, 5.0))


@contextmanager
def _axes(path: Path) -> Iterator["Axes"]:
    """Give a picture to draw in, and write it in the end, the same bytes for the same drawing."""
    import matplotlib.pyplot as plt  # noqa: PLC0415 - an extra

    path.parent.mkdir(parents=True, exist_ok=True)
    with plt.rc_context({"svg.hashsalt": path.name, "svg.fonttype": "path"}):
        figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
        yield axes
        axes.grid(visible=True, which="major", alpha=0.4)
        axes.grid(visible=True, which="minor", axis="y", alpha=0.15)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None, dpi=110)
        plt.close(figure)
