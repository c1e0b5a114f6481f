"""Which requests may be sent to a second node after the first one broke off."""

from qrmiddleware.upstream.exchange import UpstreamRequest

_READS = frozenset(
    {
        "_search",
        "_msearch",
        "_count",
        "_field_caps",
        "_mget",
        "_validate",
        "_explain",
    }
)


def may_repeat(request: UpstreamRequest) -> bool:
    """Tell whether sending the request twice does no more than sending it once.

    Reads do not write, and their body is at hand. Scrolling is no read in this sense: every
    page moves the cursor, so a repeated request would skip one.
    """
    if not (request.body is None or isinstance(request.body, bytes)):
        return False
    path = request.target.partition("?")[0].split("/")
    endpoint = next((part for part in path if part.startswith("_") and part != "_all"), "")
    if endpoint == "_search" and "scroll" in path[path.index("_search") :]:
        return False
    return request.method in ("GET", "HEAD") or (request.method == "POST" and endpoint in _READS)
