"""A picture of the percentiles; needs the extra ``plot``."""

from pathlib import Path

from hdrh.histogram import HdrHistogram

from qrmiddleware_benchmarks.report import Measurement

_SHOWN = (0, 50, 90, 95, 99, 99.9)


def plot(measurement: Measurement, path: Path) -> None:
    """Draw latency by percentile, one line an arm.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    figure, axes = plt.subplots(figsize=(8, 4.5), layout="constrained")
    for arm in measurement.arms:
        histogram = HdrHistogram.decode(arm.histogram)
        latencies_ms = [histogram.get_value_at_percentile(each) / 1_000 for each in _SHOWN]
        axes.plot(range(len(_SHOWN)), latencies_ms, marker="o", label=arm.name)
    axes.set_xticks(range(len(_SHOWN)), ["min", *(f"p{each:g}" for each in _SHOWN[1:])])
    axes.set_yscale("log")
    axes.set_ylabel("ms from due to answered")
    axes.set_title(f"{measurement.upstream}, {measurement.rate_hz:.0f} searches/s")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
