"""A cache bounded in bytes that forgets what was used longest ago; safe for many threads."""

import hashlib
import sys
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

_ENTRY_BYTES: Final = 112
"""What an ordered dictionary adds to a key and its value; measured with tracemalloc."""


@dataclass(frozen=True, slots=True)
class CacheCounts:
    """What a cache did since it was made, and what it holds now."""

    hits: int
    misses: int
    entries: int
    size_bytes: int


def content_key(text: str) -> bytes:
    """Return 128 bits of BLAKE2b: equal for equal texts, and for no others in practice."""
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=16, usedforsecurity=False).digest()


class BoundedCache:
    """Maps bytes to bytes, least recently used out first.

    Values are bytes, so that their size is known and nobody can change them.

    Args:
        limit_bytes: Bound on keys, values and bookkeeping together; 0 keeps nothing.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._entries: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = self._hits = self._misses = 0

    @property
    def counts(self) -> CacheCounts:
        """A snapshot."""
        with self._lock:
            return CacheCounts(self._hits, self._misses, len(self._entries), self._size)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Return the values of keys in their order, ``None`` for those not held."""
        with self._lock:
            entries = self._entries
            found = [entries.get(key) for key in keys]
            for key, value in zip(keys, found, strict=True):
                if value is not None:
                    entries.move_to_end(key)
            missed = found.count(None)
            self._misses += missed
            self._hits += len(found) - missed
        return found

    def put_many(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Keep values under their keys; one that alone exceeds the bound is not kept."""
        sized = [(key, value, _size_bytes(key, value)) for key, value in items]
        with self._lock:
            for key, value, size in sized:
                if size > self._limit:
                    continue
                replaced = self._entries.pop(key, None)
                if replaced is not None:
                    self._size -= _size_bytes(key, replaced)
                self._entries[key] = value
                self._size += size
            while self._size > self._limit:
                self._size -= _size_bytes(*self._entries.popitem(last=False))


def _size_bytes(key: bytes, value: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(value) + _ENTRY_BYTES
