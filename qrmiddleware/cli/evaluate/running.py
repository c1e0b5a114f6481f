"""``qrm eval run`` and ``qrm eval score``."""

import asyncio
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.markup import escape

from qrmiddleware.cli.console import counting, err, fail, out
from qrmiddleware.cli.evaluate.indexing import ChoiceOption, FormatOption, chosen_options
from qrmiddleware.cli.evaluate.reporting import (
    HtmlOption,
    JsonOption,
    MarkdownOption,
    MeasureOption,
    show,
)
from qrmiddleware.cli.evaluate.tables import print_rewrites
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation import formats
from qrmiddleware.evaluation.arm_client import Wanted
from qrmiddleware.evaluation.arms import (
    Arm,
    Defaults,
    make_arms,
    parse_arm,
    read_arms,
    refuse_leaks,
)
from qrmiddleware.evaluation.asking import (
    Asked,
    AskOptions,
    ask_arms,
    check_depth,
    strangers,
    tells_provenance,
)
from qrmiddleware.evaluation.cache import RankingCache, default_folder
from qrmiddleware.evaluation.collection import JudgedQueries, JudgedQuery
from qrmiddleware.evaluation.comparison import (
    Evaluation,
    evaluate,
    with_rewrite_values,
    wordings,
)
from qrmiddleware.evaluation.formats.reached import read_reached
from qrmiddleware.evaluation.formats.trec_runs import read_run, write_run
from qrmiddleware.evaluation.rankings import ArmRun
from qrmiddleware.evaluation.rewriting import JudgmentsJudge

_SHOWN_FAILURES = 5

DataOption: TypeAlias = Annotated[
    Path, typer.Option("--data", "-d", help="Folder or file with queries and judgments.")
]
FoldsOption: TypeAlias = Annotated[
    str, typer.Option("--folds", help="Only queries of these folds, such as 0,1.")
]


def run(
    data: DataOption,
    arm: Annotated[
        list[str] | None,
        typer.Option(
            "--arm",
            "-a",
            help="NAME=URL of an index, then ;key=value: pipeline, header, fields, type, operator, "
            "body, trained_on, version, api_key_env, ca_certs, verify_certs. The first is the "
            "baseline.",
        ),
    ] = None,
    arms: Annotated[Path | None, typer.Option(help="YAML file with the same, in a list.")] = None,
    fields: Annotated[str, typer.Option(help="Search these: title^2,description.")] = "",
    match_type: Annotated[str, typer.Option("--type", help="Of the multi_match.")] = "best_fields",
    operator: Annotated[str, typer.Option(help="Of the multi_match: and, or.")] = "",
    body: Annotated[
        Path | None, typer.Option(help="Search body (JSON) with {{query}} where the text goes.")
    ] = None,
    format_name: FormatOption = "",
    option: ChoiceOption = None,
    folds: FoldsOption = "",
    depth: Annotated[int, typer.Option(help="How many hits to ask for.")] = 1_000,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Queries at a time; more than 1 makes latency a load test.")
    ] = 1,
    warmup: Annotated[int, typer.Option(min=0, help="Queries asked before, uncounted.")] = 20,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds for one search.")] = 30.0,
    title_field: Annotated[str, typer.Option(help="What reports show of a hit.")] = "",
    id_field: Annotated[
        str, typer.Option(help="Field with the id that the judgments use, if it is not _id.")
    ] = "",
    provenance: Annotated[
        bool,
        typer.Option(
            "--provenance",
            help="Ask qrm proxies which wording found which hit; plugins then explain hits, too, "
            "which takes time.",
        ),
    ] = False,
    value_rewrites: Annotated[
        bool,
        typer.Option(
            "--value-rewrites",
            help="Search the first arm for each rewrite alone, too, and value what it finds.",
        ),
    ] = False,
    rewrite_depth: Annotated[
        int, typer.Option(min=1, help="How many hits of a rewrite are valued.")
    ] = 100,
    reached: Annotated[
        Path | None,
        typer.Option(
            help="With --value-rewrites, for their hit rate: what users got without searching, "
            "such as purchases: a table with query_id and doc_id, tabs between."
        ),
    ] = None,
    api_key_env: Annotated[
        str, typer.Option(help="Environment variable with an API key for all arms.")
    ] = "",
    ca_certs: Annotated[
        Path | None, typer.Option(help="PEM file of who vouches for https servers.")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Keep answers in this folder, not the user's cache.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Ask everything afresh.")] = False,
    max_failures: Annotated[
        int, typer.Option(min=0, help="Failed searches that still count as success.")
    ] = 0,
    save_runs: Annotated[
        Path | None, typer.Option(help="Write the rankings there, as TREC runs.")
    ] = None,
    title: Annotated[str, typer.Option(help="Of the report; else the data's name.")] = "",
    json: JsonOption = None,
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    measure: MeasureOption = "",
) -> None:
    """Ask arms for judged queries, measure their rankings, and compare them with the first.

    An arm is any URL that answers `_search`: an engine, a proxy, a pipeline of it. Exit code 1
    if searches failed; those queries are left out for all arms, never counted as 0.

    Answers are kept, so that a repeat is quick; they are asked for again when the index, the
    search or the arm's version changes. What a qrm pipeline serves is always asked afresh unless
    the arm has a version: its rules and models cannot be seen from outside.

    Examples:

        qrm eval run --data ./judged --fields title^2,description
        --arm plain=http://localhost:9200/products --arm rules=http://localhost:9250/products

        qrm eval run --data ./judged --body search.json --folds 0,1 --provenance
        --arm 'off=http://localhost:9250/products;pipeline=_none'
        --arm 'on=http://localhost:9250/products;pipeline=shop;header=X-QRM-Timeout-Ms: 500'

        qrm eval run --data ./judged --arms arms.yaml --depth 100 --save-runs ./runs
        --value-rewrites
    """
    check_depth(depth)
    if reached is not None and not value_rewrites:
        message = "--reached tells a rewrite's hit rate: give --value-rewrites as well"
        raise ConfigError(message)
    elsewhere = {} if reached is None else read_reached(reached)
    judged = load(data, format_name, option, folds)
    settings = [*map(parse_arm, arm or ()), *(read_arms(arms) if arms else ())]
    named = tuple(part.strip() for part in fields.split(",") if part.strip())
    defaults = Defaults(named, match_type, operator, body, api_key_env, ca_certs)
    made = make_arms(settings, defaults)
    refuse_leaks(made, judged)
    wanted = Wanted(depth, title_field, id_field, provenance or value_rewrites, timeout)
    kept = None if no_cache else RankingCache(cache or default_folder())
    how = AskOptions(concurrency, warmup, kept)
    asked = _ask(made, judged, wanted, how)
    if save_runs is not None:
        _save(save_runs, [each.run for each in asked])
    runs = [each.run for each in asked]
    evaluation = evaluate(
        title or data.stem, judged, runs, _environment(asked, wanted, concurrency)
    )
    if value_rewrites:
        evaluation = _valued(evaluation, made[0], wanted, how, rewrite_depth, elsewhere)
    show(evaluation, json=json, html=html, markdown=markdown, measure=measure)
    print_rewrites(evaluation, out)
    if wanted.provenance and not any(tells_provenance(each.run) for each in asked):
        err.print("[yellow]note:[/] no arm says which wording found a hit: is any a qrm proxy?")
    _tell(judged, asked)
    failures = sum(len(each.failures) for each in asked)
    if failures > max_failures:
        raise typer.Exit(1)


def score(
    runs: Annotated[list[Path], typer.Argument(help="TREC runs; the first is the baseline.")],
    data: DataOption,
    format_name: FormatOption = "",
    option: ChoiceOption = None,
    folds: FoldsOption = "",
    depth: Annotated[
        int,
        typer.Option(
            help="How many hits were asked for; else told by the longest ranking: 10, 100, 1000 …"
        ),
    ] = 0,
    title: Annotated[str, typer.Option(help="Of the report; else the data's name.")] = "",
    json: JsonOption = None,
    html: HtmlOption = None,
    markdown: MarkdownOption = None,
    measure: MeasureOption = "",
) -> None:
    """Measure and compare rankings from files, without asking anyone.

    A query that a run does not have counts as one for which nothing was found.

    Examples:

        qrm eval score plain.trec rules.trec --data ./judged

        qrm eval score bm25.run --data ./trec-folder --depth 1000
    """
    judged = load(data, format_name, option, folds)
    read = [read_run(path, name=path.stem) for path in runs]
    names = [each.name for each in read]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        message = f"two runs are called {twice}: rename one of the files"
        raise ConfigError(message)
    deepest = depth or _likely_depth(max(each.depth for each in read))
    same = [ArmRun(each.name, each.rankings, deepest, each.asked) for each in read]
    environment = {"depth": str(deepest), "qrmiddleware": version("qrmiddleware")}
    evaluation = evaluate(title or data.stem, judged, same, environment)
    show(evaluation, json=json, html=html, markdown=markdown, measure=measure)
    _tell(judged, [Asked(each, "", ()) for each in same])


def load(data: Path, format_name: str, option: Sequence[str] | None, folds: str) -> JudgedQueries:
    """Read the queries that options name.

    Raises:
        ConfigError: If an option cannot be understood.
        FormatError: If the data cannot be read.
    """
    judged = formats.load_judged(data, format_name=format_name, options=chosen_options(option))
    if not folds:
        return judged
    try:
        return judged.in_folds([int(fold) for fold in folds.split(",")])
    except ValueError as error:
        message = f"--folds {folds}: {error}"
        raise ConfigError(message) from error


def _ask(
    arms: Sequence[Arm], judged: JudgedQueries, wanted: Wanted, options: AskOptions
) -> tuple[Asked, ...]:
    with counting() as progress:
        task = progress.add_task("searching", total=len(arms) * len(judged.queries))
        return asyncio.run(
            ask_arms(arms, judged, wanted, options, lambda _: progress.advance(task))
        )


def _valued(
    evaluation: Evaluation,
    first: Arm,
    wanted: Wanted,
    options: AskOptions,
    depth: int,
    elsewhere: Mapping[str, AbstractSet[str]],
) -> Evaluation:
    """Search the first arm for each rewrite alone, and value what it finds."""
    texts = tuple(JudgedQuery(text, text) for text in wordings(evaluation))
    if not texts:
        err.print("[yellow]note:[/] no arm says that it used a rewrite: none is valued")
        return evaluation
    alone = replace(wanted, depth=depth, provenance=False)
    (asked,) = _ask((first,), JudgedQueries(texts, {}), alone, options)
    for ranking in asked.failures[:_SHOWN_FAILURES]:
        fail(f"{first.name}, rewrite {ranking.query_id!r}: {ranking.problem}; it is not valued")
    judge = JudgmentsJudge(evaluation.judged)
    return with_rewrite_values(
        evaluation, judge, asked.run.rankings, depth=depth, elsewhere=elsewhere
    )


def _environment(asked: Sequence[Asked], wanted: Wanted, concurrency: int) -> Mapping[str, str]:
    return {
        "depth": str(wanted.depth),
        "searches at a time": str(concurrency),
        **{f"engine of {each.run.name}": each.engine for each in asked if each.engine},
        **{f"asked of {each.run.name}": each.run.asked for each in asked},
        **{
            f"equal scores among the first 10 of {each.run.name}": (
                f"{each.run.tied(10)} of {len(each.run.rankings)} rankings"
            )
            for each in asked
        },
        **{f"notes on {each.run.name}": "; ".join(each.notes) for each in asked if each.notes},
        "qrmiddleware": version("qrmiddleware"),
    }


def _likely_depth(longest: int) -> int:
    """Return the power of ten, from 10 on, that a run with rankings this long was cut at."""
    depth = 10
    while depth < longest:
        depth *= 10
    return depth


def _tell(judged: JudgedQueries, asked: Sequence[Asked]) -> None:
    for each in asked:
        for note in (*each.notes, strangers(judged, each.run)):
            if note:
                err.print(f"[yellow]note:[/] {escape(f'{each.run.name}: {note}')}", highlight=False)
        for ranking in each.failures[:_SHOWN_FAILURES]:
            fail(f"{each.run.name}, query {ranking.query_id}: {ranking.problem}")
        if len(each.failures) > _SHOWN_FAILURES:
            fail(f"{each.run.name}: {len(each.failures)} searches failed in all")


def _save(folder: Path, runs: Sequence[ArmRun]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for each in runs:
        name = "".join(
            letter if letter.isalnum() or letter in "-_." else "_" for letter in each.name
        )
        write_run(folder / f"{name}.trec", each)
