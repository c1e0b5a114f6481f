"""``qrm-bench``: measure what a search costs, and what the proxy adds to it."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from qrmiddleware_benchmarks import options, tables
from qrmiddleware_benchmarks.answers import AnswerError
from qrmiddleware_benchmarks.arms import Scenario
from qrmiddleware_benchmarks.differences import CONFIDENCE, LEAST, Differences, differences
from qrmiddleware_benchmarks.doubts import doubts, overload_doubts
from qrmiddleware_benchmarks.engines import EngineError
from qrmiddleware_benchmarks.generators import generators
from qrmiddleware_benchmarks.knee import Knee, find_knees
from qrmiddleware_benchmarks.machine import describe_machine, nginx_version, today
from qrmiddleware_benchmarks.measure import Setup, duration_s, measure, standing, upstreams_of
from qrmiddleware_benchmarks.overload import OVERLOAD, Sweep
from qrmiddleware_benchmarks.overload import overload as run_overload
from qrmiddleware_benchmarks.page import page
from qrmiddleware_benchmarks.processes import ProcessError
from qrmiddleware_benchmarks.progress import progress
from qrmiddleware_benchmarks.queries import QueryFileError
from qrmiddleware_benchmarks.results import Result, ResultError, read_result, write_result
from qrmiddleware_benchmarks.scenarios import DIRECT, SCENARIOS, URLS
from qrmiddleware_benchmarks.sections import knee_table
from qrmiddleware_benchmarks.smoke import smoke as run_smoke
from qrmiddleware_benchmarks.soak import soak as run_soak
from qrmiddleware_benchmarks.soak import write_soak
from qrmiddleware_benchmarks.students.commands import students
from qrmiddleware_benchmarks.turns import Course

_HELP = """
Measure what a search costs, and what the proxy adds to it: from outside, through HTTP.

Examples:

    qrm-bench run passthrough

    qrm-bench run search --catalogue products.jsonl.gz --queries queries.jsonl --zipf 1

    qrm-bench urls --arm direct=http://localhost:9200/products/_search
    --arm proxied=http://localhost:9250/products/_search --queries queries.txt

    qrm-bench knee passthrough --arm identity --p99-ms 50

    qrm-bench compare before.json after.json --fail-on-regression

    qrm-bench report
"""

app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
_tell = partial(typer.echo, err=True)
_JAVA_WARMS_UP_S: Final = 30.0
_KNEE_STEP_S: Final = 3.0


@app.command()
def run(
    scenario: options.ScenarioName,
    *,
    arm: options.ArmNames = None,
    rounds: options.Rounds = 12,
    slice_s: options.SliceS = 3.0,
    warmup_s: options.WarmupS = 0.5,
    rate_hz: options.RateHz = None,
    arrivals: options.ArrivalsOption = "poisson",
    queries: options.QueriesFile = None,
    zipf: options.Zipf = None,
    generators_: options.GeneratorsOption = 1,
    catalogue: options.Catalogue = None,
    engine: options.EngineOption = "elasticsearch",
    seed: options.Seed = 1,
    results: options.Results = options.RESULTS,
    port: options.Port = 9330,
) -> None:
    """Compare the arms of a scenario, and keep the result.

    *passthrough*: what the proxy costs before an upstream that does nothing, beside nginx.
    *plugins*: what each plugin costs, warm, for new queries, just started; and all together.
    *faults*: what a slow, a broken and an overrun plugin cost. *workers*: one process and two.
    *search*: what the proxy costs before a real engine with your catalogue.

    Examples:
        qrm-bench run passthrough

        qrm-bench run plugins --arm direct --arm 'rules warm' --arm 'rules new' --rounds 20

        qrm-bench run search --catalogue products.jsonl.gz --queries queries.jsonl --zipf 1
    """
    chosen = SCENARIOS[scenario]
    options.needs_catalogue(chosen, catalogue)
    real = not chosen.sizes_bytes and engine != "embedded"
    course = Course(
        rounds=rounds,
        slice_s=slice_s,
        warmup_s=warmup_s,
        rate_hz=rate_hz,
        prelude_s=_JAVA_WARMS_UP_S if real else 0.0,
        arrivals=options.arrivals_of(arrivals),
        zipf=zipf,
        generators=generators_,
        seed=seed,
    )
    setup = options.setup_from(
        port=port, tell=_tell, queries=queries, catalogue=catalogue, engine=engine
    )
    _run(replace(chosen, arms=options.only(chosen.arms, arm)), course, setup, results)


@app.command()
def urls(
    arm: options.UrlArms,
    *,
    queries: options.QueriesFile = None,
    body: options.Body = None,
    header: options.Header = None,
    rounds: options.Rounds = 12,
    slice_s: options.SliceS = 5.0,
    warmup_s: options.WarmupS = 1.0,
    rate_hz: options.RateHz = None,
    arrivals: options.ArrivalsOption = "poisson",
    zipf: options.Zipf = None,
    generators_: options.GeneratorsOption = 1,
    seed: options.Seed = 1,
    results: options.Results = options.RESULTS,
) -> None:
    """Compare systems that run already: your cluster, your proxy, two pipelines, any other.

    Examples:
        qrm-bench urls --queries queries.txt --body search.json --rate-hz 20
        --arm direct=http://localhost:9200/products/_search
        --arm proxied=http://localhost:9250/products/_search

        qrm-bench urls --arm 'off=http://localhost:9250/products/_search?qrm_pipeline=_none'
        --arm on=http://localhost:9250/products/_search --header 'Authorization: ApiKey ...'
    """
    course = Course(
        rounds=rounds,
        slice_s=slice_s,
        warmup_s=warmup_s,
        rate_hz=rate_hz,
        arrivals=options.arrivals_of(arrivals),
        zipf=zipf,
        generators=generators_,
        seed=seed,
    )
    setup = options.setup_from(port=0, tell=_tell, queries=queries, body=body)
    _run(replace(URLS, arms=options.url_arms(arm, header or [])), course, setup, results)


@app.command()
def knee(
    scenario: options.ScenarioName,
    *,
    arm: options.ArmNames = None,
    p99_ms: Annotated[
        float, typer.Option("--p99-ms", help="Latency at p99 that is still in time.", min=0.1)
    ] = 50,
    step_s: Annotated[float, typer.Option("--step-s", help="Seconds a step.", min=0.2)] = (
        _KNEE_STEP_S
    ),
    queries: options.QueriesFile = None,
    zipf: options.Zipf = None,
    generators_: options.GeneratorsOption = 1,
    catalogue: options.Catalogue = None,
    engine: options.EngineOption = "elasticsearch",
    results: options.Results = options.RESULTS,
    port: options.Port = 9330,
) -> None:
    """Raise the rate until an arm does not keep up, or not in time: how much it can take.

    A rate is too high if less than 98 % of it is answered, a search fails, or p99 is above the
    bound. One that fails is tried twice more, and holds if it does both times.

    Examples:
        qrm-bench knee passthrough --arm identity --arm rules

        qrm-bench knee search --catalogue products.jsonl.gz --p99-ms 100 --generators 2
    """
    chosen = SCENARIOS[scenario]
    options.needs_catalogue(chosen, catalogue)
    setup = options.setup_from(
        port=port, tell=_tell, queries=queries, catalogue=catalogue, engine=engine
    )
    course = Course(slice_s=step_s, zipf=zipf, generators=generators_)
    names = options.only(chosen.arms, arm)
    arms = {DIRECT: chosen.arms[DIRECT], **names}
    found = _knees(replace(chosen, arms=arms), list(names), course, setup, p99_ms)
    path = results / f"knee-{scenario}.json"
    write_result(found, path)
    typer.echo("\n".join(knee_table(found)))
    _tell(f"\nkept in {path}; qrm-bench report draws it")


@app.command()
def soak(
    minutes: Annotated[float, typer.Option(help="How long.", min=0.1)] = 10,
    rate_hz: Annotated[float, typer.Option("--rate-hz", help="Searches a second.")] = 150,
    size_bytes: Annotated[int, typer.Option(help="Size of the upstream's answers.")] = 4_000,
    results: options.Results = options.RESULTS,
    port: options.Port = 9330,
) -> None:
    """Watch the proxy's memory, open files and threads under steady load.

    Examples:
        qrm-bench soak --minutes 30 --rate-hz 200
    """
    found = run_soak(
        minutes=minutes, rate_hz=rate_hz, size_bytes=size_bytes, first_port=port, tell=_tell
    )
    write_soak(found, results / "soak.json")
    typer.echo(f"growth in the second half: {found.growth_mb_per_hour:.1f} MB an hour")


@app.command()
def overload(
    *,
    arm: options.ArmNames = None,
    rounds: options.Rounds = 3,
    slice_s: options.SliceS = 3.0,
    warmup_s: options.WarmupS = 1.0,
    deadline_ms: Annotated[
        float, typer.Option("--deadline-ms", help="Later answers are of no use.", min=1)
    ] = 250,
    generators_: options.GeneratorsOption = 2,
    results: options.Results = options.RESULTS,
    port: options.Port = 9330,
) -> None:
    """Offer up to twice what the proxy can answer: what is answered, refused, held.

    Examples:
        qrm-bench overload --arm rules --rounds 5
    """
    chosen = replace(OVERLOAD, arms=options.only(OVERLOAD.arms, arm))
    found = run_overload(
        chosen,
        Sweep(rounds=rounds, slice_s=slice_s, warmup_s=warmup_s),
        deadline_ms=deadline_ms,
        processes=generators_,
        first_port=port,
        tell=_tell,
    )
    path = results / "overload.json"
    write_result(found, path)
    for part in (tables.overload(found), tables.held(found), overload_doubts(found)):
        typer.echo("\n".join(part) + "\n")
    _tell(f"kept in {path}; qrm-bench report draws it")


@app.command()
def compare(
    before: Annotated[Path, typer.Argument(help="Result of an earlier run.", dir_okay=False)],
    after: Annotated[Path, typer.Argument(help="Result of a later run.", dir_okay=False)],
    *,
    least: Annotated[
        float, typer.Option(help="Changes smaller than this share never count.", min=0)
    ] = LEAST,
    confidence: Annotated[
        float, typer.Option(help="Of the intervals.", min=0.5, max=0.9999)
    ] = CONFIDENCE,
    everything: Annotated[
        bool, typer.Option("--all", help="Show what is only noise, too.")
    ] = False,
    fail_on_regression: Annotated[
        bool, typer.Option("--fail-on-regression", help="Exit with 1 if anything got worse.")
    ] = False,
) -> None:
    """Say what differs between two results of a scenario beyond noise.

    An arm is slower if it is so by itself and beside the first arm of its own run: if the first
    arm, with nothing in the way, moved as well, the machine has changed.

    Examples:
        qrm-bench compare benchmarks/results/passthrough.json /tmp/passthrough.json

        qrm-bench compare before.json after.json --least 0.1 --fail-on-regression
    """
    found = differences(read_result(before), read_result(after), confidence=confidence, least=least)
    _tell_differences(found, everything=everything)
    if fail_on_regression and found.regressed:
        raise typer.Exit(1)


@app.command()
def report(
    results: options.Results = options.RESULTS,
    to: Annotated[Path, typer.Option(help="Page to write; its pictures go beside it.")] = Path(
        "docs/benchmarks.md"
    ),
) -> None:
    """Write the page and its pictures from the kept results.

    Examples:
        qrm-bench report

        qrm-bench report --results ours --to ours.md
    """
    count = page(results, to, _tell)
    typer.echo(f"{to} written from {count} results")


@app.command()
def smoke(port: options.Port = 9330) -> None:
    """Run everything for a moment, under a minute in all, and check what must always hold.

    Every search answered, with what it should be; nothing degraded but where something is
    broken; as many times in the histograms as searches sent. Never how long anything took.
    """
    problems = run_smoke(port, _tell)
    for problem in problems:
        typer.echo(f"does not hold: {problem}", err=True)
    if problems:
        raise typer.Exit(1)
    typer.echo("all invariants hold")


def _run(scenario: Scenario, course: Course, setup: Setup, results: Path) -> None:
    _tell(f"{scenario.question} About {duration_s(scenario, course) / 60:.1f} minutes.")
    result = measure(scenario, course, setup)
    at = "" if course.rate_hz is None else f"-at-{course.rate_hz:g}"
    path = results / f"{scenario.name}{at}.json"
    write_result(result, path)
    _show(result)
    _tell(f"\nkept in {path}; qrm-bench report writes the page")


def _show(result: Result) -> None:
    for measurement in result.measurements:
        typer.echo(f"\n{measurement.upstream}, {measurement.rate_hz:.0f} searches/s")
        for part in (tables.latencies, tables.comparisons, tables.costs):
            typer.echo("\n" + "\n".join(part(measurement)))
        typer.echo("\n" + "\n".join(doubts(result, measurement)))


def _knees(
    scenario: Scenario, names: list[str], course: Course, setup: Setup, p99_ms: float
) -> Knee:
    with (
        next(upstreams_of(scenario, setup)) as upstream,
        standing(scenario, setup, upstream, new=0) as arms,
        generators(course.generators, course.connections) as load,
        progress(f"knee, {upstream.description}", len(names)) as advance,
    ):
        wanted = [arm for arm in arms if arm.name in names]
        curves = find_knees(wanted, load, course, p99_ms=p99_ms, advance=advance)
        return Knee(
            scenario=scenario.name,
            upstream=upstream.description,
            date=today(),
            smoke=setup.smoke,
            p99_ms=p99_ms,
            step_s=course.slice_s,
            machine=describe_machine(further=nginx_version()),
            arms=curves,
        )


def _tell_differences(found: Differences, *, everything: bool) -> None:
    shown = [each for each in found.found if everything or each.verdict != "noise"]
    typer.echo("\n".join(tables.all_differences(replace(found, found=tuple(shown)))))
    for sentence in (*found.drifts, *found.losses, *found.missing):
        typer.echo(sentence)
    counts = {
        verdict: sum(each.verdict == verdict for each in found.found)
        for verdict in ("slower", "faster", "machine", "unclear", "noise")
    }
    summary = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    typer.echo(f"{len(found.found)} figures compared: {summary}")


app.command()(students)


def main() -> None:
    """Run the command; a problem that people can solve is told in one line."""
    try:
        app()
    except (AnswerError, EngineError, ProcessError, QueryFileError, ResultError) as error:
        typer.echo(f"qrm-bench: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
