"""The table of endpoints, and the way to one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from qrmiddleware.upstream.embedded import administration, bulk, documents, searching
from qrmiddleware.upstream.embedded.call import Answer, Call
from qrmiddleware.upstream.embedded.problems import illegal, unsupported

_EVERYWHERE = frozenset(
    [
        "pretty",
        "human",
        "error_trace",
        "filter_path",
        "format",
        "source",
        "source_content_type",
        "timeout",
        "master_timeout",
        "ignore_unavailable",
        "allow_no_indices",
        "expand_wildcards",
    ]
)
_WRITE = "refresh op_type wait_for_active_shards require_alias include_source_on_error"
_SOURCE = "_source _source_includes _source_excludes"
_READ = f"{_SOURCE} preference realtime refresh"
_SEARCH = (
    f"{_SOURCE} q df default_operator analyzer analyze_wildcard lenient from size sort min_score "
    "track_total_hits rest_total_hits_as_int typed_keys version seq_no_primary_term track_scores "
    "explain docvalue_fields preference routing request_cache batched_reduce_size search_type "
    "ccs_minimize_roundtrips max_concurrent_shard_requests max_concurrent_searches "
    "pre_filter_shard_size allow_partial_search_results scroll stored_fields terminate_after "
    "suggest_field ignore_throttled phase_took force_synthetic_source"
)
_HEALTH = "wait_for_status wait_for_active_shards wait_for_nodes level local wait_for_events"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint.

    Attributes:
        methods: HTTP methods, in upper case.
        path: With ``{names}`` for what varies.
        run: Answers a call.
        params: Query parameters that it takes, beside those that all take.
    """

    methods: tuple[str, ...]
    path: str
    run: Callable[[Call], Answer]
    params: str = ""

    def accepts(self, name: str) -> bool:
        """Whether a query parameter may be given."""
        return name in _EVERYWHERE or name in self.params.split()

    def match(self, method: str, segments: list[str]) -> dict[str, str] | None:
        """What stands in the place of the ``{names}``; ``None`` if this is another endpoint."""
        own = [segment for segment in self.path.split("/") if segment]
        if method not in self.methods or len(own) != len(segments):
            return None
        found: dict[str, str] = {}
        for expected, segment in zip(own, segments, strict=True):
            if not expected.startswith("{"):
                if expected != segment:
                    return None
            elif expected == "{index}" and segment.startswith("_") and segment != "_all":
                return None
            else:
                found[expected.strip("{}")] = segment
        return found


_READS = ("GET", "POST")
_SHOWS = ("GET", "HEAD")

ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(_SHOWS, "/", administration.info),
    Endpoint(_READS, "/_search", searching.search, _SEARCH),
    Endpoint(_READS, "/{index}/_search", searching.search, _SEARCH),
    Endpoint(_READS, "/_msearch", searching.multi_search, _SEARCH),
    Endpoint(_READS, "/{index}/_msearch", searching.multi_search, _SEARCH),
    Endpoint(_READS, "/_count", searching.count, _SEARCH),
    Endpoint(_READS, "/{index}/_count", searching.count, _SEARCH),
    Endpoint(("POST", "PUT"), "/_bulk", bulk.run_bulk, _WRITE),
    Endpoint(("POST", "PUT"), "/{index}/_bulk", bulk.run_bulk, _WRITE),
    Endpoint(("POST",), "/{index}/_doc", documents.put_document, _WRITE),
    Endpoint(("POST", "PUT"), "/{index}/_doc/{id}", documents.put_document, _WRITE),
    Endpoint(("POST", "PUT"), "/{index}/_create/{id}", documents.create_document, _WRITE),
    Endpoint(("POST",), "/{index}/_update/{id}", documents.update_document, _WRITE),
    Endpoint(("DELETE",), "/{index}/_doc/{id}", documents.delete_document, _WRITE),
    Endpoint(_SHOWS, "/{index}/_doc/{id}", documents.get_document, _READ),
    Endpoint(_SHOWS, "/{index}/_source/{id}", documents.get_source, _READ),
    Endpoint(_READS, "/_mget", documents.get_documents, _READ),
    Endpoint(_READS, "/{index}/_mget", documents.get_documents, _READ),
    Endpoint(_READS, "/_refresh", administration.refresh),
    Endpoint(_READS, "/{index}/_refresh", administration.refresh),
    Endpoint(_READS, "/{index}/_analyze", administration.analyze),
    Endpoint(("GET",), "/_mapping", administration.get_mapping),
    Endpoint(("GET",), "/{index}/_mapping", administration.get_mapping),
    Endpoint(("PUT", "POST"), "/{index}/_mapping", administration.put_mapping),
    Endpoint(("GET",), "/{index}/_settings", administration.get_settings),
    Endpoint(("GET",), "/_cat/indices", administration.cat_indices, "v h s bytes"),
    Endpoint(("GET",), "/_cat/indices/{index}", administration.cat_indices, "v h s bytes"),
    Endpoint(("GET",), "/_cluster/health", administration.health, _HEALTH),
    Endpoint(("GET",), "/_cluster/health/{index}", administration.health, _HEALTH),
    Endpoint(("PUT",), "/{index}", administration.create_index, "wait_for_active_shards"),
    Endpoint(("DELETE",), "/{index}", administration.delete_index),
    Endpoint(("HEAD",), "/{index}", administration.exists_index, "local flat_settings"),
    Endpoint(("GET",), "/{index}", administration.get_index, "local flat_settings features"),
)
"""Every endpoint that can be asked."""


def find_endpoint(
    method: str, target: str
) -> tuple[Endpoint, Mapping[str, str], Mapping[str, str]]:
    """The endpoint for a request line, what its path holds, and its query string.

    Raises:
        ApiError: If no endpoint answers it, or a query parameter is not one that it takes.
    """
    path, _, query = target.partition("?")
    params = dict(parse_qsl(query, keep_blank_values=True))
    segments = [unquote(segment) for segment in path.split("/") if segment]
    for endpoint in ENDPOINTS:
        parts = endpoint.match(method, segments)
        if parts is not None:
            for name in params:
                if not endpoint.accepts(name):
                    raise illegal(
                        reason=f"request [{path}] contains unrecognized parameter: [{name}]"
                    )
            return endpoint, parts, params
    raise unsupported(what="endpoint", name=f"{method} {path}")
