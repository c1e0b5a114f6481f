"""What elasticsearch-py was answered, as far as it can be compared with another time."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from elastic_transport import ApiResponseMeta, Urllib3HttpNode

_COMPARED: Final = ("content-type", "x-elastic-product", "warning", "location", "allow")
_PASSING: Final = frozenset(
    {
        "took",
        "_scroll_id",
        "scroll_id",
        "pit_id",
        "uuid",
        "index_uuid",
        "creation_date",
        "index.creation_date",
        "created_date_millis",
        "modified_date_millis",
        "start_time_in_millis",
        "running_time_in_nanos",
        "task_max_waiting_in_queue_millis",
        "timestamp",
    }
)
_OF_THE_QUERY: Final = frozenset({"_explanation", "profile"})
_ID: Final = re.compile(
    r"(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])[\w-]{20,}={0,2}(?::\d+)?(?![\w-])"
    r"|(?<= for id )\[\d+\]"
)
"""Of nodes, indices, shards, tasks and contexts."""

Kept = tuple[str, ApiResponseMeta, bytes]
"""A call and its answer."""


class RecordingNode(Urllib3HttpNode):
    """A client's connection that keeps every answer in ``kept``."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.kept: list[Kept] = []

    def perform_request(self, method: str, target: str, *args: Any, **more: Any) -> Any:
        """Ask, and keep the answer."""
        response = super().perform_request(method, target, *args, **more)
        self.kept.append((f"{method} {target}", response.meta, response.body))
        return response


def comparable(kept: Kept, *, shape: bool) -> dict[str, Any]:
    """Return an answer without what is another each time: durations, times, identifiers.

    Args:
        kept: The call and its answer.
        shape: Keep only names and types of what it says.
    """
    call, meta, data = kept
    kind = meta.headers.get("content-type") or ""
    body: Any = data.decode()
    if body and "json" in kind:
        body = json.loads(body)
    return {
        "call": _ID.sub("ID", call),
        "status": meta.status,
        "headers": {name: meta.headers[name] for name in _COMPARED if name in meta.headers},
        "body": _without(body, _type_of if shape else _masked),
    }


def of_any_query(answer: Any) -> Any:
    """Leave out what tells of the query that was asked, which is the pipeline's to change."""
    if isinstance(answer, dict):
        return {k: of_any_query(part) for k, part in answer.items() if k not in _OF_THE_QUERY}
    return [of_any_query(part) for part in answer] if isinstance(answer, list) else answer


def first_difference(one: Any, other: Any, path: str = "") -> str:
    """Say where two answers differ first; empty if they do not."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            if key not in one or key not in other:
                missing, whole = ("first", other) if key not in one else ("second", one)
                return f"{path}.{key} lacks in the {missing}: {whole[key]!r:.200}"
            if found := first_difference(one[key], other[key], f"{path}.{key}"):
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        every = (first_difference(*pair, f"{path}.{at}") for at, pair in enumerate(pairs))
        return next(filter(None, every), "")
    return "" if one == other else f"{path}: {one!r:.300} and {other!r:.300}"


def _without(value: Any, leaf: Callable[[Any], Any]) -> Any:
    if isinstance(value, Mapping):
        return {
            _ID.sub("ID", key): _without(part, leaf)
            for key, part in value.items()
            if key not in _PASSING
        }
    return [_without(part, leaf) for part in value] if isinstance(value, list) else leaf(value)


def _masked(value: Any) -> Any:
    return _ID.sub("ID", value) if isinstance(value, str) else value


def _type_of(value: Any) -> str:
    return "number" if isinstance(value, int | float) else type(value).__name__
