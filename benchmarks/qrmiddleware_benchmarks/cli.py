"""``qrm-bench``: measure what the proxy costs."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from qrmiddleware_benchmarks.engines import EngineError
from qrmiddleware_benchmarks.page import page as write_page
from qrmiddleware_benchmarks.page import table
from qrmiddleware_benchmarks.plot import plot
from qrmiddleware_benchmarks.processes import ProcessError
from qrmiddleware_benchmarks.report import Report, read_report, write_report
from qrmiddleware_benchmarks.scenario import Course
from qrmiddleware_benchmarks.searches import QUERIES
from qrmiddleware_benchmarks.soak import read_soak, write_soak
from qrmiddleware_benchmarks.soak import soak as run_soak
from qrmiddleware_benchmarks.students.commands import students
from qrmiddleware_benchmarks.suites import Bench
from qrmiddleware_benchmarks.upstreams import read_lines

app = typer.Typer(help="Measure what the proxy costs.", no_args_is_help=True)
run = typer.Typer(help="Compare arms in one run.", no_args_is_help=True)
app.add_typer(run, name="run")
app.command()(students)

_tell = partial(typer.echo, err=True)
_RESULTS = Path("benchmarks/results")
_JAVA_WARMS_UP_S = 30.0
_SIZES_BYTES = [4_000, 40_000]
_SMOKE = Course(rounds=2, slice_s=0.4, warmup_s=0.1, saturation_s=0.2, rate_hz=50)

Rounds = Annotated[int, typer.Option(help="Slices an arm.", min=2)]
SliceS = Annotated[float, typer.Option("--slice-s", help="Seconds a slice.", min=0.1)]
RateHz = Annotated[
    float, typer.Option(help="Searches a second; 0 for half of the lowest saturation rate.")
]
Smoke = Annotated[bool, typer.Option("--smoke", help="A few seconds, to see that it works.")]
Results = Annotated[
    Path | None, typer.Option(help="Folder of reports; a smoke run leaves none without.")
]
Kept = Annotated[Path, typer.Option(help="Folder of reports.", file_okay=False)]
Port = Annotated[int, typer.Option(help="First of a dozen ports to use.")]


@run.command()
def passthrough(
    *,
    rounds: Rounds = 20,
    slice_s: SliceS = 3.0,
    rate_hz: RateHz = 0,
    sizes_bytes: Annotated[
        list[int], typer.Option("--size-bytes", help="Size of the upstream's answers.")
    ] = _SIZES_BYTES,
    results: Results = None,
    port: Port = 9330,
    smoke: Smoke = False,
) -> None:
    """Measure direct, nginx and the proxy before an upstream that always answers the same."""
    course = _SMOKE if smoke else Course(rounds=rounds, slice_s=slice_s, rate_hz=rate_hz or None)
    bench = Bench(course, port, smoke, _tell)
    _keep(bench.passthrough(sizes_bytes[:1] if smoke else sizes_bytes), results)


@run.command()
def search(
    *,
    catalogue: Annotated[
        Path, typer.Option(help="JSON lines with id, title, brand, description; .gz or not.")
    ],
    queries: Annotated[
        Path | None, typer.Option(help="JSON lines with a query each; made-up ones without.")
    ] = None,
    rounds: Rounds = 20,
    slice_s: SliceS = 3.0,
    rate_hz: RateHz = 0,
    results: Results = None,
    port: Port = 9330,
    smoke: Smoke = False,
) -> None:
    """Measure the same before Elasticsearch, which is fetched if need be, with your catalogue."""
    asked = QUERIES if queries is None else tuple(line["query"] for line in read_lines(queries))
    course = Course(
        rounds=rounds, slice_s=slice_s, rate_hz=rate_hz or None, prelude_s=_JAVA_WARMS_UP_S
    )
    bench = Bench(_SMOKE if smoke else course, port, smoke, _tell)
    _keep(bench.search(catalogue, asked), results)


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(help="How long.")] = 10,
    rate_hz: Annotated[float, typer.Option(help="Searches a second.")] = 200,
    size_bytes: Annotated[int, typer.Option(help="Size of the upstream's answers.")] = 4_000,
    results: Kept = _RESULTS,
    port: Port = 9330,
) -> None:
    """Watch the proxy's memory under steady load."""
    found = run_soak(
        minutes=minutes, rate_hz=rate_hz, size_bytes=size_bytes, first_port=port, tell=_tell
    )
    write_soak(found, results / "soak.json")
    typer.echo(f"growth in the second half: {found.growth_mb_per_hour:.1f} MB an hour")


@app.command()
def page(
    results: Kept = _RESULTS,
    to: Annotated[Path, typer.Option(help="Page to write.")] = Path("docs/performance.md"),
    *,
    plots: Annotated[bool, typer.Option(help="Draw the percentiles (extra 'plot').")] = True,
) -> None:
    """Write the page about performance from the kept reports."""
    reports = [
        read_report(path) for path in sorted(results.glob("*.json")) if path.name != "soak.json"
    ]
    soaks = [read_soak(path) for path in results.glob("soak.json")]
    pictures = _draw(reports, to) if plots else []
    to.write_text(write_page(reports, soaks, plots=pictures), encoding="utf-8")
    typer.echo(f"{to} written from {len(reports) + len(soaks)} reports")


def _keep(report: Report, results: Path | None) -> None:
    if results is not None or not report.smoke:
        write_report(report, (results or _RESULTS) / f"{report.scenario}.json")
    for measurement in report.measurements:
        typer.echo(f"\n{measurement.upstream}, {measurement.rate_hz:.0f} searches/s\n")
        typer.echo("\n".join(table(measurement)))


def _draw(reports: list[Report], to: Path) -> list[str]:
    names = []
    for report in reports:
        for number, measurement in enumerate(report.measurements, 1):
            names.append(f"performance-{report.scenario}-{number}.svg")
            plot(measurement, to.parent / names[-1])
    return names


def main() -> None:
    """Run the command; a problem that people can solve is told in one line."""
    try:
        app()
    except (EngineError, ProcessError) as error:
        typer.echo(f"qrm-bench: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
