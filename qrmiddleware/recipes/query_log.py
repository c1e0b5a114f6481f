"""Query logs of any size, half of them broken: read line by line, counted in bounded memory."""

import re
import sqlite3
import tempfile
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Literal, NamedTuple, Self

import msgspec

from qrmiddleware.distill.rewriting.guards import same_query
from qrmiddleware.distill.rewriting.row_files import open_lines
from qrmiddleware.errors import ConfigError
from qrmiddleware.pipeline.admission import identifiers

MAX_LINE_BYTES: Final = 1 << 20
IN_MEMORY: Final = 200_000
"""Different queries that are counted before the counts are put to disk."""

_MOST_TIMES: Final = 10**12
_ACTIONS: Final = frozenset({"index", "create"})
_ADDRESS: Final = re.compile(r"https?:|www\.|\S@\S+\.\S|\b[\w-]+\.(?:com|net|org)\b", re.IGNORECASE)


class Logged(NamedTuple):
    """A query of a log, and how often it was searched for."""

    text: str
    times: int


@dataclass(frozen=True, slots=True)
class Noise:
    """Which queries of a log are worth no search.

    Attributes:
        min_count: Searched for less often.
        min_characters: Shorter.
        max_characters: Longer.
        max_words: Of more words.
        identifiers: Drop those that are nothing but article numbers.
    """

    min_count: int = 1
    min_characters: int = 2
    max_characters: int = 120
    max_words: int = 12
    identifiers: bool = True

    def reason(self, text: str) -> str:
        """Say why a query is dropped whatever its count; empty if it is not."""
        if not any(map(str.isalnum, text)) or any(map(_is_control, text)):
            return "no text"
        if len(text) < self.min_characters:
            return "too short"
        words = text.split()
        if len(text) > self.max_characters or len(words) > self.max_words:
            return "too long"
        if _ADDRESS.search(text):
            return "an address"
        numbers = set(identifiers(text)) if self.identifiers else set[str]()
        return "an article number" if numbers and not set(words) - numbers else ""


@dataclass(slots=True)
class LogTally:
    """What was read.

    Attributes:
        lines: That are not empty.
        searches: That they tell of.
        bad: Lines that tell of none, by reason.
        dropped: Searches that are not counted, by reason.
        distinct: Different queries, rare ones included.
    """

    lines: int = 0
    searches: int = 0
    bad: Counter[str] = field(default_factory=Counter[str])
    dropped: Counter[str] = field(default_factory=Counter[str])
    distinct: int = 0


def read_log(path: Path, tally: LogTally) -> Iterator[Logged]:
    """Yield the searches of a log, line by line; what is no search is counted.

    A line is a query; a query, a tab and how often; or JSON with ``query`` (as a rewrite table
    logs its misses), or ``user_query`` (UBI; events and lines of ``_bulk`` are passed over). A
    file whose name ends with ``.gz`` is unpacked.

    Args:
        path: Of the log.
        tally: Is filled on the way.

    Raises:
        ConfigError: If the file cannot be read.
    """
    try:
        with closing(open_lines(path)) as file:
            for line in _lines(file):
                tally.lines += 1
                found = "too long" if len(line) > MAX_LINE_BYTES else _search(line)
                if isinstance(found, Logged):
                    tally.searches += found.times
                    yield found
                elif found:
                    tally.bad[found] += 1
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path}: cannot be read ({error})"
        raise ConfigError(message) from error


class QueryCounts:
    """Counts queries by what their spellings share; closed, it leaves nothing on the disk."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="qrm-log-")
        self._store = sqlite3.connect(Path(self._folder.name) / "counts.sqlite")
        self._store.execute("PRAGMA journal_mode = OFF")
        self._store.execute("PRAGMA synchronous = OFF")
        self._store.execute(
            "CREATE TABLE counts (key TEXT PRIMARY KEY, text TEXT, count INTEGER, place INTEGER) "
            "WITHOUT ROWID"
        )
        self._recent: dict[str, tuple[str, int, int]] = {}
        self._place = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._store.close()
        self._folder.cleanup()

    def add(self, logged: Logged) -> None:
        """Count a query; the spelling that came first is kept."""
        key = same_query(logged.text)
        text, count, place = self._recent.get(key, (logged.text, 0, self._place))
        self._recent[key] = (text, count + logged.times, place)
        self._place += 1
        if len(self._recent) >= IN_MEMORY:
            self._flush()

    def distinct(self) -> int:
        """Return how many different queries there are."""
        self._flush()
        found: int = self._store.execute("SELECT COUNT(*) FROM counts").fetchone()[0]
        return found

    def most_common(self, min_count: int = 1) -> Iterator[Logged]:
        """Yield the queries, the most frequent first, and of equals the one that came first."""
        self._flush()
        rows = self._store.execute(
            "SELECT text, count FROM counts WHERE count >= ? ORDER BY count DESC, place",
            (min_count,),
        )
        yield from (Logged(text, count) for text, count in rows)

    def _flush(self) -> None:
        rows = ((key, *row) for key, row in self._recent.items())
        self._store.executemany(
            "INSERT INTO counts VALUES (?, ?, ?, ?) "
            "ON CONFLICT (key) DO UPDATE SET count = count + excluded.count",
            rows,
        )
        self._store.commit()
        self._recent.clear()


def count_log(paths: Iterable[Path], counts: QueryCounts, noise: Noise) -> LogTally:
    """Count the queries of logs, without those that are noise whatever their count.

    Raises:
        ConfigError: If a file cannot be read.
    """
    tally = LogTally()
    for path in paths:
        for logged in read_log(path, tally):
            text = " ".join(logged.text.split())
            if reason := noise.reason(text):
                tally.dropped[reason] += logged.times
            else:
                counts.add(Logged(text, logged.times))
    tally.distinct = counts.distinct()
    return tally


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield the lines that are not empty; of one that is too long, a byte more than may be."""
    while line := file.readline(MAX_LINE_BYTES + 1):
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES + 1)
        if line.strip():
            yield line


def _search(line: bytes) -> Logged | str:
    """Read a line; says what is wrong with it, and nothing of a line that is not meant for us."""
    try:
        text = line.decode("utf-8-sig").strip("\r\n")
    except UnicodeDecodeError:
        return "not UTF-8"
    if text.lstrip().startswith("{"):
        return _from_json(line)
    query, tab, count = text.partition("\t")
    times = _count(count) if tab else 1
    if not times:
        return "no count behind the tab"
    return Logged(query, times) if query.strip() else "no query"


def _count(text: str) -> int:
    """Read how often; 0 for what is no number that anybody could have counted."""
    digits = text.strip()
    return int(digits) if digits.isdecimal() and len(digits) <= len(str(_MOST_TIMES)) else 0


def _from_json(line: bytes) -> Logged | str:
    try:
        row = msgspec.json.decode(line.removeprefix(b"\xef\xbb\xbf"), type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "broken JSON"
    if len(row) == 1 and next(iter(row)) in _ACTIONS:
        return ""
    inner = row.get("_source", row)
    return _from_object(inner) if isinstance(inner, dict) else "no query"


def _from_object(row: Mapping[str, Any]) -> Logged | Literal["", "no query", "no count"]:
    if "action_name" in row:
        return ""
    query = row.get("user_query", row.get("query"))
    count = row.get("count", 1)
    if not isinstance(query, str) or not query.strip():
        return "no query"
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _MOST_TIMES:
        return "no count"
    return Logged(query, count)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs", "Co", "Cn"}
