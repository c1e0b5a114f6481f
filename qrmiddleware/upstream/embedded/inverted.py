"""The inverted index: tantivy in memory, derived from the documents, rebuilt when it is full.

tantivy's schema is fixed when an index is made, Elasticsearch's grows. So a schema is made
with more fields than the mapping has, *slots*, and a new field takes a free one; when none
is left the index is rebuilt with twice as many.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import tantivy

from qrmiddleware.upstream.embedded.mapping import Field, IndexMapping
from qrmiddleware.upstream.embedded.values import Json

SEQ = "_seq"
DOC_ID = "_id"
FIELD_NAMES = "_field_names"
EVERY_DOCUMENT = "*"
"""A term of ``_field_names`` that every document has."""

_WRITER_HEAP_BYTES = 50_000_000
_SMALLEST_CAPACITY = 4


def _kind(field: Field) -> str:
    """Fields of one kind can take each other's slots."""
    if field.family == "text":
        return f"text {field.analyzer}"
    return {"boolean": "keyword", "date": "integer"}.get(field.family, field.family)


def _capacity(needed: int) -> int:
    capacity = _SMALLEST_CAPACITY
    while capacity < needed:
        capacity *= 2
    return capacity


class InvertedIndex:
    """What tantivy knows of one index."""

    def __init__(self, mapping: IndexMapping) -> None:
        self.slots: dict[str, str] = {}
        self._free: dict[str, list[str]] = {}
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field(SEQ, indexed=True, fast=True)
        for name in (DOC_ID, FIELD_NAMES):
            builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
        kinds = Counter(_kind(field) for field in mapping.fields.values())
        for number, (kind, needed) in enumerate(sorted(kinds.items())):
            names = [f"f{number}_{slot}" for slot in range(_capacity(needed))]
            for name in names:
                _add_field(builder, kind, name)
            self._free[kind] = names[::-1]
        self.schema = builder.build()
        self._index = tantivy.Index(self.schema)
        for kind in kinds:
            if kind.startswith("text "):
                name = kind.removeprefix("text ")
                self._index.register_tokenizer(kind, mapping.analysis.analyzer(name))
        self._writer = self._index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)
        self.take_slots(mapping)

    def take_slots(self, mapping: IndexMapping) -> bool:
        """Give each new field a slot; ``False`` if there are too few: rebuild then."""
        for path, field in mapping.fields.items():
            if path not in self.slots:
                free = self._free.get(_kind(field))
                if not free:
                    return False
                self.slots[path] = free.pop()
        return True

    def add(
        self, seq: int, doc_id: str, values: Mapping[str, list[Any]], present: Iterable[str]
    ) -> None:
        """Add a document; it is found after ``commit``."""
        document: dict[str, Any] = {
            SEQ: [seq],
            DOC_ID: [doc_id],
            FIELD_NAMES: [EVERY_DOCUMENT, *present],
        }
        for path, found in values.items():
            document[self.slots[path]] = [_indexable(value) for value in found]
        self._writer.add_document(tantivy.Document.from_dict(document, self.schema))

    def delete(self, seq: int) -> None:
        """Remove a document; it is gone after ``commit``."""
        self._writer.delete_documents_by_term(SEQ, seq)

    def commit(self) -> None:
        """Make adds and deletes visible to searchers made from now on."""
        self._writer.commit()
        self._index.reload()

    def searcher(self) -> tantivy.Searcher:
        """A view of the last commit, which later writes leave as it is."""
        return self._index.searcher()


def _indexable(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def _add_field(builder: tantivy.SchemaBuilder, kind: str, name: str) -> None:
    if kind == "integer":
        builder.add_integer_field(name, indexed=True, fast=True)
    elif kind == "float":
        builder.add_float_field(name, indexed=True, fast=True)
    elif kind == "keyword":
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    else:
        builder.add_text_field(name, tokenizer_name=kind, index_option="position")
