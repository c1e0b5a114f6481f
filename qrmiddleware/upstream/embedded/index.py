"""One index: its documents, its mapping, and what is derived from them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from qrmiddleware.upstream.embedded.analysis import Analysis
from qrmiddleware.upstream.embedded.inverted import InvertedIndex
from qrmiddleware.upstream.embedded.mapping import IndexMapping
from qrmiddleware.upstream.embedded.problems import (
    ApiError,
    illegal,
    unparsable_document,
    unsupported,
)
from qrmiddleware.upstream.embedded.store import Store, StoredDocument, StoredIndex
from qrmiddleware.upstream.embedded.view import View

MAX_ID_BYTES = 512


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one write.

    Attributes:
        result: ``"created"``, ``"updated"``, ``"deleted"``, ``"not_found"`` or ``"noop"``.
        version: The document's version after it.
        seq: Its sequence number.
    """

    result: str
    version: int
    seq: int


class Index:
    """An index that is open.

    Writes go to the store at once, inside the caller's transaction, and become visible to
    searches at ``refresh``, which the caller calls after the transaction.
    """

    def __init__(self, stored: StoredIndex, store: Store) -> None:
        self.stored = stored
        self.settings: dict[str, Any] = msgspec.json.decode(stored.settings)
        self._store = store
        self._next_seq = stored.next_seq
        self.mapping = IndexMapping(
            msgspec.json.decode(stored.mappings), Analysis(self.settings.get("analysis"))
        )
        self._added: dict[int, tuple[str, dict[str, list[Any]], set[str]]] = {}
        self._removed: list[int] = []
        self.rebuild()

    @property
    def name(self) -> str:
        """The name it was made with."""
        return self.stored.name

    def rebuild(self) -> None:
        """Derive everything from the stored documents again."""
        self._added.clear()
        self._removed.clear()
        self._columns: dict[str, dict[int, tuple[Any, ...]]] = defaultdict(dict)
        read = [
            (document, *self.mapping.read(document.doc_id, msgspec.json.decode(document.source)))
            for document in self._store.documents(self.name)
        ]
        self._inverted = InvertedIndex(self.mapping)
        for document, values, present in read:
            self._index(document.seq, document.doc_id, values, present)
        self._inverted.commit()
        self._view: View | None = None

    def view(self) -> View:
        """A snapshot to search in."""
        if self._view is None:
            self._view = View(self.name, self.mapping, self._inverted, self._columns)
        return self._view

    def size_bytes(self) -> int:
        """Bytes of all documents."""
        return self._store.size_bytes(self.name)

    def update_mapping(self, declared: Mapping[str, Any]) -> None:
        """Add fields, and find them in the documents that have them already."""
        before = dict(self.mapping.fields)
        self.mapping.merge(declared)
        self._save()
        if any(before.get(path) != field for path, field in self.mapping.fields.items()):
            self.rebuild()

    def get(self, doc_id: str) -> StoredDocument | None:
        """Look a document up, as it was last written."""
        return self._store.get(self.name, doc_id)

    def fetch(self, seqs: Iterable[int]) -> dict[int, StoredDocument]:
        """Look documents up by their sequence numbers."""
        return self._store.fetch(self.name, seqs)

    def put(self, doc_id: str, source: bytes, *, create: bool = False) -> Written:
        """Write a document.

        Raises:
            ApiError: If it is not one that the mapping can take, or ``create`` is asked for
                and it is there.
        """
        size = len(doc_id.encode())
        if not 0 < size <= MAX_ID_BYTES:
            raise illegal(
                reason=f"id [{doc_id[:40]}] is {size} bytes long, must be 1 to {MAX_ID_BYTES}"
            )
        known = self.get(doc_id)
        if known and create:
            raise self._conflict(doc_id, known)
        values, present = self.mapping.read(doc_id, read_source(source))
        written = Written(
            "updated" if known else "created", known.version + 1 if known else 1, self._take_seq()
        )
        self._forget(known)
        document = StoredDocument(written.seq, doc_id, written.version, source)
        self._store.put(self.name, document)
        self._added[written.seq] = (doc_id, values, present)
        return written

    def delete(self, doc_id: str) -> Written:
        """Remove a document, if it is there."""
        known = self.get(doc_id)
        seq = self._take_seq()
        if known is None:
            return Written("not_found", 1, seq)
        self._forget(known)
        self._store.delete(self.name, doc_id)
        return Written("deleted", known.version + 1, seq)

    def save(self) -> None:
        """Keep the mapping and the sequence number; part of the writes' transaction."""
        self._save()

    def take_back(self, stored: StoredIndex) -> bool:
        """Forget what was written since the last refresh, as it was not kept.

        Args:
            stored: The index as it is kept.

        Returns:
            Whether that is all: false if the mapping has changed too, and all has to be read anew.
        """
        if msgspec.json.encode(self.mapping.to_dict()) != stored.mappings:
            return False
        self.stored, self._next_seq = stored, stored.next_seq
        self._added.clear()
        self._removed.clear()
        return True

    def refresh(self) -> None:
        """Make what was written visible to searches."""
        if not self._inverted.take_slots(self.mapping):
            self.rebuild()
            return
        if not self._added and not self._removed:
            return
        for seq in self._removed:
            self._inverted.delete(seq)
            for column in self._columns.values():
                column.pop(seq, None)
        for seq, (doc_id, values, present) in self._added.items():
            self._index(seq, doc_id, values, present)
        self._added.clear()
        self._removed.clear()
        self._inverted.commit()
        self._view = None

    def _index(
        self, seq: int, doc_id: str, values: dict[str, list[Any]], present: set[str]
    ) -> None:
        self._inverted.add(seq, doc_id, values, present)
        for path, found in values.items():
            if self.mapping.fields[path].family != "text":
                self._columns[path][seq] = tuple(sorted(found))

    def _forget(self, known: StoredDocument | None) -> None:
        if known and self._added.pop(known.seq, None) is None:
            self._removed.append(known.seq)

    def _take_seq(self) -> int:
        self._next_seq += 1
        return self._next_seq - 1

    def _save(self) -> None:
        self.stored = StoredIndex(
            self.name,
            self.stored.uuid,
            self.stored.created_ms,
            self.stored.settings,
            msgspec.json.encode(self.mapping.to_dict()),
            self._next_seq,
        )
        self._store.save_index(self.stored)

    def _conflict(self, doc_id: str, known: StoredDocument) -> ApiError:
        return ApiError(
            kind="version_conflict_engine_exception",
            reason=f"[{doc_id}]: version conflict, document already exists (current version "
            f"[{known.version}])",
            status=409,
            index_uuid=self.stored.uuid,
            shard="0",
            index=self.name,
        )


def read_source(source: bytes) -> dict[str, Any]:
    """Decode a document.

    Raises:
        ApiError: If it is not a JSON object.
    """
    try:
        decoded = msgspec.json.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise unparsable_document(reason=f"failed to parse: {error}") from error
    if not isinstance(decoded, dict):
        raise unparsable_document(reason="failed to parse: a document must be a JSON object")
    return decoded


def check_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Read an index's settings, nested or dotted, with or without ``index``.

    Raises:
        ApiError: If one of them would change what a search finds, and is not supported.
    """
    known = _nest(settings)
    inner = known.pop("index", {})
    known = {**known, **(inner if isinstance(inner, dict) else {})}
    for name in known:
        if name not in SETTINGS:
            raise unsupported(what="index setting", name=name)
    Analysis(known.get("analysis"))
    return known


SETTINGS = frozenset(
    [
        "analysis",
        "number_of_shards",
        "number_of_replicas",
        "refresh_interval",
        "max_result_window",
        "codec",
        "auto_expand_replicas",
        "mapping",
        "hidden",
        "translog",
    ]
)
"""Index settings that are taken; only ``analysis`` and ``max_result_window`` mean something."""


def _nest(settings: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in settings.items():
        *parents, name = key.split(".")
        at = nested
        for parent in parents:
            at = at.setdefault(parent, {})
        if isinstance(value, dict) and isinstance(at.get(name), dict):
            at[name].update(_nest(value))
        else:
            at[name] = _nest(value) if isinstance(value, dict) else value
    return nested
