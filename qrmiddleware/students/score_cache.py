"""Remembers what a student said of a query and a text, so that it is asked once."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from qrmiddleware.students.bounded_cache import BoundedCache, CacheCounts, content_key


class ScoreCache:
    """Logits by student, query and text; several students may share one.

    Args:
        limit_bytes: Bound on the memory it takes; 0 remembers nothing. A pair of a
            student with one logit takes about 220 bytes.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._cache = BoundedCache(limit_bytes)

    @property
    def counts(self) -> CacheCounts:
        """Hits and misses are counted in pairs."""
        return self._cache.counts

    def get(
        self, student: str, query: str, texts: Sequence[bytes]
    ) -> list[NDArray[np.float32] | None]:
        """Return the logits of pairs, in the order of ``texts``; ``None`` where unknown.

        Args:
            student: What `qrmiddleware.students.folder.student_hash` says of it.
            query: As it was given to the student.
            texts: Keys of the texts, by `qrmiddleware.students.bounded_cache.content_key`.
        """
        scope = _scope(student, query)
        found = self._cache.get_many([scope + text for text in texts])
        return [value if value is None else np.frombuffer(value, np.float32) for value in found]

    def put(
        self, student: str, query: str, logits: Iterable[tuple[bytes, NDArray[np.float32]]]
    ) -> None:
        """Remember the logits of pairs, each under the key of its text."""
        scope = _scope(student, query)
        self._cache.put_many((scope + text, row.tobytes()) for text, row in logits)


def _scope(student: str, query: str) -> bytes:
    return hashlib.blake2b(
        content_key(query), digest_size=16, key=student.encode(), usedforsecurity=False
    ).digest()
