"""A log of the queries that a table does not know, for the job that fills it."""

import datetime as dt
import json
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Final

from qrmiddleware import ConfigError, Query

REMEMBERED: Final = 10_000


class MissLog:
    """Appends each missing query once, as ``{"query", "index", "time"}``, one JSON line each.

    A full log is renamed to ``PATH.1``, over the one before. The last ``REMEMBERED`` queries are
    not logged again. Lines of several processes never mix: each is one write at the end.
    """

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def check(self) -> None:
        """Make the log if there is none.

        Raises:
            ConfigError: If it cannot be written.
        """
        try:
            self._path.open("ab").close()
        except OSError as error:
            message = f"the log of misses {self._path} cannot be written ({error.strerror})"
            raise ConfigError(message) from error

    def add(self, query: Query, *, key: str) -> None:
        """Log a query, unless one with the same key was among the last ones."""
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return
            self._append(query)
            self._seen[key] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)

    def _append(self, query: Query) -> None:
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        record = {"query": query.text, "index": query.index, "time": now}
        line = json.dumps(record).encode() + b"\n"
        with self._path.open("ab", buffering=0) as file:
            full = file.tell() > 0 and file.tell() + len(line) > self._max_bytes
            if not full:
                file.write(line)
        if full:
            self._path.replace(f"{self._path}.1")
            self._path.write_bytes(line)
