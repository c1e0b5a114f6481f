"""What the engine supports, in one place: read from the tables that it dispatches on."""

from qrmiddleware.upstream.embedded.aggregations import AGGREGATIONS
from qrmiddleware.upstream.embedded.analysis import ANALYZERS, FILTERS, NORMALIZERS, TOKENIZERS
from qrmiddleware.upstream.embedded.bulk import ACTIONS
from qrmiddleware.upstream.embedded.mapping import DATE_FORMATS, FIELD_TYPES
from qrmiddleware.upstream.embedded.queries.compile import QUERIES
from qrmiddleware.upstream.embedded.queries.fulltext import MULTI_MATCH_TYPES
from qrmiddleware.upstream.embedded.queries.functions import FUNCTIONS
from qrmiddleware.upstream.embedded.routes import ENDPOINTS
from qrmiddleware.upstream.embedded.search_request import SEARCH_KEYS


def supported() -> dict[str, tuple[str, ...]]:
    """Names of everything that is supported, by kind; all else is refused by its name."""
    return {
        "endpoints": tuple(f"{'|'.join(e.methods)} {e.path}" for e in ENDPOINTS),
        "search body keys": tuple(sorted(SEARCH_KEYS)),
        "queries": tuple(QUERIES),
        "multi_match types": (*MULTI_MATCH_TYPES, "cross_fields"),
        "function_score functions": FUNCTIONS,
        "aggregations": tuple(AGGREGATIONS),
        "bulk actions": tuple(sorted(ACTIONS)),
        "field types": tuple(FIELD_TYPES),
        "date formats": tuple(sorted(DATE_FORMATS)),
        "analyzers": tuple(ANALYZERS),
        "normalizers": tuple(NORMALIZERS),
        "tokenizers": tuple(TOKENIZERS),
        "token filters": tuple(FILTERS),
    }
