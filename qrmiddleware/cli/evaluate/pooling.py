"""``qrm eval pool``: puts unjudged hits up for judging, and takes judgments in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from qrmiddleware.cli.console import err
from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation import formats
from qrmiddleware.evaluation.collection import JudgedQueries
from qrmiddleware.evaluation.formats.trec_runs import read_run
from qrmiddleware.evaluation.pool_files import (
    PoolFormat,
    format_of,
    read_pool,
    read_sources,
    write_merged,
    write_pool,
)
from qrmiddleware.evaluation.pooling import (
    HUMAN,
    OnConflict,
    PooledPair,
    merge_judgments,
    pool_unjudged,
    with_fields,
)
from qrmiddleware.evaluation.rankings import ArmRun
from qrmiddleware.evaluation.report.saved import read_json

CatalogueOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder or file of the documents, to show their fields to the judge."),
]
FieldsOption: TypeAlias = Annotated[
    str, typer.Option(help="Fields to show, such as title,brand; else all that hold text.")
]
SeedOption: TypeAlias = Annotated[int, typer.Option(help="Draws another order.")]


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Judgments and the rankings that were made for them."""

    judged: JudgedQueries
    runs: tuple[ArmRun, ...]


def pool(
    source: Annotated[
        list[Path] | None,
        typer.Argument(help="What `qrm eval run --json` saved, or TREC runs."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="File to write (.tsv, .jsonl, .csv for Quepid); folder to merge to."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", "-d", help="Judgments: folder or file; else the saved ones."),
    ] = None,
    depth: Annotated[int, typer.Option(min=1, help="Hits of every arm to pool.")] = 10,
    catalogue: CatalogueOption = None,
    fields: FieldsOption = "",
    seed: SeedOption = 1,
    file_format: Annotated[
        str, typer.Option("--format", help="tsv, jsonl or quepid; else by the file's name.")
    ] = "",
    blind: Annotated[
        bool, typer.Option("--blind", help="Leave out which arm found what at which rank.")
    ] = False,
    merge: Annotated[
        list[Path] | None, typer.Option(help="Judged file to take into --data; repeat for several.")
    ] = None,
    judge: Annotated[
        str, typer.Option(help="Who judged what does not say so itself, for the column source.")
    ] = HUMAN,
    on_conflict: Annotated[
        str, typer.Option(help="Where judgments differ: refuse, keep the old, replace it.")
    ] = "refuse",
) -> None:
    """Write the unjudged first hits of all arms to a file for judging; or merge such a file.

    The order of a query's documents is drawn from ids and seed alone, so it does not tell which
    arm found what. Without --data, the queries that were measured are pooled; with it, also those
    that have nothing relevant yet.

    Fill in the column `relevance`, by hand or with `qrm eval judge`; then merge: that writes
    queries and judgments, with who made them in a column `source`, to a new folder.

    Examples:

        qrm eval pool rules.json --catalogue ./judged --fields title,brand -o pool.tsv

        qrm eval pool plain.trec rules.trec --data ./judged --depth 20 -o pool.jsonl

        qrm eval pool --merge pool.tsv --data ./judged -o ./judged-more
    """
    if out is None:
        message = "say with --out where to write"
        raise ConfigError(message)
    if merge:
        _merge(merge, data, out, judge, on_conflict)
        return
    ranked = _ranked(source or (), data)
    pairs: Iterable[PooledPair] = pool_unjudged(ranked.judged, ranked.runs, depth=depth, seed=seed)
    if catalogue is not None:
        wanted = {pair.doc_id for pair in pairs}
        pairs = with_fields(pairs, documents(catalogue, wanted), split_names(fields))
    pairs = tuple(pairs)
    write_pool(out, pairs, _format(file_format, out), blind=blind)
    queries = len({pair.query_id for pair in pairs})
    err.print(
        f"wrote {len(pairs):,} unjudged pairs of {queries:,} queries to {out}",
        highlight=False,
        soft_wrap=True,
    )


def _ranked(paths: Sequence[Path], data: Path | None) -> _Ranked:
    if not paths:
        message = "name what `qrm eval run --json` saved, or TREC runs with --data"
        raise ConfigError(message)
    runs: list[ArmRun] = []
    judged = formats.load_judged(data) if data is not None else None
    for path in paths:
        if ".json" in path.suffixes:
            saved = read_json(path)
            judged = judged or saved.judged
            runs += [arm.run for arm in saved.arms]
        else:
            runs.append(read_run(path, name=path.stem))
    if judged is None:
        message = "TREC runs do not hold judgments: name them with --data"
        raise ConfigError(message)
    return _Ranked(judged, tuple(runs))


def _format(name: str, out: Path) -> PoolFormat:
    match name:
        case "":
            return format_of(out)
        case "tsv" | "jsonl" | "quepid":
            return name
        case _:
            message = f"--format is tsv, jsonl or quepid, not {name!r}"
            raise ConfigError(message)


def documents(catalogue: Path, wanted: set[str] | None = None) -> Mapping[str, Mapping[str, Any]]:
    """Read a catalogue's fields by doc_id; only ``wanted`` documents, if given."""
    return {
        document.doc_id: document.source
        for document in formats.load_catalogue(catalogue)
        if wanted is None or document.doc_id in wanted
    }


def split_names(names: str) -> tuple[str, ...]:
    """Split what stands between commas."""
    return tuple(name.strip() for name in names.split(",") if name.strip())


def _merge(
    paths: Sequence[Path], data: Path | None, out: Path, judge: str, on_conflict: str
) -> None:
    if data is None:
        message = "say with --data which judgments to merge into"
        raise ConfigError(message)
    if out.suffix or out.is_file():
        message = f"{out}: merged judgments are written to a folder"
        raise ConfigError(message)
    judged = formats.load_judged(data)
    pairs = [pair for path in paths for pair in read_pool(path, judged.queries)]
    try:
        merged = merge_judgments(
            judged, read_sources(data), pairs, source=judge, on_conflict=_conflict(on_conflict)
        )
    except ValueError as error:
        raise ConfigError(str(error)) from error
    write_merged(out, merged)
    err.print(
        f"wrote {out}: {merged.added:,} judgments added, {merged.replaced:,} replaced, "
        f"{merged.kept:,} kept against new ones, {merged.same:,} the same as before; "
        f"{merged.blank:,} pairs were not judged",
        highlight=False,
        soft_wrap=True,
    )


def _conflict(name: str) -> OnConflict:
    match name:
        case "refuse" | "keep" | "replace":
            return name
        case _:
            message = f"--on-conflict is refuse, keep or replace, not {name!r}"
            raise ConfigError(message)
