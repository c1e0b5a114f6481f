"""Keeps feedback in a file that only grows: no search is made twice for it."""

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import Self

import msgspec

from qrmiddleware.asking.growing_file import GrowingFile
from qrmiddleware.distill.rewriting.files import read_rows
from qrmiddleware.distill.rewriting.rows import CandidateSet, Feedback, from_line, to_line


class FeedbackStore:
    """The feedback so far, and the file where more is put; used as a context manager.

    No line that was added is lost by a process that ends; only one process at a time may add
    (see ``GrowingFile``).
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known: set[bytes] = set()
        self._file = GrowingFile(path, "feedback", _is_feedback)

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

    def has(self, by: str, proposed: CandidateSet) -> bool:
        """Whether this offline system has seen these candidates of this query."""
        return _key(by, proposed.query, (each.text for each in proposed.candidates)) in self._known

    def add(self, feedback: Feedback) -> None:
        """Put feedback to the file, at once."""
        self._file.add(to_line(feedback).rstrip(b"\n"))
        self._known.add(_key_of(feedback))

    def _load(self) -> None:
        self._known = {_key_of(feedback) for feedback in read_rows(self._path, Feedback)}


def _key_of(feedback: Feedback) -> bytes:
    return _key(feedback.by, feedback.query, (each.text for each in feedback.candidates))


def _key(by: str, query: str, texts: Iterable[str]) -> bytes:
    told = msgspec.json.encode((by, query, tuple(texts)))
    return blake2b(told, digest_size=16).digest()


def _is_feedback(line: bytes) -> bool:
    try:
        from_line(line, Feedback)
    except msgspec.MsgspecError:
        return False
    return True
