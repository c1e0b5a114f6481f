"""Takes everything out of a cluster again that a case has put into it."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from api_calls import Connection, Request, Response

_OK: Final = 200
_GONE: Final = frozenset({_OK, 404})
_JSON: Final = {"content-type": "application/json"}
_AT_A_TIME: Final = 10
_BLOCKS: Final = ("read_only", "read_only_allow_delete", "read", "write", "metadata")


class WipeError(Exception):
    """The cluster refused to be emptied."""


def wipe(connection: Connection, asked: Collection[str]) -> None:
    """Empty a cluster: snapshots, indices, templates, pipelines, scripts, settings, scrolls.

    Args:
        connection: To the engine.
        asked: Targets of the requests since it was empty; scrolls and settings are looked
            for only where these may have made some.

    Raises:
        WipeError: If it refuses.
    """
    for context in ("scroll", "point_in_time"):
        if any(context in target for target in asked):
            _ask(connection, "DELETE", f"/_search/{context}/_all")
    metadata = _ask(connection, "GET", "/_cluster/state/metadata").body["metadata"]
    for target in _made(metadata):
        _ask(connection, "DELETE", target)
    _delete_indices(connection, metadata["indices"])
    for target in _made_for_indices(metadata):
        _ask(connection, "DELETE", target)
    if any("settings" in target for target in asked):
        _reset_settings(connection)


def _made(metadata: Mapping[str, Any]) -> Iterator[str]:
    """What must go before the indices do."""
    for repository in metadata.get("repositories", {}):
        yield f"/_snapshot/{quote(repository)}/*"
        yield f"/_snapshot/{quote(repository)}"
    yield from _each("/_data_stream", metadata.get("data_stream", {}).get("data_stream", {}))


def _made_for_indices(metadata: Mapping[str, Any]) -> Iterator[str]:
    named = metadata.get("index_template", {}).get("index_template", {})
    components = metadata.get("component_template", {}).get("component_template", {})
    yield from _each("/_template", metadata["templates"])
    yield from _each("/_index_template", named)
    yield from _each("/_component_template", components)
    for section, place in (("ingest", "_ingest"), ("search_pipeline", "_search")):
        pipelines = metadata.get(section, {}).get("pipeline", [])
        yield from _each(f"/{place}/pipeline", (each["id"] for each in pipelines))
    yield from _each("/_scripts", metadata.get("stored_scripts", {}))
    if metadata["cluster_coordination"]["voting_config_exclusions"]:
        yield "/_cluster/voting_config_exclusions?wait_for_removal=false"


def _each(place: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{place}/{quote(name, safe='')}" for name in names)


def _delete_indices(connection: Connection, indices: Mapping[str, Any]) -> None:
    """Delete all but those that went with their data stream; a few at a time, URLs have an end."""
    settings = {name: index["settings"]["index"] for name, index in indices.items()}
    names = [
        name
        for name, own in settings.items()
        if not (name.startswith(".ds-") and own.get("hidden") == "true")
    ]
    for name in names:
        if settings[name].get("blocks"):
            nothing = {f"index.blocks.{block}": None for block in _BLOCKS}
            _ask(connection, "PUT", f"/{quote(name, safe='')}/_settings", nothing)
    for few in range(0, len(names), _AT_A_TIME):
        listed = ",".join(quote(name, safe="") for name in names[few : few + _AT_A_TIME])
        _ask(connection, "DELETE", f"/{listed}")


def _reset_settings(connection: Connection) -> None:
    settings = _ask(connection, "GET", "/_cluster/settings?flat_settings=true").body
    nothing = {kind: dict.fromkeys(settings[kind]) for kind in ("persistent", "transient")}
    if any(nothing.values()):
        _ask(connection, "PUT", "/_cluster/settings", nothing)


def _ask(connection: Connection, method: str, target: str, body: Any = None) -> Response:
    data = None if body is None else json.dumps(body).encode()
    response = connection.send(Request(method, target, _JSON if data else {}, data))
    if response.status not in _GONE:
        problem = f"{method} {target}: {response.status} {response.text[:300]}"
        raise WipeError(problem)
    return response
