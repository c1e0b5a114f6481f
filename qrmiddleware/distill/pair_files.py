"""Reads pairs from JSON lines: ``{"query": …, "doc_id": …, "text": …}``."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from qrmiddleware.distill.labels import Pair
from qrmiddleware.errors import ConfigError

_SHOWN: Final = 80


def read_pairs(path: Path) -> Iterator[Pair]:
    """Yield the pairs of a file, gzipped if its name says so; other keys are left alone.

    Raises:
        ConfigError: If the file cannot be read, or a line is no pair.
    """
    decoder = msgspec.json.Decoder(Pair)
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield _pair(decoder, line.removeprefix(b"\xef\xbb\xbf"), f"{path}:{number}")
    except (OSError, EOFError) as error:
        message = f"{path}: pairs cannot be read: {error}"
        raise ConfigError(message) from error


def _pair(decoder: msgspec.json.Decoder[Pair], line: bytes, place: str) -> Pair:
    try:
        return decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        start = line[:_SHOWN].decode(errors="replace").strip()
        message = (
            f'{place}: expected {{"query": "…", "doc_id": "…", "text": "…"}}, found {start!r}: '
            f"{error}"
        )
        raise ConfigError(message) from error
