"""Parquet in and out, batch by batch; needs the extra ``parquet``."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.table import Entry

try:
    import pyarrow as pa  # type: ignore[import-untyped]  # it ships no types
    import pyarrow.parquet as pq  # type: ignore[import-untyped]  # it ships no types
except ImportError as error:
    message = "Parquet needs pyarrow: pip install 'qrmiddleware-rewrite-table[parquet]'"
    raise ConfigError(message) from error

BATCH: Final = 10_000


def read_records(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Read row by row.

    Raises:
        ConfigError: If this is no Parquet file, or a damaged one.
    """
    try:
        for batch in pq.ParquetFile(file).iter_batches(BATCH):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        message = f"not a Parquet file that can be read: {error}"
        raise ConfigError(message) from error


def write_entries(entries: Iterable[Entry], path: Path, *, names: Sequence[str]) -> None:
    """Write one row a rewrite, under the names given for query, rewrite and score."""
    types = (pa.string(), pa.string(), pa.float64())
    schema = pa.schema(list(zip(names, types, strict=True)))
    rest = iter(entries)
    with pq.ParquetWriter(path, schema) as writer:
        while batch := list(itertools.islice(rest, BATCH)):
            columns = [
                pa.array(column, type_)
                for column, type_ in zip(zip(*batch, strict=True), types, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))
