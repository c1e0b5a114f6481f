"""The part of the documentation that tells how fast students are, written from the report."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from statistics import median

from qrmiddleware_benchmarks.students.bootstrap import Interval
from qrmiddleware_benchmarks.students.plot import draw
from qrmiddleware_benchmarks.students.report import ArmFigures, Cell, Report, read_report
from qrmiddleware_benchmarks.students.shapes import Task

_ASKED = {
    Task.CROSS_ENCODER: "pairs",
    Task.BI_ENCODER: "queries",
    Task.GENERATOR: "prompts",
}
_METHOD = """\
**Method.** The same weights, random and seeded (a checkpoint where the name is not one of sizes),
run on CTranslate2, torch (through transformers; int8 is torch's dynamic quantisation), ONNX Runtime
(int8 by `quantize_dynamic`, per channel), and on what serving runs, named qrmiddleware where the
report has it: CTranslate2 behind a queue that cuts and spreads a batch by itself. Every runtime has
a process of its own, pinned to the cores it may use; all others are halted meanwhile, so that no
spinning thread disturbs. The runtimes take turns in {rounds} rounds of at least {slice_ms:.0f} ms,
in an order drawn anew for each. Before the timing, each tries a few ways to use the cores - whole,
or sorted by length and cut into parts, one after the other or side by side - and keeps its fastest.
A time runs from token ids to scores, vectors or tokens; tokenising is not in it. Pairs and queries
differ in length by up to 40 % around the mean. A ratio is the median over that of {first}; brackets
are 95 % intervals from a bootstrap over rounds. They hold the noise within one run: another run,
with its processes elsewhere in memory and perhaps another way chosen, may lie outside, so read a
ratio near 1 as a draw.

**Answers are compared first.** In float32 every runtime must agree with torch within 0.001, or the
run fails; in int8 the correlation with torch float32 must be 0.9, and is in the tables. Random
weights say nothing about what int8 costs in relevance: measure that with your own checkpoint.

**What the shares mean.** *Share of peak* is the arithmetic that the batch needs (2 operations a
weight and token, and attention's products; no padding) over what the fastest matrix product
measured on this machine does in the same time, for the same precision. *Share of bandwidth* is the
weights and the inputs and outputs of all layers over the speed of copying a large array; caches
hold much of it, so it may exceed 100 %. A low share of both is overhead: small products, attention,
norms, and Python.

**What the figures do not mean.** They are of one machine, alone with its caches: beside a search
engine, students are slower. Other processors may rank the runtimes differently: CTranslate2 uses
Intel MKL on Intel's processors and oneDNN on others, and the table of peaks shows how far apart
libraries are at the same product on one processor. {device}
"""
_SMALL_MS = 10
_CPU_ONLY = "There was no GPU: the code that measures on one has never run on one."


def section(path: Path, pictures: Path) -> list[str]:
    """Write the section from a report, and its picture.

    Args:
        path: Report that ``qrm-bench students`` left.
        pictures: Folder for SVG files, beside the page that the text goes into.

    Returns:
        Lines of Markdown, with headings of the second level and below.

    Raises:
        StudentsError: If there is no such report.
        ModuleNotFoundError: If matplotlib is not installed.
    """
    report = read_report(path)
    picture = pictures / "students.svg"
    draw(report, picture)
    return [
        "## How fast are students, and on which runtime?",
        "",
        *_introduction(report),
        "",
        *_verdict(report),
        "",
        f"![Median latency of every student by runtime]({pictures.name}/{picture.name})",
        "",
        *tables(report),
    ]


def tables(report: Report) -> list[str]:
    """Write the tables alone, as the command prints them."""
    return [*_peaks(report), *_overviews(report.cells), *_details(report)]


def _introduction(report: Report) -> Iterator[str]:
    machine = report.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    if report.smoke:
        yield "**A smoke run: too short to mean anything.**"
        yield ""
    yield (
        f"`qrm-bench students` on {report.date}, {report.device}: {machine.cpu} with "
        f"{machine.cores} cores, {machine.memory_gib:g} GiB, {machine.system}; {versions}. "
        f"The host took {report.stolen:.1%} of the processor time for others."
    )
    yield ""
    yield from _METHOD.format(
        rounds=report.rounds,
        slice_ms=report.slice_s * 1e3,
        first=report.cells[0].arms[0].arm,
        device=_CPU_ONLY if report.device == "cpu" else "",
    ).splitlines()


def _verdict(report: Report) -> Iterator[str]:
    """Say who was fastest where, and whether beyond noise."""
    first = report.cells[0].arms[0].arm
    won = sum(_fastest(cell).arm == first for cell in report.cells)
    yield f"**Result.** {first} had the lowest median in {won} of {len(report.cells)} measurements."
    for task, cells in _by_task(report.cells):
        for name in [arm.arm for arm in cells[0].arms[1:]]:
            figures = [arm for cell in cells for arm in cell.arms if arm.arm == name]
            yield f"- {task}: {name} {_standing(figures)}"


def _standing(figures: Sequence[ArmFigures]) -> str:
    faster = sum(arm.ratio.high < 1 for arm in figures)
    slower = sum(arm.ratio.low > 1 for arm in figures)
    ratios = [arm.ratio.value for arm in figures]
    return (
        f"was faster beyond noise in {faster} of {len(figures)}, slower in {slower}; "
        f"ratios {min(ratios):.2f} to {max(ratios):.2f}, median {median(ratios):.2f}."
    )


def _peaks(report: Report) -> Iterator[str]:
    yield "### What the machine can do at best"
    yield ""
    yield from _heading("cores", "precision", "library", "G operations/s", "copy GB/s")
    for peak in report.peaks:
        for rate in peak.rates:
            yield _row(
                str(peak.cores),
                rate.precision,
                rate.library,
                f"{rate.ops_per_s / 1e9:.0f}",
                f"{peak.bytes_per_s / 1e9:.1f}",
            )
    yield ""


def _overviews(cells: Sequence[Cell]) -> Iterator[str]:
    for task, of_task in _by_task(cells):
        arms = [arm.arm for arm in of_task[0].arms]
        yield f"### {task.capitalize()}s: median ms, and ratio to {arms[0]}"
        yield ""
        yield from _heading("student", "cores", _ASKED[task], "tokens", *arms)
        for cell in of_task:
            best = _fastest(cell)
            figures = [_short(arm, bold=arm is best) for arm in cell.arms]
            yield _row(cell.student, str(cell.cores), str(cell.rows), str(cell.tokens), *figures)
        yield ""


def _details(report: Report) -> Iterator[str]:
    """Tell all of the largest batches of every student, on the most cores."""
    most = max(cell.cores for cell in report.cells)
    for _, of_task in _by_task(report.cells):
        rows = max(cell.rows for cell in of_task)
        tokens = min(cell.tokens for cell in of_task)
        for cell in of_task:
            if (cell.cores, cell.rows, cell.tokens) == (most, rows, tokens):
                yield from _detail(report, cell)


def _detail(report: Report, cell: Cell) -> Iterator[str]:
    first, asked = cell.arms[0].arm, _ASKED[cell.task]
    yield (
        f"### {cell.student} {cell.task}, {cell.rows} {asked} of {cell.tokens} tokens, "
        f"{cell.cores} {'core' if cell.cores == 1 else 'cores'}"
    )
    yield ""
    yield (
        f"{cell.flops / 1e9:.2f} G operations a batch. Parts x side by side x threads is the way "
        "to use the cores that was fastest."
    )
    yield ""
    yield from _heading(
        *("runtime", "min ms", "p50 ms", "p95 ms", "runs", f"p50 / {first}", f"{asked}/s"),
        *("share of peak", "MB", "share of bandwidth", "largest difference", "correlation"),
        "parts x side by side x threads",
    )
    for arm in cell.arms:
        yield _row(
            *(arm.arm, f"{arm.min_ms:.2f}", _number(arm.p50_ms), _number(arm.p95_ms)),
            *(str(arm.runs), _interval(arm.ratio), f"{arm.rows_per_s:,.0f}"),
            _share(report.share_of_peak(cell, arm)),
            *(f"{arm.size_bytes / 1e6:.1f}", _share(report.share_of_bandwidth(cell, arm))),
            f"{arm.agreement.difference:.1g}",
            "-" if arm.agreement.correlation is None else f"{arm.agreement.correlation:.4f}",
            str(arm.plan),
        )
    yield ""


def _by_task(cells: Sequence[Cell]) -> Iterator[tuple[Task, list[Cell]]]:
    order = list(Task)
    ordered = sorted(cells, key=lambda cell: order.index(cell.task))
    for task, found in groupby(ordered, key=lambda cell: cell.task):
        yield (
            task,
            sorted(found, key=lambda each: (each.cores, _size(each), each.tokens, each.rows)),
        )


def _size(cell: Cell) -> tuple[int, str]:
    return len(cell.student), cell.student


def _fastest(cell: Cell) -> ArmFigures:
    return min(cell.arms, key=lambda arm: arm.p50_ms.value)


def _short(arm: ArmFigures, *, bold: bool) -> str:
    text = f"{_number(arm.p50_ms)} ({arm.ratio.value:.2f})"
    return f"**{text}**" if bold else text


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _number(interval: Interval) -> str:
    return f"{interval.value:.2f}" if interval.value < _SMALL_MS else f"{interval.value:.1f}"


def _interval(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _heading(*columns: str) -> Iterator[str]:
    yield _row(*columns)
    yield f"|{'---|' * len(columns)}"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
