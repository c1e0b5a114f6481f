"""Replies that the protocol writes itself, where there is no request for the application."""

from http import HTTPStatus

from qrmiddleware.proxy.client import error_body


def write_refusal(
    status: HTTPStatus,
    kind: str,
    reason: str,
    *,
    closes: bool,
    bodiless: bool = False,
    retry_after_s: int | None = None,
) -> bytes:
    """Write an error of an engine's shape as HTTP.

    Args:
        status: Of the reply.
        kind: Of the error.
        reason: For people.
        closes: The connection ends with it.
        bodiless: The request's method is ``HEAD``.
        retry_after_s: When the client may ask again.
    """
    body = error_body(status, kind, reason)
    fields = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: application/json",
        *([] if retry_after_s is None else [f"retry-after: {retry_after_s}"]),
        f"content-length: {len(body)}",
        *(["connection: close"] if closes else []),
    ]
    return "\r\n".join((*fields, "", "")).encode() + (b"" if bodiless else body)
