"""``qrm beque find-weak``."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from qrmiddleware.recipes.command_options import counting, say
from qrmiddleware.recipes.feedback import options

if TYPE_CHECKING:
    from qrmiddleware.recipes.feedback.settings import SystemSettings
    from qrmiddleware.recipes.query_log import LogTally, Noise
    from qrmiddleware.recipes.weak_queries import Bounds, WeakTally


def find_weak(
    logs: Annotated[
        list[Path],
        typer.Argument(metavar="LOG...", help="Logs of queries: lines, JSON lines, UBI; .gz too."),
    ],
    to: Annotated[Path, typer.Option("--to", help="Where queries are kept; it only grows.")],
    *,
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
    few_results: Annotated[
        int, typer.Option(min=0, help="Weak is what has fewer results than this, …")
    ] = 10,
    few_share: Annotated[
        float, typer.Option(min=0, max=1, help="… or than this share of the catalogue.")
    ] = 1e-4,
    irrelevant: Annotated[
        float, typer.Option(min=0, max=1, help="Weak is what has more irrelevant results.")
    ] = 0.7,
    min_count: Annotated[int, typer.Option(min=1, help="Only what was searched for so often.")] = 1,
    max_words: Annotated[int, typer.Option(min=1, help="Longer queries are noise.")] = 12,
    most: Annotated[
        int, typer.Option(min=0, help="Only so many queries, the most frequent; 0 for all.")
    ] = 0,
    keep_identifiers: Annotated[
        bool, typer.Option("--keep-identifiers", help="Article numbers alone are queries, too.")
    ] = False,
    depth: options.DepthOption = 100,
    id_field: options.IdFieldOption = "",
    concurrency: options.ConcurrencyOption = 4,
    rate: options.SearchRateOption = 0.0,
    timeout: options.TimeoutOption = 30.0,
    attempts: options.AttemptsOption = 6,
    give_up_after: options.GiveUpOption = 10,
    engine_version: options.VersionOption = "",
    api_key_env: options.ApiKeyOption = "",
    ca_certs: options.CaCertsOption = None,
) -> None:
    """Find the queries of a log that need a rewrite: too few results, or too irrelevant ones.

    Queries are counted by what their spellings share, and searched for, the most frequent first.
    Lines that are none are counted, and cost nothing. Without --judgments or --student only few
    results make a query weak. Goes on where it was interrupted.

    Examples:
        qrm beque find-weak queries.log --to weak.jsonl --index products --fields title^2,text

        qrm beque find-weak misses.jsonl ubi.ndjson.gz --to weak.jsonl --fields title
        --student models/towers --min-score 0.6 --min-count 3 --rate 50
    """
    # These load numpy, and `qrm --help` reads this file.
    from qrmiddleware.recipes.feedback.offline import OfflineOptions  # noqa: PLC0415
    from qrmiddleware.recipes.feedback.settings import SystemSettings  # noqa: PLC0415
    from qrmiddleware.recipes.query_log import Noise  # noqa: PLC0415
    from qrmiddleware.recipes.weak_queries import Bounds  # noqa: PLC0415

    settings = SystemSettings(
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
        needs_judge=False,
        offline=OfflineOptions(depth, (), id_field, concurrency, rate, timeout, attempts),
        version=engine_version,
        give_up_after=give_up_after,
    )
    noise = Noise(min_count, max_words=max_words, identifiers=not keep_identifiers)
    bounds = Bounds(few_results, few_share, irrelevant)
    tally = _find(settings, logs, to, noise=noise, bounds=bounds, most=most)
    if tally.failed:
        raise typer.Exit(1)


def _find(
    settings: "SystemSettings",
    logs: list[Path],
    to: Path,
    *,
    noise: "Noise",
    bounds: "Bounds",
    most: int,
) -> "WeakTally":
    from qrmiddleware.recipes.query_log import QueryCounts, count_log  # noqa: PLC0415
    from qrmiddleware.recipes.weak_queries import WeakStore, find_weak  # noqa: PLC0415

    with settings.open() as system, QueryCounts() as counts:
        read = count_log(logs, counts, noise)
        _say_log(read)
        queries = islice(counts.most_common(noise.min_count), most or None)
        with WeakStore(to) as store, counting("searching") as bar:
            if store.note:
                say(store.note)
            task, total = bar.tasks[0].id, min(read.distinct, most or read.distinct)

            def watch(now: "WeakTally") -> None:
                bar.update(task, completed=now.known + now.searched + now.failed, total=total)

            tally = find_weak(system, queries, store, bounds, watch)
    _say_found(tally, to)
    return tally


def _say_log(read: "LogTally") -> None:
    say(f"{read.lines:,} lines tell of {read.searches:,} searches, {read.distinct:,} queries")
    for what, reasons in (("lines left out", read.bad), ("searches left out", read.dropped)):
        if reasons:
            counts = ", ".join(f"{reason} {count:,}" for reason, count in reasons.most_common())
            say(f"{what}: {counts}")


def _say_found(tally: "WeakTally", to: Path) -> None:
    weak = ", ".join(f"{reason} {count:,}" for reason, count in tally.weak.most_common())
    strata = ", ".join(f"{name} {count:,}" for name, count in tally.strata.most_common())
    say(
        f"{to}: {tally.searched:,} queries searched now, {tally.known:,} before; "
        f"weak: {weak or 'none'}" + (f"; strata: {strata}" if strata else "")
    )
    if tally.problems:
        say(f"{tally.problems:,} queries were refused by the engine")
    if tally.failed:
        say(f"{tally.failed:,} queries failed, such as with: {tally.failure}; ask again")
