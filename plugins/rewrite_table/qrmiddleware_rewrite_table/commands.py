"""``qrm table``: make, copy and look into rewrite tables."""

import itertools
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import wrap_file
from rich.table import Table as Grid

from qrmiddleware import ConfigError, QrmError
from qrmiddleware_rewrite_table.address import DEFAULT_PREFIX, Address
from qrmiddleware_rewrite_table.atomic import replacing
from qrmiddleware_rewrite_table.files import BadRow, Columns, Format, Row, read_rows, write_rows
from qrmiddleware_rewrite_table.normalise import NFKC_CASEFOLD, NFKC_CASEFOLD_NO_PUNCTUATION
from qrmiddleware_rewrite_table.table import Entry, Metadata, Table

BAD_ROWS_SHOWN: Final = 20
EXAMPLES_SHOWN: Final = 10

app = typer.Typer(
    help="Make, copy and look into tables of precomputed rewrites.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

TableArgument = Annotated[
    str, typer.Argument(metavar="TABLE", help="Path of a table, or redis://host:port/db.")
]
FormatOption = Annotated[
    Format | None, typer.Option("--format", help="If the file's name does not say it.")
]
PrefixOption = Annotated[
    str, typer.Option("--redis-prefix", help="What the table's keys in Redis begin with.")
]
PasswordOption = Annotated[
    str,
    typer.Option(
        "--redis-password-env",
        metavar="NAME",
        help="Environment variable that holds the password of Redis.",
    ),
]


ColumnsOption = Annotated[
    str, typer.Option(metavar="Q,R[,S]", help="What the file calls query, rewrite and score.")
]
AppendOption = Annotated[
    bool, typer.Option("--append", help="Keep what the table holds; new scores win.")
]
PunctuationOption = Annotated[
    bool, typer.Option("--ignore-punctuation", help="Read punctuation in queries as blanks.")
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Write nothing if any row is bad.")]


@app.command("import", no_args_is_help=True)
def import_(
    file: Annotated[Path, typer.Argument(help="What to read.", exists=True, dir_okay=False)],
    to: Annotated[str, typer.Option("--to", metavar="TABLE", help="Path or Redis URL.")],
    format_: FormatOption = None,
    columns: ColumnsOption = "",
    *,
    append: AppendOption = False,
    ignore_punctuation: PunctuationOption = False,
    strict: StrictOption = False,
    redis_prefix: PrefixOption = DEFAULT_PREFIX,
    redis_password_env: PasswordOption = "",
) -> None:
    """Make a table from a file of rewrites, or replace one.

    The new table takes the old one's place at once; a running qrm serve notices within a second.

    A row holds a query, a rewrite and a score; a line of JSONL may hold all of a query:
    {"query": …, "rewrites": [{"text": …, "score": …}]}.

    For example:

    * `qrm table import rewrites.tsv --to rewrites.sqlite`

    * `qrm table import new.jsonl --to rewrites.sqlite --append`

    * `qrm table import log.tsv --to rewrites.sqlite --columns asked,bought`

    * `qrm table import rewrites.parquet --to redis://localhost:6379/0`
    """
    address = Address(to, redis_prefix, redis_password_env)
    normalisation = NFKC_CASEFOLD_NO_PUNCTUATION if ignore_punctuation else NFKC_CASEFOLD
    console = _console_for_messages()
    write = _append if append else Address.write
    with _errors_for_people(console):
        rows = _read(file, format_ or Format.of(file), _columns(columns), console)
        entries = _sift(rows, console, strict=strict)
        metadata = write(address, entries, normalisation=normalisation, source=file.name)
        console.print(f"{metadata.rewrites:,} rewrites of {metadata.queries:,} queries written")


@app.command(no_args_is_help=True)
def export(
    table: TableArgument,
    file: Annotated[Path, typer.Argument(help="What to write.", dir_okay=False)],
    format_: FormatOption = None,
    redis_prefix: PrefixOption = DEFAULT_PREFIX,
    redis_password_env: PasswordOption = "",
) -> None:
    """Write a table to a TSV, JSONL or Parquet file; importing that makes an equal table.

    For example:

    * `qrm table export rewrites.sqlite rewrites.tsv`

    * `qrm table export redis://localhost:6379/0 rewrites.parquet`
    """
    console = _console_for_messages()
    with (
        _errors_for_people(console),
        closing(Address(table, redis_prefix, redis_password_env).open()) as opened,
        replacing(file) as draft,
    ):
        write_rows(opened.entries(), draft, format_ or Format.of(file))


@app.command(no_args_is_help=True)
def show(
    table: TableArgument,
    query: Annotated[str | None, typer.Argument(help="Show the rewrites of this query.")] = None,
    redis_prefix: PrefixOption = DEFAULT_PREFIX,
    redis_password_env: PasswordOption = "",
) -> None:
    """Show where a table comes from and some of it, or the rewrites of one query.

    For example:

    * `qrm table show rewrites.sqlite`

    * `qrm table show rewrites.sqlite "garden hoze"`
    """
    console = _console_for_messages()
    with (
        _errors_for_people(console),
        closing(Address(table, redis_prefix, redis_password_env).open()) as opened,
    ):
        if query is None:
            _show_table(opened, Console())
        else:
            _show_query(opened, query, Console())


def _console_for_messages() -> Console:
    return Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def _read(file: Path, how: Format, columns: Columns | None, console: Console) -> Iterator[Row]:
    """Read rows behind a progress bar, which is shown on a terminal only."""
    with (
        file.open("rb") as raw,
        wrap_file(
            raw,
            file.stat().st_size,
            description=file.name,
            console=console,
            disable=not console.is_terminal,
        ) as reader,
    ):
        yield from read_rows(reader, how, columns)


def _sift(rows: Iterable[Row], console: Console, *, strict: bool) -> Iterator[Entry]:
    """Keep the good rows, and report the bad ones."""
    bad = 0
    for row in rows:
        if not isinstance(row, BadRow):
            yield row
            continue
        bad += 1
        if bad <= BAD_ROWS_SHOWN:
            console.print(f"{row.where}: {row.problem}")
    if bad > BAD_ROWS_SHOWN:
        console.print(f"… and {bad - BAD_ROWS_SHOWN:,} more")
    if bad and strict:
        message = f"{bad:,} bad row(s); nothing was written, as --strict asks"
        raise ConfigError(message)
    if bad:
        console.print(f"{bad:,} bad row(s) left out")


def _columns(names: str) -> Columns | None:
    """Read ``--columns``."""
    if not names:
        return None
    parts = [name.strip() for name in names.split(",")]
    if len(parts) not in {2, 3} or not all(parts):
        message = f"--columns takes two or three names with commas between them, not {names!r}"
        raise ConfigError(message)
    return Columns(*parts)


def _append(
    address: Address, entries: Iterable[Entry], *, normalisation: str, source: str
) -> Metadata:
    """Write what is there and what is new as one table."""
    with closing(address.open()) as old:
        known = old.check()
        if normalisation not in {known.normalisation, NFKC_CASEFOLD}:
            message = (
                f"the table's keys were made with {known.normalisation}, not {normalisation}: "
                "leave --ignore-punctuation out, or make the table anew"
            )
            raise ConfigError(message)
        sources = dict.fromkeys([*known.source.split(" + "), source])
        return address.write(
            itertools.chain(old.entries(), entries),
            normalisation=known.normalisation,
            source=" + ".join(sources),
        )


def _show_table(table: Table, console: Console) -> None:
    metadata = table.check()
    grid = Grid.grid(padding=(0, 2))
    for name, value in (
        ("source", metadata.source),
        ("written", f"{metadata.created} by {metadata.tool}"),
        ("queries", f"{metadata.queries:,}"),
        ("rewrites", f"{metadata.rewrites:,}"),
        ("normalisation", metadata.normalisation),
    ):
        grid.add_row(name, escape(value))
    console.print(grid)
    _print_rewrites(itertools.islice(table.entries(), EXAMPLES_SHOWN), console)


def _show_query(table: Table, query: str, console: Console) -> None:
    found = table.find(query, limit=100)
    if not found:
        message = f"the table has no rewrites of {query!r}"
        raise ConfigError(message)
    _print_rewrites((Entry(query, text, score) for text, score in found), console)


def _print_rewrites(entries: Iterable[Entry], console: Console) -> None:
    grid = Grid("query", "rewrite", "score")
    for query, text, score in entries:
        grid.add_row(escape(query), escape(text), f"{score:g}")
    console.print(grid)


@contextmanager
def _errors_for_people(console: Console) -> Iterator[None]:
    """End the command with status 1 and one line, instead of a stack trace."""
    try:
        yield
    except (QrmError, OSError) as error:
        console.print(f"error: {error}")
        raise typer.Exit(1) from error
