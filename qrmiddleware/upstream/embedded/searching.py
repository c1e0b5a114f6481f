"""Endpoints for searching: ``_search``, ``_msearch``, ``_count``."""

import time
from collections.abc import Mapping
from typing import Any

from qrmiddleware.upstream.embedded.call import Answer, Call, read_object
from qrmiddleware.upstream.embedded.problems import ApiError, illegal, unsupported
from qrmiddleware.upstream.embedded.search import run_count, run_search
from qrmiddleware.upstream.embedded.search_request import SearchRequest, read_search
from qrmiddleware.upstream.embedded.sorting import read_url_sort

_COPIED = ("from", "size", "timeout", "min_score")
_FLAGS = ("version", "seq_no_primary_term", "track_scores", "explain")
_HEADER = frozenset(
    (
        "index", "ignore_unavailable", "allow_no_indices", "expand_wildcards", "preference",
        "routing", "search_type", "request_cache", "ccs_minimize_roundtrips",
        "allow_partial_search_results",
    )
)  # fmt: skip


def search(call: Call) -> Answer:
    """``_search``."""
    for name in ("scroll", "stored_fields", "terminate_after", "suggest_field", "routing"):
        if name in call.params:
            raise unsupported(what="search parameter", name=name)
    indices = call.catalog.resolve(
        call.parts.get("index", ""), lenient=call.flag("ignore_unavailable")
    )
    request = read_search(_with_params(call.json(), call))
    return Answer(
        run_search(
            indices,
            request,
            typed=call.flag("typed_keys"),
            total_as_int=call.flag("rest_total_hits_as_int"),
        )
    )


def _with_params(body: dict[str, Any], call: Call) -> dict[str, Any]:
    params = call.params
    body |= {name: params[name] for name in _COPIED if name in params}
    body |= {name: call.flag(name) for name in _FLAGS if name in params}
    if "q" in params:
        body["query"] = _query_string(params)
    if "sort" in params:
        body["sort"] = read_url_sort(params["sort"])
    if "docvalue_fields" in params:
        body["docvalue_fields"] = params["docvalue_fields"].split(",")
    tracked = params.get("track_total_hits")
    if tracked is not None:
        body["track_total_hits"] = {"true": True, "false": False, "": True}.get(tracked, tracked)
    body |= _source_params(params)
    if call.flag("rest_total_hits_as_int"):
        body.setdefault("track_total_hits", True)
        if not isinstance(body["track_total_hits"], bool):
            raise illegal(
                reason="[rest_total_hits_as_int] cannot be used if the tracking of total hits is "
                f"not accurate, got {body['track_total_hits']}"
            )
    return body


def _source_params(params: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "_source" in params:
        found["_source"] = params["_source"]
    lists = {
        name: params[f"_source_{name}"].split(",")
        for name in ("includes", "excludes")
        if f"_source_{name}" in params
    }
    return {"_source": lists} if lists else found


def _query_string(params: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {"query": params["q"]}
    for name, key in (
        ("df", "default_field"),
        ("default_operator", "default_operator"),
        ("analyzer", "analyzer"),
    ):
        if name in params:
            given[key] = params[name]
    return {"query_string": given}


def count(call: Call) -> Answer:
    """``_count``."""
    indices = call.catalog.resolve(
        call.parts.get("index", ""), lenient=call.flag("ignore_unavailable")
    )
    body = call.json()
    for key in body:
        if key != "query":
            raise illegal(reason=f"request does not support [{key}]")
    query = _query_string(call.params) if "q" in call.params else body.get("query")
    shards = {"total": len(indices), "successful": len(indices), "skipped": 0, "failed": 0}
    return Answer({"count": run_count(indices, query), "_shards": shards})


def multi_search(call: Call) -> Answer:
    """``_msearch``: malformed lines fail it as a whole, searches fail by themselves."""
    started = time.perf_counter_ns()
    items = _read_items(call.body)
    responses = [_run_item(call, header, body) for header, body in items]
    took = (time.perf_counter_ns() - started) // 1_000_000
    return Answer({"took": took, "responses": responses})


def _read_items(body: bytes) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    if not body.strip():
        raise ApiError(
            kind="action_request_validation_exception",
            reason="Validation Failed: 1: no requests added;",
        )
    if not body.endswith(b"\n"):
        raise illegal(reason="The msearch request must be terminated by a newline [\\n]")
    lines = body.split(b"\n")[:-1]
    if len(lines) % 2:
        raise illegal(reason="each header of an msearch request must be followed by a body")
    decoded = [read_object(line) if line.strip() else {} for line in lines]
    for header in decoded[::2]:
        for name in header:
            if name not in _HEADER:
                raise illegal(reason=f"key [{name}] is not supported in the metadata section")
    return list(zip(decoded[::2], decoded[1::2], strict=True))


def _run_item(call: Call, header: Mapping[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    try:
        asked = header.get("index", call.parts.get("index", ""))
        expression = ",".join(asked) if isinstance(asked, list) else str(asked or "")
        lenient = str(header.get("ignore_unavailable", "false")).lower() == "true"
        indices = call.catalog.resolve(expression, lenient=lenient)
        as_int = call.flag("rest_total_hits_as_int")
        if as_int:
            body.setdefault("track_total_hits", True)
        request: SearchRequest = read_search(body)
        typed = call.flag("typed_keys")
        return {**run_search(indices, request, typed=typed, total_as_int=as_int), "status": 200}
    except ApiError as error:
        return error.body()
