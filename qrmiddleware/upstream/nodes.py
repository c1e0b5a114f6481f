"""One node of a cluster: elastic-transport's aiohttp node, streaming and adding nothing."""

import ssl
import sys
from collections.abc import AsyncIterable, AsyncIterator

import aiohttp
from elastic_transport import AiohttpHttpNode, NodeConfig
from yarl import URL

from qrmiddleware.errors import UpstreamError
from qrmiddleware.upstream.exchange import Headers, UpstreamRequest
from qrmiddleware.upstream.fields import as_utf8, end_to_end

_NOT_ADDED = ("accept", "accept-encoding", "content-type", "user-agent")
_LARGEST_FIELD_BYTES = 256 * 1024  # an engine's replies carry a Warning for every deprecation
_MOST_FIELDS = 4096


class NodeFailureError(UpstreamError):
    """A node did not answer."""


class UnreachedError(NodeFailureError):
    """The node has seen nothing of the request."""

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=503)


class BrokenOffError(NodeFailureError):
    """The connection ended, or made no sense, after the request was sent in part or whole."""

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=502)


class SilentError(NodeFailureError):
    """The node has the request and has not answered in time."""

    def __init__(self, node: str, problem: str) -> None:
        super().__init__(f"{node}: {problem}", status=504)


class ClusterNode(AiohttpHttpNode):
    """A node that is asked with the client's own bytes, and answers with the engine's.

    Attributes:
        url: Scheme, host, port and path, for messages.
    """

    def __init__(self, config: NodeConfig) -> None:
        super().__init__(config)
        self.url = self.base_url
        self._origin = URL(self.url).origin()
        self._authorization = config.headers.get("authorization")

    async def ask(
        self, request: UpstreamRequest, patience: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Send a request and wait for the reply's status and headers.

        Args:
            request: What is asked.
            patience: For connecting, and for every silence of the node.

        Raises:
            NodeFailureError: If the node did not answer.
            Exception: What a streamed body raised, unchanged.
        """
        upload = None if isinstance(request.body, bytes | None) else _Upload(request.body)
        try:
            return await self._opened_session().request(
                request.method,
                self._origin.with_path(self.path_prefix + as_utf8(request.target), encoded=True),
                data=request.body if upload is None else upload.chunks(),
                headers=self._fields(request.headers, streamed=upload is not None),
                allow_redirects=False,
                timeout=patience,
            )
        except (aiohttp.ClientError, OSError) as error:
            if upload is not None and upload.problem is not None:
                raise upload.problem from None
            raise _as_failure(error, self.url, patience) from error

    def _fields(self, headers: Headers, *, streamed: bool) -> list[tuple[str, str]]:
        computed = ("expect", "host") if streamed else ("content-length", "expect", "host")
        fields = [(name, as_utf8(value)) for name, value in end_to_end(headers, without=computed)]
        if self._authorization and all(name != "authorization" for name, _ in fields):
            fields.append(("authorization", self._authorization))
        return fields

    def _opened_session(self) -> aiohttp.ClientSession:
        if self.session is None:
            self._create_aiohttp_session()
        assert self.session is not None  # noqa: S101 - for the type checker, as in the base class
        return self.session

    def _create_aiohttp_session(self) -> None:
        self.session = aiohttp.ClientSession(
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            connector=aiohttp.TCPConnector(
                limit=self._connections_per_node,
                enable_cleanup_closed=sys.version_info < (3, 12, 7),
                ssl=self._trust(),
            ),
            max_field_size=_LARGEST_FIELD_BYTES,
            max_headers=_MOST_FIELDS,
            max_line_size=_LARGEST_FIELD_BYTES,
            middlewares=(_ask_once,),
            skip_auto_headers=_NOT_ADDED,
        )

    def _trust(self) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
        if self._ssl_assert_fingerprint:
            digest = bytes.fromhex(self._ssl_assert_fingerprint.replace(":", ""))
            return aiohttp.Fingerprint(digest)
        return self._ssl_context or True


class _Upload:
    """A streamed request body whose own failure is not the node's."""

    def __init__(self, body: AsyncIterable[bytes]) -> None:
        self._body = body
        self.problem: Exception | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._body:
                yield chunk
        except Exception as problem:
            self.problem = problem
            raise


async def _ask_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from repeating a PUT or DELETE by itself when a kept-alive connection ends."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise  # nothing was sent, and aiohttp does not repeat these
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(str(error)) from error


def _as_failure(error: Exception, node: str, patience: aiohttp.ClientTimeout) -> NodeFailureError:
    match error:
        case (
            aiohttp.ConnectionTimeoutError()
            | aiohttp.ClientConnectorError()
            | aiohttp.ServerFingerprintMismatch()
        ):
            return UnreachedError(node, _why_unreached(error, patience))
        case TimeoutError():
            return SilentError(node, f"no reply within {patience.sock_read:g} s")
        case aiohttp.ClientResponseError():
            return BrokenOffError(node, f"its reply is not HTTP ({error.message})")
        case _:
            return BrokenOffError(node, f"the connection ended before a reply ({error})")


def _why_unreached(error: Exception, patience: aiohttp.ClientTimeout) -> str:
    match error:
        case aiohttp.ServerFingerprintMismatch():
            return f"its certificate's fingerprint is {error.got.hex(':')}"
        case aiohttp.ClientConnectorCertificateError():
            return f"its certificate is not trusted ({error.certificate_error})"
        case aiohttp.ClientConnectorError():
            return f"cannot connect ({error.os_error.strerror or error.os_error})"
        case _:
            return f"no connection within {patience.sock_connect:g} s"
