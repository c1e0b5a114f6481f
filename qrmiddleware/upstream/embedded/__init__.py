"""The embedded engine: a documented subset of Elasticsearch's HTTP API on tantivy."""

from qrmiddleware.upstream.embedded.upstream import EmbeddedUpstream

__all__ = ["EmbeddedUpstream"]
