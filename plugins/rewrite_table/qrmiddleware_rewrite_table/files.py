"""Rewrites in files that people and jobs write: TSV, JSONL and Parquet."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple, TypeAlias

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.table import Entry

MAX_LINE_BYTES: Final = 1 << 20
DEFAULT_SCORE: Final = 1.0


class Format(StrEnum):
    """How a file holds rewrites."""

    TSV = "tsv"
    JSONL = "jsonl"
    PARQUET = "parquet"

    @classmethod
    def of(cls, path: Path) -> "Format":
        """Tell a format by the file's name.

        Raises:
            ConfigError: If the name does not say it.
        """
        names = {
            ".tsv": cls.TSV,
            ".jsonl": cls.JSONL,
            ".ndjson": cls.JSONL,
            ".parquet": cls.PARQUET,
        }
        try:
            return names[path.suffix.lower()]
        except KeyError:
            message = (
                f"cannot tell the format of {path} by its name; say --format tsv|jsonl|parquet"
            )
            raise ConfigError(message) from None


class Columns(NamedTuple):
    """What a file calls the query, the rewrite and the score."""

    query: str = "query"
    rewrite: str = "rewrite"
    score: str = "score"


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that holds no rewrite.

    Attributes:
        where: Such as ``"line 12"``.
        problem: What is wrong with it.
    """

    where: str
    problem: str


Row: TypeAlias = Entry | BadRow


def read_rows(file: BinaryIO, format_: Format, columns: Columns | None = None) -> Iterator[Row]:
    """Read the rewrites of a file, row by row.

    Args:
        file: Open for reading bytes.
        format_: How to read it.
        columns: What the file calls its columns, if not query, rewrite and score. A TSV file needs
            no header without them.

    Raises:
        ConfigError: If the file as a whole cannot be read, or lacks ``columns``.
    """
    match format_:
        case Format.TSV:
            return _read_tsv(file, columns)
        case Format.JSONL:
            return _read_jsonl(file, columns or Columns())
        case Format.PARQUET:
            return _read_parquet(file, columns or Columns())


def make_entry(query: object, text: object, score: object) -> Entry:
    """Check one rewrite; white space in it is collapsed, a missing score is 1.

    Raises:
        TypeError: If a value is of the wrong kind; like the next, it says which.
        ValueError: If query or rewrite is empty, or the score is not a finite number.
    """
    return Entry(_words("query", query), _words("rewrite", text), _number(score))


def _words(name: str, value: object) -> str:
    if not isinstance(value, str):
        message = f"the {name} is {_kind(value)}, not text"
        raise TypeError(message)
    words = " ".join(value.split())
    if not words:
        message = f"the {name} is empty"
        raise ValueError(message)
    try:
        words.encode()
    except UnicodeEncodeError:
        message = f"the {name} holds half a character (a lone surrogate)"
        raise ValueError(message) from None
    return words


def _number(value: object) -> float:
    if value is None or value == "":
        return DEFAULT_SCORE
    message = f"the score {str(value)[:40]!r} is not a finite number"
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise TypeError(message)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise ValueError(message) from None
    if not math.isfinite(number):
        raise ValueError(message)
    return number


def _kind(value: object) -> str:
    return "missing" if value is None else f"a {type(value).__name__}"


def _lines(file: BinaryIO) -> Iterator[tuple[str, str | BadRow]]:
    """Number the lines that are not blank; one that is too long or not UTF-8 is a bad row."""
    for number in itertools.count(1):
        raw = file.readline(MAX_LINE_BYTES)
        if not raw:
            return
        where = f"line {number}"
        if len(raw) == MAX_LINE_BYTES and not raw.endswith(b"\n"):
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(MAX_LINE_BYTES)
            yield where, BadRow(where, f"longer than {MAX_LINE_BYTES} bytes")
            continue
        try:
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield where, BadRow(where, "not UTF-8")
            continue
        if line.strip():
            yield where, line


def _read_tsv(file: BinaryIO, columns: Columns | None) -> Iterator[Row]:
    lines = _lines(file)
    first = next(lines, None)
    if first is None:
        return
    header = first[1].split("\t") if isinstance(first[1], str) else []
    wanted = columns or Columns()
    places: list[int | None] = [0, 1, 2]
    if wanted.query in header and wanted.rewrite in header:
        places = [header.index(name) if name in header else None for name in wanted]
    elif columns is not None:
        message = f"the first line has no columns {wanted.query!r} and {wanted.rewrite!r}"
        raise ConfigError(message)
    else:
        lines = itertools.chain([first], lines)
        header = []
    for where, line in lines:
        if isinstance(line, BadRow):
            yield line
        else:
            yield _tsv_row(where, line.split("\t"), places, width=len(header))


def _tsv_row(where: str, cells: list[str], places: list[int | None], *, width: int) -> Row:
    """Make a row; without a header (``width`` 0) the score may be left out."""
    if len(cells) != width if width else len(cells) not in {2, 3}:
        expected = width or "2 or 3"
        return BadRow(where, f"{len(cells)} column(s) where there should be {expected}")
    values = [cells[n] if n is not None and n < len(cells) else None for n in places]
    try:
        return make_entry(*values)
    except (TypeError, ValueError) as error:
        return BadRow(where, str(error))


def _read_jsonl(file: BinaryIO, columns: Columns) -> Iterator[Row]:
    for where, line in _lines(file):
        if isinstance(line, BadRow):
            yield line
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield BadRow(where, f"not JSON ({error})")
            continue
        if isinstance(record, dict):
            yield from _record_rows(where, record, columns)
        else:
            yield BadRow(where, f"not a JSON object but {_kind(record)}")


def _read_parquet(file: BinaryIO, columns: Columns) -> Iterator[Row]:
    from qrmiddleware_rewrite_table import parquet  # noqa: PLC0415  (its library is an extra)

    for number, record in enumerate(parquet.read_records(file), 1):
        yield from _record_rows(f"row {number}", record, columns)


def _record_rows(where: str, record: Mapping[str, Any], columns: Columns) -> Iterator[Row]:
    """Read ``{"query", "rewrites": [{"text", "score"}, …]}`` or one flat row."""
    query = record.get(columns.query)
    rewrites = record.get("rewrites")
    flat = {"text": record.get(columns.rewrite), "score": record.get(columns.score)}
    for rewrite in rewrites if isinstance(rewrites, list) else [flat]:
        pair = {"text": rewrite} if isinstance(rewrite, str) else rewrite
        if not isinstance(pair, dict):
            yield BadRow(where, f"a rewrite is {_kind(rewrite)}, not text or an object")
            continue
        try:
            yield make_entry(query, pair.get("text"), pair.get("score"))
        except (TypeError, ValueError) as error:
            yield BadRow(where, str(error))


def write_rows(entries: Iterable[Entry], path: Path, format_: Format) -> None:
    """Write rewrites so that ``read_rows`` reads the same.

    Args:
        entries: The rewrites of one query together.
        path: A file that is overwritten.
        format_: How to write it.
    """
    match format_:
        case Format.TSV:
            _write_tsv(entries, path)
        case Format.JSONL:
            _write_jsonl(entries, path)
        case Format.PARQUET:
            _write_parquet(entries, path)


def _write_tsv(entries: Iterable[Entry], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\t".join(Columns()) + "\n")
        file.writelines(f"{entry.query}\t{entry.text}\t{entry.score!r}\n" for entry in entries)


def _write_jsonl(entries: Iterable[Entry], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for query, group in itertools.groupby(entries, key=lambda entry: entry.query):
            rewrites = [{"text": entry.text, "score": entry.score} for entry in group]
            file.write(
                json.dumps({"query": query, "rewrites": rewrites}, ensure_ascii=False) + "\n"
            )


def _write_parquet(entries: Iterable[Entry], path: Path) -> None:
    from qrmiddleware_rewrite_table import parquet  # noqa: PLC0415  (its library is an extra)

    parquet.write_entries(entries, path, names=Columns())
