"""``qrm feedback``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from qrmiddleware.cli.console import counting, fail, note, out
from qrmiddleware.recipes.feedback import options

if TYPE_CHECKING:
    from qrmiddleware.recipes.feedback.giving import FeedbackTally, System

_INTERRUPTED = 130


def feedback(
    candidates: Annotated[
        Path, typer.Argument(help="JSON lines of queries with candidates; .gz is read too.")
    ],
    to: Annotated[Path, typer.Option("--to", help="Where feedback is kept; it only grows.")],
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
    json: Annotated[
        Path | None, typer.Option(help="Write the summary there, too, as JSON.")
    ] = None,
) -> None:
    """Search for queries and for each of their rewrites, and measure what the rewrites bring.

    A line of CANDIDATES is {"query": …, "candidates": [{"text": …}, …]}, or, where pairs are to
    be judged, {"query": …, "rewrite": …}. Each rewrite gets the share of its hits that is
    relevant to the query as typed, what it finds that is relevant and new, and the share of what
    users got elsewhere that it would have found (arXiv:2311.03758).

    What is interrupted goes on where it ended; feedback of another engine, depth, guard or judge
    stands beside it in the same file, told apart by `by`. Exit code 1 if searches failed.

    Examples:

        qrm feedback candidates.jsonl --to feedback.jsonl --index products
        --fields title^2,description --judgments ./judged

        qrm feedback candidates.jsonl --to feedback.jsonl --url https://me:secret@search:9200
        --body search.json --student models/towers --min-score 0.6 --rate 50
        --reached ./ubi --brands brands.txt
    """
    # The evaluation's formats are slow to load.
    from qrmiddleware.recipes.feedback.offline import OfflineOptions  # noqa: PLC0415
    from qrmiddleware.recipes.feedback.settings import SystemSettings  # noqa: PLC0415

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
        reached=reached,
        offline=OfflineOptions(depth, (), id_field, concurrency, rate, timeout, attempts),
        guards=options.guards_of(brands, language, script, new_identifiers=new_identifiers),
        version=engine_version,
        give_up_after=give_up_after,
    )
    with settings.open() as system:
        tally = _run(system, candidates, to)
    _show(tally, to)
    if json is not None:
        json.write_bytes(msgspec.json.format(msgspec.json.encode(tally_summary(tally)), indent=2))
    if tally.failed:
        raise typer.Exit(1)


def _run(system: "System", candidates: Path, to: Path) -> "FeedbackTally":
    from qrmiddleware.distill.rewriting.proposed import read_proposed  # noqa: PLC0415
    from qrmiddleware.recipes.feedback.giving import give_feedback  # noqa: PLC0415
    from qrmiddleware.recipes.feedback.store import FeedbackStore  # noqa: PLC0415

    total, sets = read_proposed(candidates)
    with FeedbackStore(to) as store, counting() as bar:
        if store.note:
            note(store.note)
        task = bar.add_task("searching", total=total)
        try:
            return give_feedback(
                system,
                sets,
                store,
                lambda now: bar.update(task, completed=now.seen),
            )
        except KeyboardInterrupt:
            bar.stop()
            note(f"interrupted; {to} has {len(store):,} lines, the same command goes on from there")
            raise typer.Exit(_INTERRUPTED) from None


def tally_summary(tally: "FeedbackTally") -> dict[str, Any]:
    """Return what a run did, for JSON."""
    return {
        "known": tally.known,
        "given": tally.given,
        "failed": tally.failed,
        "problems": dict(tally.problems),
        "refused": dict(tally.refused),
        "valued": tally.valued,
        "helpful": tally.helpful,
        "searches": tally.searches,
        "means": tally.means(),
    }


def _show(tally: "FeedbackTally", to: Path) -> None:
    grid = Table("", "", title=escape(str(to)), title_justify="left", show_header=False)
    grid.add_row("queries with feedback now", f"{tally.given:,}")
    grid.add_row("queries with feedback before", f"{tally.known:,}")
    for problem, count in tally.problems.most_common():
        grid.add_row(f"queries without: {escape(problem)}", f"{count:,}")
    grid.add_row("queries that a rewrite brings anything relevant", f"{tally.helpful:,}")
    grid.add_row("rewrites searched for", f"{tally.valued:,}")
    for reason, count in tally.refused.most_common():
        grid.add_row(f"rewrites refused: {escape(reason)}", f"{count:,}")
    for name, mean in tally.means().items():
        if mean is not None:
            grid.add_row(f"mean {name.replace('_', ' ')}", f"{mean:.3f}")
    grid.add_row("searches sent", f"{tally.searches:,}")
    out.print(grid)
    if tally.failed:
        fail(
            f"{tally.failed:,} queries failed, such as with: {tally.failure}; the same command "
            "asks for them again"
        )
