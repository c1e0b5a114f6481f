"""The engine: answers Elasticsearch's HTTP API from one process, without sockets."""

import gzip
import re
import sqlite3
import threading
import zlib
from pathlib import Path

import msgspec

from qrmiddleware.upstream.embedded.call import Answer, Call
from qrmiddleware.upstream.embedded.catalog import Catalog
from qrmiddleware.upstream.embedded.problems import ApiError, unkept, unparsable, unsupported
from qrmiddleware.upstream.embedded.routes import find_endpoint
from qrmiddleware.upstream.embedded.sources import filter_path
from qrmiddleware.upstream.exchange import Headers

_JSON = re.compile(
    r"application/(?:vnd\.elasticsearch\+)?(?:x-nd)?json|text/plain|\*/\*", re.IGNORECASE
)
_VENDOR = re.compile(
    r"application/vnd\.elasticsearch\+(?:x-nd)?json\s*;\s*compatible-with=(\d+)", re.IGNORECASE
)


_MISREAD = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What Python says of a body with a list where an object should be, and the like."""


class EmbeddedEngine:
    """Indices in one folder, or in memory, and the API to them.

    Safe to call from several threads: requests are answered one after the other. A write
    is on disk, and visible to searches, when it is answered.

    Args:
        path: The folder to keep indices in; ``None`` keeps them in memory.

    Raises:
        ConfigError: If another process uses the folder.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._catalog = Catalog(path)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the files; nothing is lost if this is never called."""
        with self._lock:
            self._catalog.close()

    def handle(
        self, method: str, target: str, headers: Headers = (), body: bytes = b""
    ) -> tuple[int, Headers, bytes]:
        """Answer one request.

        Args:
            method: In upper case.
            target: Path and query, percent-encoded.
            headers: Names in any case.
            body: All of it.

        Returns:
            Status, headers and body, as Elasticsearch would answer.
        """
        given = {name.lower(): value for name, value in headers}
        try:
            answer, params = self._answer(method, target, given, body)
        except ApiError as error:
            answer, params = Answer(error.body(), error.status), {}
        except sqlite3.Error as error:
            answer, params = Answer(unkept(error).body(), unkept(error).status), {}
        except _MISREAD as error:
            problem = unparsable(reason=f"cannot read the request: {error!r}")
            answer, params = Answer(problem.body(), problem.status), {}
        kind, content = _render(answer, params, given.get("accept", ""))
        reply = [("x-elastic-product", "Elasticsearch"), ("content-type", kind)]
        return answer.status, reply, b"" if method == "HEAD" else content

    def _answer(
        self, method: str, target: str, headers: dict[str, str], body: bytes
    ) -> tuple[Answer, dict[str, str]]:
        endpoint, parts, params = find_endpoint(method, target)
        content = _decode(headers, body)
        with self._lock:
            answer = endpoint.run(Call(self._catalog, parts, params, content))
        if params.get("filter_path"):
            shown = filter_path(answer.body, params["filter_path"])
            answer = Answer(shown, answer.status)
        return answer, dict(params)


def _decode(headers: dict[str, str], body: bytes) -> bytes:
    kind = headers.get("content-type", "")
    if body and kind and not _JSON.match(kind):
        raise ApiError(
            kind="media_type_header_exception",
            reason=f"Invalid media-type value on headers [Content-Type]: the embedded engine reads "
            f"JSON, not [{kind}]",
            status=406,
        )
    encoding = headers.get("content-encoding", "identity").lower()
    if not body or encoding == "identity":
        return body
    if encoding != "gzip":
        raise unsupported(what="content encoding", name=encoding)
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise ApiError(
            kind="illegal_argument_exception", reason=f"body is not gzip: {error}"
        ) from error


def _render(answer: Answer, params: dict[str, str], accept: str) -> tuple[str, bytes]:
    if isinstance(answer.body, str):
        return "text/plain; charset=UTF-8", answer.body.encode()
    content = msgspec.json.encode(answer.body)
    if params.get("pretty", "false") != "false":
        content = msgspec.json.format(content, indent=2) + b"\n"
    vendor = _VENDOR.search(accept)
    if vendor:
        return f"application/vnd.elasticsearch+json;compatible-with={vendor[1]}", content
    return "application/json", content
