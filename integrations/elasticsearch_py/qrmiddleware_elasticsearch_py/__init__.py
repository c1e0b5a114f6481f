"""The qrmiddleware pipeline inside an elasticsearch-py client, without a proxy."""

from qrmiddleware_elasticsearch_py.client import with_pipeline
from qrmiddleware_elasticsearch_py.embedded import AsyncEmbeddedNode, EmbeddedNode

__all__ = ["AsyncEmbeddedNode", "EmbeddedNode", "with_pipeline"]
