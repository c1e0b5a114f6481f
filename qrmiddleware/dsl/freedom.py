"""What keeps a search from being reordered, or from being taken apart."""

from qrmiddleware.dsl.raw import Json, RawObject, read_value
from qrmiddleware.dsl.uri import Parameters


def why_ordered(tree: RawObject, parameters: Parameters, size: int | None) -> str:
    """Say why hits must stay in the engine's order; empty if they need not."""
    if size == 0:
        return "size is 0"
    for key in ("scroll", "pit", "search_after", "slice"):
        if key in tree or parameters.get(key) is not None:
            return f"the search uses {key}"
    sort = parameters.get("sort") or (read_value(tree["sort"]) if "sort" in tree else None)
    if sort is not None and not _sorts_by_score(sort):
        return "the search has its own sort"
    if "stored_fields" in tree and b"_none_" in bytes(tree["stored_fields"]):
        return "hits have no _id"
    return ""


def _sorts_by_score(sort: Json) -> bool:
    if isinstance(sort, list) and len(sort) == 1:
        (sort,) = sort
    if isinstance(sort, dict) and list(sort) == ["_score"]:
        order = sort["_score"]
        sort = order.get("order", "desc") if isinstance(order, dict) else order
        return bool(sort == "desc")
    return sort in ("_score", "_score:desc")


def why_single(tree: RawObject, parameters: Parameters) -> str:
    """Say what keeps a search from being several whose rankings are fused; empty if nothing."""
    for key in ("collapse", "knn", "rescore", "rank", "min_score", "sort"):
        if key in tree or parameters.get(key) is not None:
            return f"the search uses {key}"
    return ""
