"""Rows of parquet files."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any, Final

from qrmiddleware.errors import ConfigError
from qrmiddleware.evaluation.formats.rows import FormatError

_BATCH: Final = 20_000


def parquet_rows(
    file: Path, columns: Sequence[str], only: Mapping[str, object]
) -> Iterator[Mapping[str, Any]]:
    """Yield rows without holding the whole file.

    Args:
        file: In parquet.
        columns: What is wanted of a row.
        only: Values by column; rows that have others are left out.

    Raises:
        ConfigError: If pyarrow is not installed.
        FormatError: If the file is no parquet, or lacks a column.
    """
    try:
        import pyarrow as pa  # type: ignore[import-untyped]  # noqa: PLC0415  # heavy; ships no types
        import pyarrow.compute as pc  # type: ignore[import-untyped]  # noqa: PLC0415  # as above
        import pyarrow.parquet as pq  # type: ignore[import-untyped]  # noqa: PLC0415  # as above
    except ImportError as error:
        message = "parquet files need pyarrow: pip install 'qrmiddleware[evaluation]'"
        raise ConfigError(message) from error
    try:
        table = pq.ParquetFile(file)
        _need(file, table.schema_arrow.names, [*columns, *only])
        for batch in table.iter_batches(_BATCH, columns=[*dict.fromkeys([*columns, *only])]):
            masks = [pc.equal(batch[name], value) for name, value in only.items()]
            yield from (batch.filter(reduce(pc.and_, masks)) if masks else batch).to_pylist()
    except (pa.ArrowException, OSError) as error:
        message = f"{file}: cannot be read as parquet ({error})"
        raise FormatError(message) from error


def _need(file: Path, there: Sequence[str], columns: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in there]:
        message = (
            f"{file}: expected the columns {', '.join(dict.fromkeys(columns))}; "
            f"{', '.join(missing)} not among {', '.join(there)}"
        )
        raise FormatError(message)
