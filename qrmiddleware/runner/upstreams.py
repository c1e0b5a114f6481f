"""Makes the configured upstream."""

from base64 import b64encode
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from qrmiddleware.config.settings import UpstreamSettings
from qrmiddleware.errors import ConfigError
from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream, tell_nobody
from qrmiddleware.upstream.embedded import EmbeddedUpstream
from qrmiddleware.upstream.exchange import Upstream
from qrmiddleware.upstream.tls import TlsOptions


def make_upstream(
    settings: UpstreamSettings, on_failure: Callable[[str, str], None] = tell_nobody
) -> Upstream:
    """Make what answers searches.

    Args:
        settings: Of the configuration.
        on_failure: Is told the URL of a node that failed, and its failure's name.

    Raises:
        ConfigError: If it cannot work as configured.
    """
    if settings.embedded is False:
        return ClusterUpstream(cluster_options(settings), on_failure)
    if find_spec("tantivy") is None:
        problem = "upstream.embedded needs tantivy: pip install 'qrmiddleware[embedded]'"
        raise ConfigError(problem)
    return EmbeddedUpstream(settings.embedded if isinstance(settings.embedded, Path) else None)


def cluster_options(settings: UpstreamSettings) -> ClusterOptions:
    """Return what the cluster's client needs of the settings."""
    return ClusterOptions(
        urls=settings.urls,
        timeout_ms=settings.timeout_ms,
        connect_timeout_ms=settings.connect_timeout_ms,
        connections_per_node=settings.connections_per_node,
        max_retries=settings.max_retries,
        authorization=_authorization(settings),
        tls=TlsOptions(
            verify_certs=settings.verify_certs,
            ca_certs=_text(settings.ca_certs),
            client_cert=_text(settings.client_cert),
            client_key=_text(settings.client_key),
        ),
    )


def _authorization(settings: UpstreamSettings) -> str | None:
    """Return the ``Authorization`` for clients that send none."""
    if settings.api_key is not None:
        return f"ApiKey {settings.api_key.get_secret_value()}"
    if settings.username is not None and settings.password is not None:
        pair = f"{settings.username}:{settings.password.get_secret_value()}"
        return f"Basic {b64encode(pair.encode()).decode()}"
    return None


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
