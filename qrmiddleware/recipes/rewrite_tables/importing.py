"""Puts rewrites into a table by the command of the plugin that knows its format."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.metadata import entry_points
from io import StringIO
from pathlib import Path
from typing import Final

import msgspec
import typer

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.errors import ConfigError
from qrmiddleware.recipes.rewrite_tables.choosing import Scored

OURS: Final = "imported.jsonl"
_MISSING: Final = "there is no rewrite table"


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """The rewrites of one query, as ``qrm table`` reads and writes them."""

    query: str
    rewrites: tuple["Weighed", ...]


class Weighed(msgspec.Struct, frozen=True):
    """A rewrite with its score."""

    text: str
    score: float = 1.0


Rewrites = Mapping[str, Sequence[Scored]]
"""By ``same_query`` of the query."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a table is.

    Attributes:
        table: Path of an SQLite file, or a Redis URL.
        ignore_punctuation: How its keys are made.
        redis_prefix: What its keys begin with in Redis; the plugin's own if empty.
        redis_password_env: Environment variable that holds the password.
    """

    table: str
    ignore_punctuation: bool = False
    redis_prefix: str = ""
    redis_password_env: str = ""

    @property
    def redis_options(self) -> tuple[str, ...]:
        """For the plugin's commands."""
        pairs = (
            ("--redis-prefix", self.redis_prefix),
            ("--redis-password-env", self.redis_password_env),
        )
        return tuple(part for name, value in pairs if value for part in (name, value))


def run_table(*arguments: str) -> None:
    """Run ``qrm table …``, the command of the plugin ``rewrite_table``.

    Raises:
        ConfigError: If the plugin is not installed, or its command fails: says what it said.
    """
    found = entry_points(group="qrmiddleware.commands", name="table")
    if not found:
        message = "tables need the plugin rewrite_table: pip install qrmiddleware-rewrite-table"
        raise ConfigError(message)
    command = typer.main.get_command(next(iter(found)).load())
    with redirect_stderr(StringIO()) as told:
        exit_code = command.main(list(arguments), standalone_mode=False)
    if exit_code:
        raise ConfigError(told.getvalue().strip())


def import_rewrites(work: Path, rewrites: Rewrites, target: Target) -> int:
    """Put rewrites into a table beside what others have put there.

    What an earlier call put there, and ``rewrites`` has not any more, is taken out; of a rewrite
    that both have the new score counts. Readers see the old table or the new one.

    Args:
        work: Folder that remembers what was put there.
        rewrites: Of all queries.
        target: Where the table is; made if there is none.

    Returns:
        How many queries the table knows then.

    Raises:
        ConfigError: If the table cannot be read or written.
    """
    ours = work / OURS
    before = _read(ours) if ours.exists() else {}
    every = {query: {each.text for each in before.get(query, ())} for query in before}
    for query, scored in rewrites.items():
        every.setdefault(query, set()).update(each.text for each in scored)
    # Remembered before it is done: an import that is killed may have been whole.
    _write(ours, {query: [Scored(text, 0.0) for text in texts] for query, texts in every.items()})
    draft, old = work / "table.jsonl", work / "table.old.jsonl"
    merged = dict(_merged(_exported(target, old), every, rewrites))
    if merged:
        _write(draft, merged)
        options = ("--ignore-punctuation",) if target.ignore_punctuation else ()
        run_table("import", str(draft), "--to", target.table, *options, *target.redis_options)
        _write(ours, rewrites)
    for file in (draft, old):
        file.unlink(missing_ok=True)
    return len(merged)


def _exported(target: Target, file: Path) -> Iterator[TableRow]:
    in_redis = "://" in target.table
    if not in_redis and not Path(target.table).exists():
        return
    try:
        run_table("export", target.table, str(file), *target.redis_options)
    except ConfigError as error:
        if in_redis and _MISSING in str(error):
            return
        raise
    yield from read_rows(file, TableRow)


def _merged(
    old: Iterator[TableRow], ours: Mapping[str, set[str]], rewrites: Rewrites
) -> Iterator[tuple[str, Sequence[Scored]]]:
    left = dict(rewrites)
    for row in old:
        key = same_query(row.query)
        known = ours.get(key, set())
        others = [Scored(each.text, each.score) for each in row.rewrites if each.text not in known]
        if both := (*left.pop(key, ()), *others):
            yield row.query, both
    yield from ((query, scored) for query, scored in left.items() if scored)


def _read(file: Path) -> dict[str, Sequence[Scored]]:
    return {
        row.query: [Scored(each.text, each.score) for each in row.rewrites]
        for row in read_rows(file, TableRow)
    }


def _write(file: Path, rewrites: Rewrites) -> None:
    """Write a file that is there when it is whole, queries in order."""
    part = file.with_name(f"{file.name}.part")
    with part.open("wb") as opened:
        for query in sorted(rewrites):
            row = TableRow(query=query, rewrites=tuple(Weighed(*each) for each in rewrites[query]))
            opened.write(msgspec.json.encode(row) + b"\n")
    part.replace(file)
