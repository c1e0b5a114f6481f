"""The ``_bulk`` endpoint."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from qrmiddleware.upstream.embedded.call import Answer, Call, read_object
from qrmiddleware.upstream.embedded.documents import (
    STATUS,
    new_id,
    open_for_writing,
    show_written,
    update,
)
from qrmiddleware.upstream.embedded.index import Index, Written
from qrmiddleware.upstream.embedded.problems import ApiError, illegal, index_not_found, unsupported

_METADATA = frozenset(
    ("_index", "_id", "routing", "require_alias", "retry_on_conflict", "dynamic_templates")
)
ACTIONS = frozenset(("index", "create", "update", "delete"))
"""What a line of ``_bulk`` can ask for."""


@dataclass(frozen=True, slots=True)
class _Item:
    action: str
    index: str
    doc_id: str
    source: bytes


def run_bulk(call: Call) -> Answer:
    """``POST /_bulk``: each line succeeds or fails by itself; all that succeed are kept at once."""
    started = time.perf_counter_ns()
    items = list(_read_items(call.body, call.parts.get("index", "")))
    if not items:
        raise ApiError(
            kind="action_request_validation_exception",
            reason="Validation Failed: 1: no requests added;",
        )
    problems = {name: _prepare(call, name) for name in {item.index for item in items}}
    results = []
    with call.catalog.writing() as touched:
        touched.update(name for name, problem in problems.items() if problem is None)
        results = [_run_item(call, item, problems[item.index]) for item in items]
    return Answer(
        {
            "errors": any("error" in result for entry in results for result in entry.values()),
            "took": (time.perf_counter_ns() - started) // 1_000_000,
            "items": results,
        }
    )


def _prepare(call: Call, name: str) -> ApiError | None:
    """Make sure that the index is there; gives back why it cannot be."""
    try:
        if call.flag("require_alias"):
            return index_not_found(name)
        open_for_writing(call.catalog, name)
    except ApiError as error:
        return error
    return None


def _run_item(call: Call, item: _Item, problem: ApiError | None) -> dict[str, Any]:
    try:
        if problem is not None:
            raise problem
        written = _write(call.catalog.find(item.index), item)
    except ApiError as error:
        outcome: dict[str, Any] = {"_index": item.index, "_id": item.doc_id}
        return {item.action: {**outcome, "status": error.status, "error": error.cause()}}
    shown = show_written(call, item.index, item.doc_id, written)
    return {item.action: {**shown, "status": STATUS[written.result]}}


def _write(index: Index, item: _Item) -> Written:
    if item.action == "delete":
        return index.delete(item.doc_id)
    if item.action == "update":
        return update(index, item.doc_id, read_object(item.source))
    return index.put(item.doc_id, item.source, create=item.action == "create")


def _read_items(body: bytes, default_index: str) -> Iterator[_Item]:
    if body.strip() and not body.endswith(b"\n"):
        raise illegal(reason="The bulk request must be terminated by a newline [\\n]")
    lines = enumerate(body.split(b"\n"), 1)
    for number, line in lines:
        if not line.strip():
            continue
        action, metadata = _read_action(line, number)
        source = b""
        if action != "delete":
            _, source = next(lines, (0, b""))
            if not source.strip():
                raise illegal(reason=f"Validation Failed: no source after line [{number}];")
        name = str(metadata.get("_index", default_index))
        if not name:
            raise ApiError(
                kind="action_request_validation_exception",
                reason=f"Validation Failed: {number}: index is missing;",
            )
        yield _Item(action, name, _read_id(action, metadata, number), source)


def _read_action(line: bytes, number: int) -> tuple[str, Mapping[str, Any]]:
    decoded = read_object(line)
    if len(decoded) != 1:
        raise illegal(
            reason=f"Malformed action/metadata line [{number}], expected FIELD_NAME but found "
            f"{len(decoded)} fields"
        )
    [(action, metadata)] = decoded.items()
    if action not in ACTIONS or not isinstance(metadata, dict):
        raise illegal(
            reason=f"Malformed action/metadata line [{number}], expected field [create], [delete], "
            f"[index] or [update] but found [{action}]"
        )
    for name in metadata:
        if name not in _METADATA:
            raise unsupported(what="bulk metadata", name=name)
    return action, metadata


def _read_id(action: str, metadata: Mapping[str, Any], number: int) -> str:
    doc_id = metadata.get("_id")
    if doc_id is None and action in {"update", "delete"}:
        raise ApiError(
            kind="action_request_validation_exception",
            reason=f"Validation Failed: {number}: id is missing;",
        )
    return new_id() if doc_id is None else str(doc_id)
