"""A picture of the medians; needs the extra ``plot``."""

from pathlib import Path

from qrmiddleware_benchmarks.students.report import Cell, Report
from qrmiddleware_benchmarks.students.shapes import Task

_WIDTH = 0.8
_COLOURS = {
    "ctranslate2": "#c1432e",
    "torch": "#8a8f98",
    "onnxruntime": "#2a6fb0",
    "qrmiddleware": "#e0a030",
}


def draw(report: Report, path: Path) -> None:
    """Draw a bar of median latency an arm, one panel a number of cores.

    The groups are every student's largest and smallest batch, of the shortest rows.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    from matplotlib import pyplot as plt  # noqa: PLC0415 - an extra

    cores = sorted({cell.cores for cell in report.cells})
    figure, axes = plt.subplots(
        len(cores), figsize=(12, 3.6 * len(cores)), layout="constrained", squeeze=False
    )
    for panel, count in zip(axes[:, 0], cores, strict=True):
        cells = _shown([cell for cell in report.cells if cell.cores == count])
        labelled: set[str] = set()
        for position, cell in enumerate(cells):
            step = _WIDTH / len(cell.arms)
            for number, arm in enumerate(cell.arms):
                runtime, narrow = arm.arm.partition(" ")[0], arm.precision != "float32"
                panel.bar(
                    position - _WIDTH / 2 + (number + 0.5) * step,
                    arm.p50_ms.value,
                    step,
                    color=_COLOURS[runtime],
                    alpha=1.0 if narrow else 0.5,
                    label=None if arm.arm in labelled else arm.arm,
                )
                labelled.add(arm.arm)
        panel.set_yscale("log")
        panel.set_xticks(range(len(cells)), [_label(cell) for cell in cells], fontsize=7)
        panel.set_ylabel("median ms a batch")
        panel.set_title(f"{count} {'core' if count == 1 else 'cores'}")
        panel.grid(visible=True, axis="y", which="both", alpha=0.25)
        panel.set_axisbelow(True)
    axes[0, 0].legend(ncols=3, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _shown(cells: list[Cell]) -> list[Cell]:
    shown = []
    for task in Task:
        of_task = [cell for cell in cells if cell.task is task]
        sizes = {cell.rows for cell in of_task}
        lengths = {cell.tokens for cell in of_task}
        shown += [
            cell
            for cell in of_task
            if cell.rows in {min(sizes), max(sizes)} and cell.tokens == min(lengths)
        ]
    return shown


def _label(cell: Cell) -> str:
    what = {Task.CROSS_ENCODER: "cross", Task.BI_ENCODER: "bi", Task.GENERATOR: "generator"}
    return f"{cell.student}\n{what[cell.task]}\n{cell.rows} x {cell.tokens}"
