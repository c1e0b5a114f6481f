"""The demo's page, served by the proxy's own port so that the browser needs no permission."""

import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from importlib import resources
from typing import Any, Final, TypeAlias

import msgspec

from qrmiddleware.proxy.client import Message, Receive, Send

Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

PATH: Final = "/_qrm/demo/"
_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            b"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
    ),
)


class DemoSite:
    """An ASGI application: the page and its data under ``PATH``, all else to the proxy."""

    def __init__(self, proxy: Application) -> None:
        self._proxy = proxy
        self._files = _page_files()

    def publish(self, data: Mapping[str, Any]) -> None:
        """Give the page its data; until then it says that there is none."""
        self._files[PATH + "demo.json"] = msgspec.json.encode(data)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope.get("path", "")
        if scope["type"] != "http" or not f"{path}/".startswith(PATH):
            await self._proxy(scope, receive, send)
        elif path == PATH.rstrip("/"):
            await _answer(send, HTTPStatus.TEMPORARY_REDIRECT, b"", [(b"location", PATH.encode())])
        elif path not in self._files:
            await _answer(send, HTTPStatus.NOT_FOUND, b"no such page\n", [])
        else:
            kind = mimetypes.guess_type(path)[0] or "text/html"
            content_type = (b"content-type", f"{kind}; charset=utf-8".encode())
            await _answer(send, HTTPStatus.OK, self._files[path], [content_type, *_HEADERS])


def _page_files() -> dict[str, bytes]:
    page = resources.files(__package__) / "page"
    files = {PATH + entry.name: entry.read_bytes() for entry in page.iterdir() if entry.is_file()}
    return files | {PATH: files[PATH + "index.html"]}


async def _answer(
    send: Send, status: HTTPStatus, body: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send(
        {"type": "http.response.start", "status": status.value, "headers": [*headers, length]}
    )
    await send({"type": "http.response.body", "body": body})
