"""From what the operator wrote to the table that is meant."""

import tempfile
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.sqlite_table import SqliteTable, write_table
from qrmiddleware_rewrite_table.table import Entry, Metadata, Table

if TYPE_CHECKING:
    from qrmiddleware_rewrite_table.redis_table import RedisPlace

DEFAULT_PREFIX: Final = "qrm:rewrites"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a table is; all but ``where`` counts for Redis only.

    Attributes:
        where: Path of an SQLite file, or a Redis URL.
        prefix: What the table's keys begin with.
        password_env: Name of the environment variable with the password; empty for none.
        timeout_ms: For connecting and for each answer.
    """

    where: str
    prefix: str = DEFAULT_PREFIX
    password_env: str = ""
    timeout_ms: int = 5000

    @property
    def in_redis(self) -> bool:
        """Whether ``where`` is a URL."""
        return "://" in self.where

    def open(self) -> Table:
        """Make the table that is here; nothing is read before its first use.

        Raises:
            ConfigError: If the URL is none, or the client library is not installed.
        """
        if self.in_redis:
            return self._place().open()
        return SqliteTable(Path(self.where))

    def write(self, entries: Iterable[Entry], *, normalisation: str, source: str) -> Metadata:
        """Put a table here, whole, over the one that is here; arguments as ``write_table``.

        Raises:
            ConfigError: If there are no entries, or it cannot be written.
        """
        if not self.in_redis:
            path = Path(self.where)
            return write_table(path, entries, normalisation=normalisation, source=source)
        place = self._place()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rewrites.sqlite"
            metadata = write_table(path, entries, normalisation=normalisation, source=source)
            with closing(SqliteTable(path)) as table:
                place.publish(table.entries(), metadata)
        return metadata

    def _place(self) -> "RedisPlace":
        try:
            from qrmiddleware_rewrite_table.redis_table import RedisPlace  # noqa: PLC0415  (an extra)
        except ModuleNotFoundError as error:
            message = "Redis needs its client: pip install 'qrmiddleware-rewrite-table[redis]'"
            raise ConfigError(message) from error
        return RedisPlace(self.where, self.prefix, self.password_env, self.timeout_ms)
