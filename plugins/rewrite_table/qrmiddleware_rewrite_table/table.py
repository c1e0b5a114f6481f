"""What a rewrite table holds, wherever it is stored."""

import datetime as dt
import importlib.metadata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, Self


class Entry(NamedTuple):
    """One rewrite of one query.

    Attributes:
        query: The normalised query.
        text: The rewrite.
        score: How good it is, higher is better; finite.
    """

    query: str
    text: str
    score: float


class Scored(NamedTuple):
    """A rewrite that was found."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class Metadata:
    """Where a table comes from.

    Attributes:
        normalisation: Which of ``NORMALISATIONS`` made its keys.
        source: Names of the files it was made from.
        queries: How many queries it knows.
        rewrites: How many rewrites they have together.
        created: When it was written, UTC, ISO 8601.
        tool: What wrote it, with its version.
    """

    normalisation: str
    source: str
    queries: int
    rewrites: int
    created: str
    tool: str

    @classmethod
    def now(cls, *, normalisation: str, source: str, queries: int, rewrites: int) -> Self:
        """Sign a table that has just been written."""
        created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        name = "qrmiddleware-rewrite-table"
        tool = f"{name} {importlib.metadata.version(name)}"
        return cls(normalisation, source, queries, rewrites, created, tool)

    @classmethod
    def from_strings(cls, values: Mapping[str, str]) -> Self:
        """Read what a store kept.

        Raises:
            KeyError: If a value is missing.
            ValueError: If a count is not a number.
        """
        return cls(
            normalisation=values["normalisation"],
            source=values["source"],
            queries=int(values["queries"]),
            rewrites=int(values["rewrites"]),
            created=values["created"],
            tool=values["tool"],
        )


class Table(Protocol):
    """A store of rewrites; safe to use from several threads, opened at its first use.

    Every method raises ``ConfigError`` where the table is missing or cannot be read.
    """

    def find(self, query: str, *, limit: int) -> Sequence[Scored]:
        """Look a query up as the user typed it; best first, at most ``limit``."""

    def check(self) -> Metadata:
        """Read enough to know that the table is whole."""

    def entries(self) -> Iterator[Entry]:
        """Go through the table, the rewrites of one query together and best first."""

    def close(self) -> None:
        """Let go of files and connections."""
