"""What happened to each query of a trial, kept by all processes together."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qrmiddleware import ConfigError
from qrmiddleware_rl_qr.versions.worse import Counts

QUERIES_KEPT: Final = 200_000
"""Of one trial; what comes later is not counted any more."""
_WAIT_S: Final = 5.0
_TABLE: Final = """
    CREATE TABLE IF NOT EXISTS queries (
        trial TEXT, query BLOB, version TEXT, found_nothing INTEGER, failed INTEGER,
        rewritten INTEGER, helped INTEGER, ms REAL, PRIMARY KEY (trial, query)
    ) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One query's first search in a trial.

    Attributes:
        query: Its key; not the text.
        version: That answered.
        found_nothing: Whether the total was 0.
        failed: Whether the generator was late, refused or raised.
        rewritten: Whether a rewrite of it was admitted.
        helped: Whether the page has hits that only rewrites found.
        ms: From request to answer.
    """

    query: bytes
    version: str
    found_nothing: bool
    failed: bool
    rewritten: bool
    helped: bool
    ms: float


class Evidence:
    """An SQLite file beside the versions.

    Each query counts once in a trial, with its first search, wherever that was served: searches
    of the same query are not independent of each other.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def add(self, trial: str, seen: Iterable[Seen]) -> None:
        """Keep what is new, and forget earlier trials.

        Raises:
            ConfigError: If the file cannot be written.
        """
        rows = [
            (trial, s.query, s.version, s.found_nothing, s.failed, s.rewritten, s.helped, s.ms)
            for s in seen
        ]
        try:
            with closing(self._open()) as base, base:
                base.execute("DELETE FROM queries WHERE trial <> ?", (trial,))
                (kept,) = base.execute("SELECT COUNT(*) FROM queries").fetchone()
                room = max(0, QUERIES_KEPT - kept)
                base.executemany(
                    "INSERT OR IGNORE INTO queries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows[:room]
                )
        except sqlite3.Error as error:
            raise self._problem(error) from error

    def counts(self, trial: str) -> dict[str, Counts]:
        """Sum a trial up, by version; empty where there is nothing yet.

        Raises:
            ConfigError: If the file cannot be read.
        """
        if not self._path.is_file():
            return {}
        try:
            with closing(self._open()) as base:
                rows = base.execute(
                    "SELECT version, COUNT(*), SUM(found_nothing), SUM(failed), SUM(rewritten),"
                    " SUM(helped), AVG(ms) FROM queries WHERE trial = ? GROUP BY version",
                    (trial,),
                ).fetchall()
        except sqlite3.Error as error:
            raise self._problem(error) from error
        return {version: Counts(*counted) for version, *counted in rows}

    def _open(self) -> sqlite3.Connection:
        base = sqlite3.connect(self._path, timeout=_WAIT_S)
        base.execute(_TABLE)
        return base

    def _problem(self, error: sqlite3.Error) -> ConfigError:
        return ConfigError(f"the evidence in {self._path} cannot be kept: {error}")
