"""A rewrite table in an SQLite file that is never changed, only replaced.

One row a rewrite, ordered by query and text. ``docs/design/0002-rewrite-table-store.md`` says why.
"""

import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from qrmiddleware import ConfigError
from qrmiddleware_rewrite_table.atomic import replacing
from qrmiddleware_rewrite_table.normalise import NORMALISATIONS, normaliser
from qrmiddleware_rewrite_table.table import Entry, Metadata, Scored

APPLICATION_ID: Final = (
    0x71726D74  # "qrmt": file(1) and the check below tell it from other SQLite files
)
FORMAT: Final = 1
CHECK_EVERY_S: Final = 1.0

_SCHEMA: Final = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE metadata (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE rewrites (
    query TEXT NOT NULL, text TEXT NOT NULL, score REAL NOT NULL, PRIMARY KEY (query, text)
) WITHOUT ROWID;
CREATE TEMP TABLE staged (query TEXT NOT NULL, text TEXT NOT NULL, score REAL NOT NULL);
"""
_FIND: Final = "SELECT text, score FROM rewrites WHERE query = ? ORDER BY score DESC, text LIMIT ?"

_Identity: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Opened:
    connection: sqlite3.Connection
    metadata: Metadata
    normalise: Callable[[str], str]
    identity: _Identity


class SqliteTable:
    """Reads a table file, and its successor once that is renamed over it.

    Connections are kept for reuse, one for each look-up that runs at the same time. Whether the
    file has been replaced is looked at once a second; a look-up sees one file only.
    """

    def __init__(self, path: Path, *, check_every_s: float = CHECK_EVERY_S) -> None:
        self._path = path
        self._check_every_s = check_every_s
        self._idle: deque[_Opened] = deque()
        self._identity: _Identity | None = None
        self._look_again = 0.0

    def find(self, query: str, *, limit: int) -> list[Scored]:
        """Look a query up as the user typed it; best first, at most ``limit``."""
        with self._borrowed() as table:
            found = table.connection.execute(_FIND, (table.normalise(query), limit)).fetchall()
        return [Scored(text, score) for text, score in found]

    def check(self) -> Metadata:
        """Read every page of the file once."""
        with self._borrowed() as table:
            verdict: str = table.connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if verdict != "ok":
                raise ConfigError(self._about(f"is damaged ({verdict})"))
            return table.metadata

    def entries(self) -> Iterator[Entry]:
        """Go through the table, by query, best rewrite first."""
        select = "SELECT query, text, score FROM rewrites ORDER BY query, score DESC, text"
        with self._borrowed() as table:
            yield from map(Entry._make, table.connection.execute(select))

    def close(self) -> None:
        """Close the files; a look-up that is running closes its own."""
        self._identity = None
        self._look_again = 0.0
        self._drop_idle()

    @contextmanager
    def _borrowed(self) -> Iterator[_Opened]:
        table = self._take(self._current())
        try:
            yield table
        except sqlite3.Error as error:
            raise ConfigError(self._about(f"cannot be read ({error})")) from error
        finally:
            if table.identity == self._identity:
                self._idle.append(table)
            else:
                table.connection.close()

    def _current(self) -> _Identity:
        """Say which file is at the path, from memory if that was seen within the last second."""
        known = self._identity
        now = time.monotonic()
        if known is not None and now < self._look_again:
            return known
        found = self._identify()
        if found != known:
            self._identity = found
            self._drop_idle()
        self._look_again = now + self._check_every_s
        return found

    def _identify(self) -> _Identity:
        try:
            stat = self._path.stat()
        except OSError as error:
            self.close()
            raise ConfigError(self._about(f"cannot be opened ({error.strerror})")) from error
        return stat.st_dev, stat.st_ino, stat.st_mtime_ns, stat.st_size

    def _take(self, identity: _Identity) -> _Opened:
        try:
            table = self._idle.pop()
        except IndexError:
            return self._open(identity)
        if table.identity == identity:
            return table
        table.connection.close()
        return self._open(identity)

    def _open(self, identity: _Identity) -> _Opened:
        # immutable: no locks, no journal; looking for them is a third of a look-up's time
        uri = f"{self._path.absolute().as_uri()}?mode=ro&immutable=1"
        try:
            connection = sqlite3.connect(
                uri, uri=True, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise ConfigError(self._about(f"cannot be opened ({error})")) from error
        try:
            metadata = _read_metadata(connection)
            normalise = normaliser(metadata.normalisation, table=str(self._path))
        except (sqlite3.Error, LookupError, ValueError) as error:
            connection.close()
            raise ConfigError(self._about(f"is not a rewrite table ({error})")) from error
        except ConfigError:
            connection.close()
            raise
        return _Opened(connection, metadata, normalise, identity)

    def _drop_idle(self) -> None:
        while self._idle:
            self._idle.pop().connection.close()

    def _about(self, problem: str) -> str:
        return (
            f"rewrite table {self._path} {problem}. "
            f"Make one with: qrm table import rewrites.tsv --to {self._path}"
        )


def _read_metadata(connection: sqlite3.Connection) -> Metadata:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        message = "an SQLite file of another application"
        raise ValueError(message)
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version != FORMAT:
        message = f"its format is {version}, this version reads {FORMAT}"
        raise ValueError(message)
    return Metadata.from_strings(dict(connection.execute("SELECT name, value FROM metadata")))


def write_table(
    path: Path, entries: Iterable[Entry], *, normalisation: str, source: str
) -> Metadata:
    """Write a table file and rename it over the old one.

    Memory stays bounded: rows are sorted on disk, in SQLite's temporary folder.

    Args:
        path: The table; its folder must exist.
        entries: In any order, queries not yet normalised. Of several scores for the same
            rewrite of the same query the last counts.
        normalisation: One of ``NORMALISATIONS``.
        source: Where the entries come from, for people.

    Raises:
        ConfigError: If there are no entries, or the file cannot be written.
    """
    _refuse_strangers(path)
    try:
        with replacing(path) as draft, closing(sqlite3.connect(draft, isolation_level=None)) as db:
            db.executescript(_SCHEMA)
            db.execute("BEGIN")
            _fill(db, entries, NORMALISATIONS[normalisation])
            metadata = _sign(db, normalisation, source)
            db.execute("COMMIT")
    except (sqlite3.Error, OSError) as error:
        message = f"rewrite table {path} cannot be written ({error})"
        raise ConfigError(message) from error
    return metadata


def _refuse_strangers(path: Path) -> None:
    """Keep a slip of the pen from replacing the user's own file."""
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(72)
    if header and header[68:] != APPLICATION_ID.to_bytes(4, "big"):
        message = f"{path} is there and is not a rewrite table; move it away first"
        raise ConfigError(message)


def _fill(
    db: sqlite3.Connection, entries: Iterable[Entry], normalise: Callable[[str], str]
) -> None:
    rows = ((normalise(entry.query), entry.text, entry.score) for entry in entries)
    db.executemany("INSERT INTO staged VALUES (?, ?, ?)", rows)
    db.execute(
        "INSERT OR REPLACE INTO rewrites "
        "SELECT query, text, score FROM staged ORDER BY query, text, rowid"
    )


def _sign(db: sqlite3.Connection, normalisation: str, source: str) -> Metadata:
    queries, rewrites = db.execute(
        "SELECT count(DISTINCT query), count(*) FROM rewrites"
    ).fetchone()
    if not rewrites:
        message = f"{source} holds no rewrites; nothing was written"
        raise ConfigError(message)
    metadata = Metadata.now(
        normalisation=normalisation, source=source, queries=queries, rewrites=rewrites
    )
    db.executemany(
        "INSERT INTO metadata VALUES (?, ?)",
        ((name, str(value)) for name, value in asdict(metadata).items()),
    )
    return metadata
