"""Search-engine middleware: plugins rewrite, widen, filter and rerank searches."""

from qrmiddleware.errors import (
    ConfigError,
    OverloadError,
    PluginError,
    QrmError,
    RequestError,
    UpstreamError,
)
from qrmiddleware.hooks import hookimpl
from qrmiddleware.hooks.patience import patience
from qrmiddleware.model import Boost, Hit, Proposal, Query, Restriction, Rewrite, Trace

__all__ = [
    "Boost",
    "ConfigError",
    "Hit",
    "OverloadError",
    "PluginError",
    "Proposal",
    "QrmError",
    "Query",
    "RequestError",
    "Restriction",
    "Rewrite",
    "Trace",
    "UpstreamError",
    "hookimpl",
    "patience",
]
