"""The command ``build-table``, which does its work here or wherever else."""

# `qrm --help` reads this file, and building loads numpy: it is imported when it is asked for.
# ruff: noqa: PLC0415

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.command_options import counting
from qrmiddleware.recipes.feedback import options

if TYPE_CHECKING:
    from qrmiddleware.recipes.rewrite_tables.building import BuildReport, Watch
    from qrmiddleware.recipes.rewrite_tables.settings import BuildSettings

Build = Callable[["BuildSettings", "Watch"], "BuildReport"]

_HELP: Final = """Build the rewrite table that `plugin: rewrite_table` serves, for weak queries.

A generator, or a file of anybody's candidates, proposes; guards sort out what is no rewrite; the
engine is searched for the others; those that bring enough are put into the table, beside what
others have put there. Only queries that are new, or whose generator or engine has changed, are
worked on; goes on where it was interrupted. WORK keeps candidates, feedback and report.json.

Examples:

    {system} build-table weak.jsonl --work ./work --to rewrites.sqlite --generator models/rewriter
    --index products --fields title^2,description --student models/towers --min-score 0.6

    {system} build-table weak.jsonl --work ./work --to redis://cache:6379/0 --candidates mine.jsonl
    --body search.json --judgments ./judged --min-relevance 0.7 --at-most 2 --rate 50
"""


class ObjectiveChoice(StrEnum):
    """Which measure is a rewrite's score."""

    RELE = "rele"
    INCR = "incr"
    HITRATE = "hitrate"
    WEIGHTED = "weighted"


class MethodChoice(StrEnum):
    """How a generator looks for rewrites."""

    BEAMS = "beams"
    ALTERNATIVES = "alternatives"
    SAMPLING = "sampling"


def build_on_this_machine(settings: "BuildSettings", watch: "Watch") -> "BuildReport":
    """Build here; errors are those of ``build_here``."""
    from qrmiddleware.recipes.rewrite_tables.settings import build_here

    return build_here(settings, watch)


def add_build_table(app: typer.Typer, system: str, build: Build = build_on_this_machine) -> None:
    """Give an application the command that builds tables.

    Args:
        app: Whose.
        system: The command so far, for the examples.
        build: Does the work.
    """
    help_text = _HELP.replace("{system}", system)

    @app.command("build-table", no_args_is_help=True, help=help_text)
    def build_table(
        weak: Annotated[
            Path, typer.Argument(help="What find-weak wrote (.jsonl), or queries, one a line.")
        ],
        to: Annotated[str, typer.Option("--to", metavar="TABLE", help="Path or Redis URL.")],
        work: Annotated[Path, typer.Option(help="Folder that builds of this table share.")],
        *,
        generator: Annotated[
            Path | None, typer.Option(help="Folder of the generator student that proposes.")
        ] = None,
        candidates: Annotated[
            Path | None, typer.Option(help="What another has proposed, as `qrm feedback` reads.")
        ] = None,
        count: Annotated[
            int, typer.Option(min=1, max=64, help="Rewrites that the generator proposes.")
        ] = 5,
        method: Annotated[
            MethodChoice, typer.Option(help="How it looks for them.")
        ] = MethodChoice.BEAMS,
        max_new_tokens: Annotated[int, typer.Option(min=1, help="Of a rewrite.")] = 16,
        url: options.UrlOption = options.DEFAULT_URL,
        index: options.IndexOption = "products",
        fields: options.SearchFieldsOption = "",
        body: options.BodyOption = None,
        operator: options.OperatorOption = "",
        pipeline: options.PipelineOption = "",
        judgments: options.JudgmentsOption = None,
        student: options.JudgeStudentOption = None,
        min_score: options.MinScoreOption = 0.5,
        text_fields: options.TextFieldsOption = "",
        reached: options.ReachedOption = None,
        min_relevance: Annotated[
            float, typer.Option(min=0, max=1, help="Share of a rewrite's hits that is relevant.")
        ] = 0.5,
        min_increment: Annotated[
            float, typer.Option(min=0, help="What it adds, by what the query found of relevant.")
        ] = 0.1,
        at_most: Annotated[int, typer.Option(min=1, help="Rewrites of a query.")] = 3,
        objective: Annotated[
            ObjectiveChoice, typer.Option(help="Which measure is the score in the table.")
        ] = ObjectiveChoice.INCR,
        weight: Annotated[
            list[str] | None,
            typer.Option(help="Of a measure, with --objective weighted: rele=2; repeat."),
        ] = None,
        depth: options.DepthOption = 100,
        id_field: options.IdFieldOption = "",
        concurrency: options.ConcurrencyOption = 4,
        rate: options.SearchRateOption = 0.0,
        timeout: options.TimeoutOption = 30.0,
        attempts: options.AttemptsOption = 6,
        give_up_after: options.GiveUpOption = 10,
        brands: options.BrandsOption = None,
        language: options.LanguageOption = "",
        script: options.ScriptOption = None,
        new_identifiers: options.NewIdentifiersOption = False,
        engine_version: options.VersionOption = "",
        api_key_env: options.ApiKeyOption = "",
        ca_certs: options.CaCertsOption = None,
        ignore_punctuation: Annotated[
            bool, typer.Option("--ignore-punctuation", help="As the table was made.")
        ] = False,
        redis_prefix: Annotated[str, typer.Option(help="What its keys begin with.")] = "",
        redis_password_env: Annotated[
            str, typer.Option(help="Environment variable with the password of Redis.")
        ] = "",
        workers: Annotated[
            int, typer.Option(min=0, help="That propose at a time; 0: as many as cores.")
        ] = 0,
        refresh: Annotated[
            bool, typer.Option("--refresh", help="Propose and search anew what is known, too.")
        ] = False,
    ) -> None:
        from qrmiddleware.recipes.feedback.offline import OfflineOptions
        from qrmiddleware.recipes.feedback.settings import SystemSettings
        from qrmiddleware.recipes.rewrite_tables.choosing import Choosing
        from qrmiddleware.recipes.rewrite_tables.importing import Target
        from qrmiddleware.recipes.rewrite_tables.settings import BuildSettings
        from qrmiddleware.students.generator.options import DecodingOptions

        offline = SystemSettings(
            url=url,
            index=index,
            fields=options.names(fields),
            body=body,
            operator=operator,
            pipeline=pipeline,
            api_key_env=api_key_env,
            ca_certs=ca_certs,
            judgments=judgments,
            student=student,
            min_score=min_score,
            text_fields=options.names(text_fields),
            reached=reached,
            offline=OfflineOptions(depth, (), id_field, concurrency, rate, timeout, attempts),
            guards=options.guards_of(brands, language, script, new_identifiers=new_identifiers),
            version=engine_version,
            give_up_after=give_up_after,
        )
        weights = {"weights": read_weights(weight)} if weight else {}
        settings = BuildSettings(
            weak,
            work,
            Target(to, ignore_punctuation, redis_prefix, redis_password_env),
            offline,
            generator,
            candidates,
            DecodingOptions(
                n=count, beams=count, method=method.value, max_new_tokens=max_new_tokens
            ),
            Choosing(min_relevance, min_increment, at_most, objective.value, **weights),
            workers,
            refresh,
        )
        report = _with_a_bar(build, settings)
        show_report(report, Console(), to)
        if report.failed:
            raise typer.Exit(1)


def read_weights(told: list[str]) -> Mapping[str, float]:
    """Read what measures weigh.

    Raises:
        ConfigError: If one is no ``name=number``, there is no such measure, or all weigh nothing.
    """
    from qrmiddleware.recipes.rewrite_tables.choosing import Choosing

    try:
        weights = {
            name: float(number) for name, _, number in (each.partition("=") for each in told)
        }
        return Choosing(weights=weights).weights
    except ValueError as error:
        message = f"--weight: expected such as rele=2: {error}"
        raise ConfigError(message) from error


def _with_a_bar(build: Build, settings: "BuildSettings") -> "BuildReport":
    with counting("building") as bar:
        task = bar.tasks[0].id
        return build(
            settings,
            lambda what, done, total: bar.update(
                task, description=what, completed=done, total=total
            ),
        )


def show_report(report: "BuildReport", console: Console, table: str) -> None:
    """Print what a build did."""
    grid = Table("", "", title=table, title_justify="left", show_header=False)
    share = f" ({report.repaired / report.weak:.0%})" if report.weak else ""
    for name, value in (
        ("weak queries", f"{report.weak:,}"),
        ("… with candidates", f"{report.proposed:,}"),
        ("… with feedback", f"{report.valued:,}"),
        ("… repaired", f"{report.repaired:,}{share}"),
        *((f"… without feedback: {why}", f"{n:,}") for why, n in report.problems.items()),
        ("candidates", f"{report.candidates:,}"),
        *((f"… refused: {why}", f"{count:,}") for why, count in report.refused.items()),
        ("rewrites", f"{report.rewrites:,}"),
        *(
            (f"… mean {name}", f"{mean:.3f}")
            for name, mean in (("relevance", report.relevance), ("increment", report.increment))
            if mean is not None
        ),
        *(
            (f"stratum {name}", f"{each['repaired']:,} of {each['weak']:,} repaired")
            for name, each in report.strata.items()
        ),
        ("queries of former builds, kept", f"{report.kept:,}"),
        ("queries in the table", f"{report.table_queries:,}"),
    ):
        grid.add_row(name, value)
    console.print(grid)
    if report.failed:
        console.print(f"{report.failed:,} queries failed; the same command asks for them again")
