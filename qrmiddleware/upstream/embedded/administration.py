"""Endpoints for indices and the cluster: create, delete, mappings, settings, health."""

from collections.abc import Mapping
from typing import Any

from qrmiddleware.upstream.embedded.call import Answer, Call
from qrmiddleware.upstream.embedded.index import Index
from qrmiddleware.upstream.embedded.problems import illegal, unsupported
from qrmiddleware.upstream.embedded.values import Json

VERSION = "9.2.0"
"""The version of Elasticsearch whose API is spoken."""

_ACKNOWLEDGED = {"acknowledged": True}


def info(_call: Call) -> Answer:
    """``GET /``."""
    return Answer(
        {
            "name": "qrmiddleware",
            "cluster_name": "embedded",
            "cluster_uuid": "embedded",
            "version": {
                "number": VERSION,
                "build_flavor": "embedded",
                "build_type": "tantivy",
                "build_hash": "unknown",
                "build_date": "1970-01-01T00:00:00.000Z",
                "build_snapshot": False,
                "lucene_version": "10.3.0",
                "minimum_wire_compatibility_version": "8.19.0",
                "minimum_index_compatibility_version": "8.0.0",
            },
            "tagline": "You Know, for Search",
        }
    )


def create_index(call: Call) -> Answer:
    """``PUT /{index}``."""
    name = call.parts["index"]
    call.catalog.create(name, call.json())
    return Answer({**_ACKNOWLEDGED, "shards_acknowledged": True, "index": name})


def delete_index(call: Call) -> Answer:
    """``DELETE /{index}``."""
    expression = call.parts["index"]
    if "*" in expression or expression == "_all":
        raise illegal(reason="Wildcard expressions or all indices are not allowed")
    for index in call.catalog.resolve(expression, lenient=call.flag("ignore_unavailable")):
        call.catalog.delete(index)
    return Answer(_ACKNOWLEDGED)


def _named(call: Call) -> list[Index]:
    expression = call.parts.get("index", "")
    return call.catalog.resolve(expression, lenient=call.flag("ignore_unavailable"))


def exists_index(call: Call) -> Answer:
    """``HEAD /{index}``."""
    return Answer({}, 200 if _named(call) else 404)


def get_index(call: Call) -> Answer:
    """``GET /{index}``."""
    return Answer(
        {
            index.name: {
                "aliases": {},
                "mappings": index.mapping.to_dict(),
                "settings": {"index": _settings(index)},
            }
            for index in _named(call)
        }
    )


def _settings(index: Index) -> dict[str, Any]:
    return {
        "number_of_shards": "1",
        "number_of_replicas": "0",
        **{key: _text(value) for key, value in index.settings.items()},
        "uuid": index.stored.uuid,
        "provided_name": index.name,
        "creation_date": str(index.stored.created_ms),
    }


def _text(value: Json) -> Json:
    if isinstance(value, dict):
        return {key: _text(inner) for key, inner in value.items()}
    return value if isinstance(value, list) else str(value)


def get_mapping(call: Call) -> Answer:
    """``GET /{index}/_mapping``."""
    return Answer({index.name: {"mappings": index.mapping.to_dict()} for index in _named(call)})


def get_settings(call: Call) -> Answer:
    """``GET /{index}/_settings``."""
    return Answer({index.name: {"settings": {"index": _settings(index)}} for index in _named(call)})


def put_mapping(call: Call) -> Answer:
    """``PUT /{index}/_mapping``."""
    declared = call.json()
    for index in _named(call):
        with call.catalog.writing() as touched:
            touched.add(index.name)
            index.update_mapping(declared)
    return Answer(_ACKNOWLEDGED)


def refresh(call: Call) -> Answer:
    """``POST /_refresh``: every write is visible already."""
    count = len(_named(call))
    return Answer({"_shards": {"total": count, "successful": count, "failed": 0}})


_HEALTH_COUNTS = (
    "relocating_shards",
    "initializing_shards",
    "unassigned_shards",
    "delayed_unassigned_shards",
    "unassigned_primary_shards",
    "number_of_pending_tasks",
    "number_of_in_flight_fetch",
    "task_max_waiting_in_queue_millis",
)


def health(call: Call) -> Answer:
    """``GET /_cluster/health``."""
    count = len(_named(call))
    counts = dict.fromkeys(_HEALTH_COUNTS, 0)
    return Answer(
        {
            "cluster_name": "embedded",
            "status": "green",
            "timed_out": False,
            "number_of_nodes": 1,
            "number_of_data_nodes": 1,
            "active_primary_shards": count,
            "active_shards": count,
            **counts,
            "active_shards_percent_as_number": 100.0,
        }
    )


def cat_indices(call: Call) -> Answer:
    """``GET /_cat/indices``."""
    rows = [_describe(index) for index in _named(call)]
    names = _columns(call.params)
    if call.params.get("format") == "json":
        return Answer([{name: row[name] for name in names} for row in rows])
    table = [[row[name] for name in names] for row in rows]
    if call.flag("v"):
        table.insert(0, names)
    widths = [max((len(cells[at]) for cells in table), default=0) for at in range(len(names))]
    lines = [
        " ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in table
    ]
    return Answer("".join(f"{line}\n" for line in lines))


_CAT_COLUMNS = (
    "health", "status", "index", "uuid", "pri", "rep", "docs.count", "docs.deleted", "store.size",
    "pri.store.size", "dataset.size",
)  # fmt: skip


def _columns(params: Mapping[str, str]) -> list[str]:
    asked = [name for name in params.get("h", "").split(",") if name]
    for name in asked:
        if name not in _CAT_COLUMNS:
            raise unsupported(what="column of _cat/indices", name=name)
    return asked or list(_CAT_COLUMNS)


def _describe(index: Index) -> dict[str, str]:
    size = f"{index.size_bytes()}b"
    values = ("green", "open", index.name, index.stored.uuid, "1", "0", str(index.view().size), "0")
    return dict(zip(_CAT_COLUMNS, (*values, size, size, size), strict=True))


def analyze(call: Call) -> Answer:
    """``GET /{index}/_analyze``: what an analyzer makes of a text."""
    body = call.json()
    for key in body:
        if key not in {"text", "analyzer", "field"}:
            raise unsupported(what="_analyze option", name=key)
    index = call.catalog.find(call.parts["index"])
    field = index.view().field(str(body.get("field", "")))
    name = str(body.get("analyzer") or (field.analyzer if field else "standard"))
    texts = body.get("text", "")
    tokens = [
        {
            "token": token.text,
            "start_offset": token.char_offset_from,
            "end_offset": token.char_offset_to,
            "type": "word",
            "position": token.position,
        }
        for text in (texts if isinstance(texts, list) else [texts])
        for token in index.mapping.analysis.analyzer(name).pre_tokenize(str(text)).tokens
    ]
    return Answer({"tokens": tokens})
