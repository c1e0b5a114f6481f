"""Files as rows of named values; what is wrong with one is said with its place."""

import csv
import gzip
import json
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TextIO, cast

from qrmiddleware.errors import QrmError

_SHOWN: Final = 120


class FormatError(QrmError):
    """A file or folder is not what its format says."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a file.

    Attributes:
        place: Where it stands, such as ``judgments.tsv:7``.
        values: What it holds by name.
    """

    place: str
    values: Mapping[str, Any]

    def text(self, *names: str) -> str:
        """Return the first of these values that is there, as text.

        Raises:
            FormatError: If none is, or it is empty.
        """
        value = next((self.values[name] for name in names if self.values.get(name) is not None), "")
        if isinstance(value, (str, int)) and str(value).strip():
            return str(value).strip()
        expected = f"a value for {names[0]!r}"
        raise self.wrong(expected)

    def number(self, name: str) -> float:
        """Return a number.

        Raises:
            FormatError: If there is none.
        """
        number = self._number(name)
        if math.isnan(number):
            expected = f"a number for {name!r}"
            raise self.wrong(expected)
        return number

    def integer(self, name: str) -> int:
        """Return a whole number, which may be written as ``2.0``.

        Raises:
            FormatError: If there is none.
        """
        number = self._number(name)
        if not number.is_integer():
            expected = f"a whole number for {name!r}"
            raise self.wrong(expected)
        return int(number)

    def _number(self, name: str) -> float:
        value = self.values.get(name)
        try:
            number = float(value) if isinstance(value, (str, int, float)) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        return number if math.isfinite(number) else math.nan

    def wrong(self, expected: str) -> FormatError:
        """Return the error to raise."""
        shown = json.dumps(dict(self.values), ensure_ascii=False, default=str)
        found = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
        return FormatError(f"{self.place}: expected {expected}, found {found}")


@contextmanager
def open_text(file: Path) -> Iterator[TextIO]:
    """Open a text file in UTF-8, with or without a byte order mark, gzipped if its name says so.

    Raises:
        FormatError: If it cannot be opened, or read to where the caller stops.
    """
    try:
        with _opened(file) as lines:
            yield lines
    except UnicodeDecodeError as error:
        message = f"{file}: not UTF-8 ({error.reason} at byte {error.start} of a block)"
        raise FormatError(message) from error
    except (OSError, EOFError, zlib.error) as error:
        message = f"{file}: cannot be read ({error})"
        raise FormatError(message) from error


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return cast("TextIO", gzip.open(file, "rt", encoding="utf-8-sig", newline=""))
    return file.open(encoding="utf-8-sig", newline="")


def json_rows(file: Path) -> Iterator[Row]:
    """Yield the objects of a file that has one on every line; empty lines are skipped.

    Raises:
        FormatError: If a line is no JSON object.
    """
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:  # no JSON, or more than can be held
                message = f"{file}:{number}: expected a JSON object, found {_start(line)}: {error}"
                raise FormatError(message) from error
            if not isinstance(value, dict):
                message = f"{file}:{number}: expected a JSON object, found {_start(line)}"
                raise FormatError(message)
            yield Row(f"{file}:{number}", value)


def table_rows(
    file: Path, *, needs: Sequence[str], delimiter: str = "\t", ragged: bool = False
) -> Iterator[Row]:
    """Yield the rows of a table that names its columns in the first line.

    Args:
        file: With quotes as in CSV around values that need them.
        needs: Columns that must be there; others may.
        delimiter: Between columns.
        ragged: Rows may lack values at their end; empty ones take their place.

    Raises:
        FormatError: If a column is missing, or a row has too many or too few values.
    """
    with open_text(file) as lines:
        table = csv.reader(lines, delimiter=delimiter)
        try:
            columns = [name.strip() for name in next(table, [])]
            if missing := [name for name in needs if name not in columns]:
                message = (
                    f"{file}:1: expected the columns {', '.join(needs)}, separated by "
                    f"{delimiter!r}; {', '.join(missing)} not among {', '.join(columns) or 'none'}"
                )
                raise FormatError(message)
            for values in filter(None, table):
                padded = values + [""] * (len(columns) - len(values)) if ragged else values
                if len(padded) != len(columns):
                    raise _uneven(file, table.line_num, columns, values)
                yield Row(f"{file}:{table.line_num}", dict(zip(columns, padded, strict=True)))
        except csv.Error as error:
            message = f"{file}:{table.line_num}: not a table ({error})"
            raise FormatError(message) from error


def word_rows(file: Path, columns: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a table without a head, whose values are words; empty lines are skipped.

    Raises:
        FormatError: If a line has more or fewer words than there are columns.
    """
    with open_text(file) as lines:
        for number, line in enumerate(lines, start=1):
            words = line.split()
            if words and len(words) != len(columns):
                raise _uneven(file, number, columns, words)
            if words:
                yield Row(f"{file}:{number}", dict(zip(columns, words, strict=True)))


def first_line(file: Path) -> str:
    """Return a text file's first line without its end; empty if it is no text."""
    try:
        with open_text(file) as lines:
            return lines.readline().rstrip("\r\n")
    except FormatError:
        return ""


def _uneven(file: Path, number: int, columns: Sequence[str], values: Sequence[str]) -> FormatError:
    return FormatError(
        f"{file}:{number}: expected {len(columns)} values ({', '.join(columns)}), "
        f"found {len(values)}: {_start(' | '.join(values))}"
    )


def _start(line: str) -> str:
    text = line.strip()
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
