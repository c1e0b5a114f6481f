"""Queries from a file of your own."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

_KEYS: Final = ("query", "text")


class QueryFileError(Exception):
    """A file holds no queries, or a line of it none."""


def read_queries(path: Path) -> tuple[str, ...]:
    """Read queries, the most frequent first; repeats are dropped.

    Args:
        path: Lines of JSON with ``query`` (or ``text``), or lines of plain text; may be
            compressed with gzip (``.gz``).

    Raises:
        QueryFileError: If it cannot be read, or a line of JSON has no query.
    """
    try:
        found = dict.fromkeys(_queries(path))
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path}: {error}"
        raise QueryFileError(message) from error
    if not found:
        message = f"{path}: no queries in it"
        raise QueryFileError(message)
    return tuple(found)


def _queries(path: Path) -> Iterator[str]:
    with (
        gzip.open(path, "rt", encoding="utf-8")
        if path.suffix == ".gz"
        else path.open(encoding="utf-8") as lines
    ):
        for number, line in enumerate(lines, 1):
            text = line.strip()
            if text.startswith("{"):
                yield _from_json(text, f"{path}:{number}")
            elif text:
                yield text


def _from_json(line: str, place: str) -> str:
    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError as error:
        message = f"{place}: begins like JSON, but is none: {error}"
        raise QueryFileError(message) from error
    for key in _KEYS:
        if isinstance(record.get(key), str):
            return str(record[key])
    message = f"{place}: no text under {' or '.join(_KEYS)}; there are: {', '.join(record)}"
    raise QueryFileError(message)
