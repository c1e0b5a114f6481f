"""Reads and writes files of rows, one a line, as JSON."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast

import msgspec

from qrmiddleware.distill.rewriting.rows import to_line
from qrmiddleware.errors import ConfigError

T = TypeVar("T")

_SHOWN: Final = 80


def read_rows(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the rows of a file, gzipped if its name says so; other keys are left alone.

    Args:
        path: Of the file.
        kind: Of the rows, such as ``RewritePair``.

    Raises:
        ConfigError: If the file cannot be read, or a line is no such row.
    """
    decoder = msgspec.json.Decoder(kind)
    try:
        with open_lines(path) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _row(decoder, line.removeprefix(b"\xef\xbb\xbf"), f"{path}:{number}")
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path}: cannot be read: {error}"
        raise ConfigError(message) from error


def count_rows(path: Path, kind: type[Any]) -> int:
    """Read a whole file, so that what is wrong with it is said before any work begins.

    Raises:
        ConfigError: As ``read_rows``.
    """
    return sum(1 for _ in read_rows(path, kind))


def open_lines(path: Path) -> BinaryIO:
    """Open a file of lines for reading bytes, unpacked if its name ends with ``.gz``."""
    if path.suffix == ".gz":
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def write_rows(path: Path, rows: Iterable[msgspec.Struct]) -> int:
    """Write a file that is there only when it is whole; one that lies there gives way.

    Returns:
        How many rows there were.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.draft")
    with draft.open("wb") as file:
        count = sum(1 for row in rows if file.write(to_line(row)))
    draft.replace(path)
    return count


def _row(decoder: msgspec.json.Decoder[T], line: bytes, place: str) -> T:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        start = line[:_SHOWN].decode(errors="replace").strip()
        message = f"{place}: expected {_wanted(decoder.type)}, found {start!r}: {error}"
        raise ConfigError(message) from error


def _wanted(kind: Any) -> str:  # noqa: ANN401 a struct, or another type
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return "a JSON object"
    named = [each.encode_name for each in msgspec.structs.fields(kind) if each.required]
    return f"a JSON object with {', '.join(named)}"
