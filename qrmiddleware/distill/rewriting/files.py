"""Files of rewriting's rows, read line by line, however long they are."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import msgspec

from qrmiddleware.errors import ConfigError

T = TypeVar("T", bound=msgspec.Struct)


def read_rows(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield the rows of a file of JSON lines, which may be gzipped; empty lines are skipped.

    Args:
        path: Such as ``candidates.jsonl``.
        kind: One of ``qrmiddleware.distill.rewriting.rows``.

    Raises:
        ConfigError: If the file cannot be read, or a line is none of this kind; says which.
    """
    decoder = msgspec.json.Decoder(kind)
    try:
        with open_lines(path) as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(decoder, line, f"{path}:{number}", kind)
    except (OSError, EOFError) as error:
        message = f"{path}: cannot be read ({error})"
        raise ConfigError(message) from error


def count_rows(path: Path, kind: type[msgspec.Struct]) -> int:
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


def _row(decoder: msgspec.json.Decoder[T], line: bytes, place: str, kind: type[T]) -> T:
    try:
        return decoder.decode(line)
    except msgspec.MsgspecError as error:
        shown = line[:80].decode(errors="replace").strip()
        message = f"{place}: expected a line of {kind.__name__}, found {shown!r}: {error}"
        raise ConfigError(message) from error
