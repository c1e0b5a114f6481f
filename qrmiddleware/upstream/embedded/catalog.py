"""All indices of one engine: found by name, made, changed and removed."""

import re
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import msgspec

from qrmiddleware.upstream.embedded.analysis import Analysis
from qrmiddleware.upstream.embedded.index import Index, check_settings
from qrmiddleware.upstream.embedded.mapping import IndexMapping
from qrmiddleware.upstream.embedded.problems import ApiError, index_not_found, unsupported
from qrmiddleware.upstream.embedded.store import Store, StoredIndex

_FORBIDDEN = re.compile(r"[\\/*?\"<>| ,#:A-Z]")
_MAX_NAME_BYTES = 255


class Catalog:
    """The indices of one store.

    Args:
        path: The folder to keep them in; ``None`` keeps them in memory.

    Raises:
        ConfigError: If another process uses the folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._store = Store(path)
        self._indices = {
            stored.name: Index(stored, self._store) for stored in self._store.indices()
        }

    def close(self) -> None:
        """Let go of the files."""
        self._store.close()

    def all(self) -> list[Index]:
        """Every index, by name."""
        return [self._indices[name] for name in sorted(self._indices)]

    def find(self, name: str) -> Index:
        """The index of this very name.

        Raises:
            ApiError: If there is none.
        """
        if name not in self._indices:
            raise index_not_found(name)
        return self._indices[name]

    def has(self, name: str) -> bool:
        """Whether there is an index of this very name."""
        return name in self._indices

    def resolve(self, expression: str, *, lenient: bool = False) -> list[Index]:
        """The indices that an expression such as ``"products,archive-*,-archive-1"`` stands for.

        Raises:
            ApiError: If it names one that is not there, and ``lenient`` is not set.
        """
        names: dict[str, None] = {}
        for part in (expression or "_all").split(","):
            pattern = "*" if part == "_all" else part
            excluded = pattern.startswith("-") and bool(names)
            pattern = pattern[1:] if excluded else pattern
            found = sorted(name for name in self._indices if fnmatchcase(name, pattern))
            if not found and "*" not in pattern and not lenient:
                raise index_not_found(pattern)
            for name in found:
                if excluded:
                    names.pop(name, None)
                else:
                    names[name] = None
        return [self._indices[name] for name in names]

    def create(self, name: str, body: Mapping[str, Any]) -> Index:
        """Make an index from its settings and mappings.

        Raises:
            ApiError: If it is there already, or asks for what is not supported.
        """
        _check_name(name)
        if name in self._indices:
            raise ApiError(
                kind="resource_already_exists_exception",
                reason=f"index [{name}/{self._indices[name].stored.uuid}] already exists",
                index_uuid=self._indices[name].stored.uuid,
                index=name,
            )
        for key, value in body.items():
            if key not in {"settings", "mappings"} and value:
                raise unsupported(what="index option", name=key)
        settings = check_settings(body.get("settings") or {})
        mapping = IndexMapping(body.get("mappings") or {}, Analysis(settings.get("analysis")))
        stored = StoredIndex(
            name,
            secrets.token_urlsafe(16),
            time.time_ns() // 1_000_000,
            msgspec.json.encode(settings),
            msgspec.json.encode(mapping.to_dict()),
            0,
        )
        with self._store.transaction():
            self._store.save_index(stored)
        self._indices[name] = Index(stored, self._store)
        return self._indices[name]

    def delete(self, index: Index) -> None:
        """Remove an index."""
        with self._store.transaction():
            self._store.delete_index(index.name)
        del self._indices[index.name]

    @contextmanager
    def writing(self) -> Iterator[set[str]]:
        """One transaction of writes.

        Yields:
            A set to add the name of every index to that is written to. They are made
            visible to searches once all is on disk; if the transaction fails, they are
            as they were before it.
        """
        touched: set[str] = set()
        try:
            with self._store.transaction():
                yield touched
                for name in touched:
                    self._indices[name].save()
        except BaseException:
            stored = {index.name: index for index in self._store.indices()}
            for name in touched:
                if not self._indices[name].take_back(stored[name]):
                    self._indices[name] = Index(stored[name], self._store)
            raise
        for name in touched:
            self._indices[name].refresh()


def _check_name(name: str) -> None:
    found = _FORBIDDEN.search(name)
    problem = ""
    if found:
        problem = f"must be lowercase and must not contain [{found[0]}]"
    elif not name or name in {".", ".."} or name[0] in "-_+":
        problem = "must not be empty, '.' or '..', nor start with '_', '-', or '+'"
    elif len(name.encode()) > _MAX_NAME_BYTES:
        problem = f"is longer than {_MAX_NAME_BYTES} bytes"
    if problem:
        raise ApiError(
            kind="invalid_index_name_exception",
            reason=f"Invalid index name [{name[:80]}], {problem}",
            index=name,
        )
