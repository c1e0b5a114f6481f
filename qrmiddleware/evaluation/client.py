"""Asks an engine for one thing at a time, through HTTP as any client would."""

from collections.abc import Container, Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

from qrmiddleware.errors import UpstreamError
from qrmiddleware.upstream.cluster import ClusterOptions, ClusterUpstream
from qrmiddleware.upstream.exchange import Upstream, UpstreamRequest
from qrmiddleware.upstream.tls import TlsOptions

BUSY: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})
"""What an engine answers that has too much to do."""

_SHOWN: Final = 300
_BRANDS: Final[Mapping[str | None, str]] = {"opensearch": "OpenSearch"}
_HINTS: Final[Mapping[int, str]] = {
    HTTPStatus.UNAUTHORIZED: "; give credentials: user:password@ in the URL, or --api-key-env",
    HTTPStatus.FORBIDDEN: "; the credentials do not allow it",
}


class RefusedError(UpstreamError):
    """The engine answered, and refused.

    Attributes:
        reply_status: HTTP status of its answer.
    """

    def __init__(self, message: str, *, reply_status: int) -> None:
        super().__init__(message)
        self.reply_status = reply_status


def connect(
    url: str, *, api_key: str = "", ca_certs: str = "", timeout_ms: float = 600_000
) -> ClusterUpstream:
    """Return the way to an engine.

    Args:
        url: With ``user:password@`` if it wants that.
        api_key: Encoded, if it wants one instead.
        ca_certs: PEM file that vouches for its certificate; the system's authorities if empty.
        timeout_ms: How long it may stay silent, which it does while it merges segments.

    Raises:
        ConfigError: If the URL or the file makes no sense.
    """
    return ClusterUpstream(
        ClusterOptions(
            urls=(url,),
            timeout_ms=timeout_ms,
            authorization=f"ApiKey {api_key}" if api_key else None,
            tls=TlsOptions(ca_certs=ca_certs or None),
        )
    )


class EngineClient:
    """Whatever answers Elasticsearch's HTTP API.

    Args:
        upstream: Started by the caller, who closes it as well.
    """

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def call(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        *,
        ndjson: bool = False,
        expected: Container[int] = (),
    ) -> tuple[int, Any]:
        """Make one call.

        Args:
            method: In upper case.
            target: Path and query.
            body: JSON, or lines of it.
            ndjson: Whether it is lines.
            expected: Statuses of refusals that the caller knows what to do about.

        Returns:
            The status, and what was answered: JSON, ``None`` without a body.

        Raises:
            RefusedError: If it was answered with an error; says the engine's reason.
            UpstreamError: If nothing was answered.
        """
        kind = "application/x-ndjson" if ndjson else "application/json"
        headers = [("accept", "application/json")]
        if body is not None:
            headers.append(("content-type", kind))
        reply = await self._upstream.send(UpstreamRequest(method, target, headers, body))
        text = await reply.read()
        if reply.status >= HTTPStatus.BAD_REQUEST and reply.status not in expected:
            hint = _HINTS.get(reply.status, "")
            message = f"{method} {target} was answered with {reply.status}: {_reason(text)}{hint}"
            raise RefusedError(message, reply_status=reply.status)
        return reply.status, _read(text)

    async def name(self) -> str:
        """Return the engine's name and version, as far as it tells."""
        try:
            _, told = await self.call("GET", "/")
            version = told["version"]
            if version.get("build_flavor") == "embedded":
                return "the embedded engine"
            return (
                f"{_BRANDS.get(version.get('distribution'), 'Elasticsearch')} {version['number']}"
            )
        except (RefusedError, KeyError, TypeError, AttributeError):
            return await self._node()

    async def _node(self) -> str:
        """Ask a node for its version, for engines without ``GET /``."""
        try:
            _, told = await self.call("GET", "/_nodes/_local/none")
            versions = {node["version"] for node in told["nodes"].values()}
            return f"version {' '.join(sorted(versions))}"
        except (RefusedError, KeyError, TypeError, AttributeError):
            return "an engine that does not tell its name"


def _read(text: bytes) -> Any:  # noqa: ANN401 JSON
    try:
        return msgspec.json.decode(text) if text else None
    except msgspec.DecodeError:
        return None


def _reason(text: bytes) -> str:
    told = _read(text)
    error = told.get("error") if isinstance(told, dict) else None
    if isinstance(error, dict):
        return str(error.get("reason") or error.get("type"))
    return str(error or text[:_SHOWN].decode(errors="replace") or "no reason given")
