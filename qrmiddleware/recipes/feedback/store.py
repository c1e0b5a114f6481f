"""Keeps rows in files that only grow: nothing is searched for, or generated, twice."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Generic, Self, TypeVar

import msgspec

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.distill.rewriting.row_files import read_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback, from_line, to_line

T = TypeVar("T", bound=msgspec.Struct)


class RowStore(Generic[T]):
    """The rows so far, and the file where more are put; used as a context manager.

    No line that was added is lost by a process that ends; only one process at a time may add
    (see ``GrowingFile``).

    Args:
        path: Of the file; folders are made.
        kind: Of its rows.
        what: They are, in the plural, for errors.
        key: What tells one row's work from another's; JSON can hold it.
    """

    def __init__(self, path: Path, kind: type[T], what: str, key: Callable[[T], object]) -> None:
        self.path = path
        self._kind, self._key = kind, key
        self._known: set[bytes] = set()
        self._file = GrowingFile(path, what, self._is_row)

    def __enter__(self) -> Self:
        self._file.open(self._load)
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._known)

    @property
    def note(self) -> str:
        """What was mended on opening; empty if nothing was."""
        return self._file.note

    def knows(self, key: object) -> bool:
        """Whether there is a row of this key."""
        return _packed(key) in self._known

    def add(self, row: T) -> None:
        """Put a row to the file, at once."""
        self._file.add(to_line(row).rstrip(b"\n"))
        self._known.add(_packed(self._key(row)))

    def _load(self) -> None:
        self._known = {_packed(self._key(row)) for row in read_rows(self.path, self._kind)}

    def _is_row(self, line: bytes) -> bool:
        try:
            from_line(line, self._kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        return True


class FeedbackStore(RowStore[Feedback]):
    """The feedback so far, by who gives it, the query and its candidates."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, Feedback, "feedback", _key_of)

    def has(self, by: str, proposed: CandidateSet) -> bool:
        """Whether this offline system has seen these candidates of this query."""
        return self.knows(_key(by, proposed.query, (each.text for each in proposed.candidates)))


def _key_of(feedback: Feedback) -> object:
    return _key(feedback.by, feedback.query, (each.text for each in feedback.candidates))


def _key(by: str, query: str, texts: Iterable[str]) -> object:
    return (by, query, tuple(texts))


def _packed(key: object) -> bytes:
    return blake2b(msgspec.json.encode(key), digest_size=16).digest()
