"""Endpoints for documents: ``_doc``, ``_create``, ``_update``, ``_source``, ``_mget``."""

import secrets
from collections.abc import Mapping
from typing import Any

import msgspec

from qrmiddleware.upstream.embedded.call import Answer, Call
from qrmiddleware.upstream.embedded.catalog import Catalog
from qrmiddleware.upstream.embedded.index import Index, Written
from qrmiddleware.upstream.embedded.problems import (
    ApiError,
    index_not_found,
    unparsable,
    unsupported,
)
from qrmiddleware.upstream.embedded.sources import SourceFilter, read_source_filter

STATUS = {"created": 201, "updated": 200, "deleted": 200, "not_found": 404, "noop": 200}


def new_id() -> str:
    """An id for a document that came without one."""
    return secrets.token_urlsafe(15)


def open_for_writing(catalog: Catalog, name: str) -> Index:
    """The index to write to; made if it is not there."""
    return catalog.find(name) if catalog.has(name) else catalog.create(name, {})


def show_written(call: Call, name: str, doc_id: str, written: Written) -> dict[str, Any]:
    """What became of a write, as Elasticsearch tells it."""
    refreshed = call.params.get("refresh") in {"", "true"} and written.result != "noop"
    return {
        "_index": name,
        "_id": doc_id,
        "_version": written.version,
        "result": written.result,
        **({"forced_refresh": True} if refreshed else {}),
        "_shards": {"total": 1, "successful": 1, "failed": 0},
        "_seq_no": written.seq,
        "_primary_term": 1,
    }


def merge_update(index: Index, doc_id: str, body: Mapping[str, Any]) -> bytes | None:
    """The document that an update makes; ``None`` where it changes nothing.

    Raises:
        ApiError: If the document is not there and there is nothing to insert instead.
    """
    for name in body:
        if name not in {"doc", "doc_as_upsert", "upsert", "detect_noop", "_source"}:
            raise unsupported(what="update option", name=name)
    known = index.get(doc_id)
    change = body.get("doc")
    if known is None:
        inserted = change if body.get("doc_as_upsert") else body.get("upsert")
        if inserted is None:
            raise ApiError(
                kind="document_missing_exception",
                reason=f"[{doc_id}]: document missing",
                status=404,
                index=index.name,
            )
        return msgspec.json.encode(inserted)
    if not isinstance(change, dict):
        raise unparsable(reason="an update needs a [doc]")
    before = msgspec.json.decode(known.source)
    after = _merge(before, change)
    if after == before and body.get("detect_noop", True):
        return None
    return msgspec.json.encode(after)


def _merge(before: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(before)
    for key, value in change.items():
        known = merged.get(key)
        both = isinstance(value, dict) and isinstance(known, dict)
        merged[key] = _merge(known, value) if both and known is not None else value
    return merged


def update(index: Index, doc_id: str, body: Mapping[str, Any]) -> Written:
    """Apply an update."""
    known = index.get(doc_id)
    merged = merge_update(index, doc_id, body)
    if merged is None and known is not None:
        return Written("noop", known.version, known.seq)
    return index.put(doc_id, merged or b"{}")


def put_document(call: Call) -> Answer:
    """``PUT /{index}/_doc/{id}`` and its relatives."""
    create = call.params.get("op_type", "index") == "create"
    return _write(call, create=create)


def create_document(call: Call) -> Answer:
    """``PUT /{index}/_create/{id}``."""
    return _write(call, create=True)


def _write(call: Call, *, create: bool) -> Answer:
    name, doc_id = call.parts["index"], call.parts.get("id") or new_id()
    if not call.body.strip():
        raise unparsable(reason="request body is required")
    index = open_for_writing(call.catalog, name)
    with call.catalog.writing() as touched:
        touched.add(name)
        written = index.put(doc_id, call.body, create=create)
    return Answer(show_written(call, name, doc_id, written), STATUS[written.result])


def update_document(call: Call) -> Answer:
    """``POST /{index}/_update/{id}``."""
    name, doc_id = call.parts["index"], call.parts["id"]
    index = open_for_writing(call.catalog, name)
    with call.catalog.writing() as touched:
        touched.add(name)
        written = update(index, doc_id, call.json())
    return Answer(show_written(call, name, doc_id, written), STATUS[written.result])


def delete_document(call: Call) -> Answer:
    """``DELETE /{index}/_doc/{id}``."""
    name, doc_id = call.parts["index"], call.parts["id"]
    index = call.catalog.find(name)
    with call.catalog.writing() as touched:
        touched.add(name)
        written = index.delete(doc_id)
    return Answer(show_written(call, name, doc_id, written), STATUS[written.result])


def get_document(call: Call) -> Answer:
    """``GET /{index}/_doc/{id}``."""
    index = call.catalog.find(call.parts["index"])
    shown = show_document(index, call.parts["id"], _source_filter(call.params))
    return Answer(shown, 200 if shown["found"] else 404)


def get_source(call: Call) -> Answer:
    """``GET /{index}/_source/{id}``."""
    index = call.catalog.find(call.parts["index"])
    document = index.get(call.parts["id"])
    if document is None:
        raise ApiError(
            kind="resource_not_found_exception",
            reason=f"Document not found [{index.name}]/[{call.parts['id']}]",
            status=404,
        )
    return Answer(_source_filter(call.params).apply(document.source))


def _source_filter(params: Mapping[str, str]) -> SourceFilter:
    return read_source_filter(
        params.get("_source"), params.get("_source_includes"), params.get("_source_excludes")
    )


def show_document(index: Index, doc_id: str, wanted: SourceFilter) -> dict[str, Any]:
    """A document as ``GET _doc`` shows it, or that it is not there."""
    document = index.get(doc_id)
    shown: dict[str, Any] = {"_index": index.name, "_id": doc_id}
    if document is None:
        return {**shown, "found": False}
    shown |= {
        "_version": document.version,
        "_seq_no": document.seq,
        "_primary_term": 1,
        "found": True,
    }
    return {**shown, "_source": wanted.apply(document.source)} if wanted.shown else shown


def get_documents(call: Call) -> Answer:
    """``_mget``."""
    body = call.json()
    asked = body.get("docs", [{"_id": doc_id} for doc_id in body.get("ids", ())])
    if not asked or not all(isinstance(entry, dict) and "_id" in entry for entry in asked):
        raise unparsable(reason="_mget needs [docs] with an [_id] each, or [ids]")
    return Answer({"docs": [_get_one(call, entry) for entry in asked]})


def _get_one(call: Call, entry: Mapping[str, Any]) -> dict[str, Any]:
    name = str(entry.get("_index", call.parts.get("index", "")))
    doc_id = str(entry["_id"])
    if not call.catalog.has(name):
        error = index_not_found(name).body()["error"]
        return {"_index": name, "_id": doc_id, "error": error}
    wanted = (
        read_source_filter(entry["_source"]) if "_source" in entry else _source_filter(call.params)
    )
    return show_document(call.catalog.find(name), doc_id, wanted)
