"""Which endpoint a request is for, and what the proxy does there."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import unquote

Kind: TypeAlias = Literal[
    "search", "msearch", "count", "template", "msearch_template", "async_search", "other"
]

_ENDPOINTS: Final[dict[tuple[str, ...], Kind]] = {
    ("_search",): "search",
    ("_msearch",): "msearch",
    ("_count",): "count",
    ("_search", "template"): "template",
    ("_msearch", "template"): "msearch_template",
    ("_async_search",): "async_search",
    ("_plugins", "_asynchronous_search"): "async_search",
}
"""Last segments of the paths whose searches go through a pipeline."""


@dataclass(frozen=True, slots=True)
class Route:
    """What a request is for.

    Attributes:
        kind: ``"other"`` passes through untouched.
        index: The index expression of the path, decoded; empty for none.
    """

    kind: Kind
    index: str = ""


OTHER: Final = Route("other")


def route_of(method: str, path: str) -> Route:
    """Tell what a request is for.

    Args:
        method: In upper case.
        path: Raw, without the query string.
    """
    if method not in ("GET", "POST") or "_" not in path:
        return OTHER
    first, *rest = path.strip("/").split("/")
    if kind := _ENDPOINTS.get((first, *rest)):
        return Route(kind)
    if first.startswith("_") and first != "_all":
        return OTHER  # the name of an API, as no index begins with an underscore
    if kind := _ENDPOINTS.get(tuple(rest)):
        return Route(kind, unquote(first))
    return OTHER
