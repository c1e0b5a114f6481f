"""Where documents and mappings live: one SQLite file, or memory.

SQLite is the source of truth and the write-ahead log in one: a request is one
transaction, synced to disk before it is acknowledged, so that neither ``kill -9`` nor a
power cut loses it. The inverted index is derived from it whenever an index is opened.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qrmiddleware.errors import ConfigError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS indices (
    name TEXT PRIMARY KEY, uuid TEXT NOT NULL, created_ms INTEGER NOT NULL,
    settings BLOB NOT NULL, mappings BLOB NOT NULL, next_seq INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS documents (
    index_name TEXT NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
    version INTEGER NOT NULL, source BLOB NOT NULL,
    PRIMARY KEY (index_name, seq)
);
CREATE UNIQUE INDEX IF NOT EXISTS documents_by_id ON documents (index_name, id);
"""
_PAGE = 500


@dataclass(frozen=True, slots=True)
class StoredIndex:
    """One index as it is kept; settings and mappings are JSON."""

    name: str
    uuid: str
    created_ms: int
    settings: bytes
    mappings: bytes
    next_seq: int


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One document as it is kept; ``seq`` grows with every write to its index."""

    seq: int
    doc_id: str
    version: int
    source: bytes


class Store:
    """The file; used by one thread at a time, and by one process.

    Raises:
        ConfigError: If another process has it open, or it is not a store.
    """

    def __init__(self, path: Path | None = None) -> None:
        name = ":memory:"
        if path is not None:
            path.mkdir(parents=True, exist_ok=True)
            name = str(path / "documents.sqlite")
        self._db = sqlite3.connect(name, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            self._db.executescript(f"BEGIN EXCLUSIVE; {_SCHEMA} COMMIT;")
        except sqlite3.DatabaseError as error:
            self._db.close()
            raise ConfigError(_explain(error, path)) from error

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept, or none, also where there is no room left for them."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # SQLite ends it itself where the disk is full
                self._db.execute("ROLLBACK")
            raise

    def indices(self) -> list[StoredIndex]:
        """Every index, by name."""
        rows = self._db.execute("SELECT * FROM indices ORDER BY name")
        return [StoredIndex(*row) for row in rows]

    def save_index(self, index: StoredIndex) -> None:
        """Add an index, or replace what is known about it."""
        self._db.execute(
            "INSERT OR REPLACE INTO indices VALUES (?, ?, ?, ?, ?, ?)",
            (
                index.name,
                index.uuid,
                index.created_ms,
                index.settings,
                index.mappings,
                index.next_seq,
            ),
        )

    def delete_index(self, name: str) -> None:
        """Remove an index and its documents."""
        self._db.execute("DELETE FROM documents WHERE index_name = ?", (name,))
        self._db.execute("DELETE FROM indices WHERE name = ?", (name,))

    def put(self, index: str, document: StoredDocument) -> None:
        """Add a document, replacing the one with its id."""
        self._db.execute(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)",
            (index, document.seq, document.doc_id, document.version, document.source),
        )

    def delete(self, index: str, doc_id: str) -> None:
        """Remove a document."""
        self._db.execute("DELETE FROM documents WHERE index_name = ? AND id = ?", (index, doc_id))

    def get(self, index: str, doc_id: str) -> StoredDocument | None:
        """Look a document up by its id."""
        row = self._db.execute(
            "SELECT seq, id, version, source FROM documents WHERE index_name = ? AND id = ?",
            (index, doc_id),
        ).fetchone()
        return StoredDocument(*row) if row else None

    def fetch(self, index: str, seqs: Iterable[int]) -> dict[int, StoredDocument]:
        """Look documents up by their sequence numbers."""
        wanted = list(seqs)
        found: dict[int, StoredDocument] = {}
        for start in range(0, len(wanted), _PAGE):
            page = wanted[start : start + _PAGE]
            marks = ",".join("?" * len(page))
            rows = self._db.execute(
                "SELECT seq, id, version, source FROM documents "  # noqa: S608 - marks only
                f"WHERE index_name = ? AND seq IN ({marks})",
                (index, *page),
            )
            found.update((row[0], StoredDocument(*row)) for row in rows)
        return found

    def documents(self, index: str) -> Iterator[StoredDocument]:
        """Every document of an index, oldest write first."""
        rows = self._db.execute(
            "SELECT seq, id, version, source FROM documents WHERE index_name = ? ORDER BY seq",
            (index,),
        )
        return (StoredDocument(*row) for row in rows)

    def size_bytes(self, index: str) -> int:
        """Bytes of all sources of an index."""
        query = "SELECT COALESCE(SUM(LENGTH(source)), 0) FROM documents WHERE index_name = ?"
        (size,) = self._db.execute(query, (index,)).fetchone()
        return int(size)


def _explain(error: sqlite3.DatabaseError, path: Path | None) -> str:
    if "locked" in str(error):
        return f"{path} is in use by another process; stop it, or choose another folder"
    return f"{path} cannot be opened as an embedded index: {error}"
