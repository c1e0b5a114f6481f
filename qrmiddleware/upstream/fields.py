"""Header fields between two connections: which travel on, and how their text is spelt."""

from collections.abc import Iterable

from qrmiddleware.upstream.exchange import Headers

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def end_to_end(headers: Headers, *, without: Iterable[str] = ()) -> list[tuple[str, str]]:
    """Keep the fields that concern both ends, in order.

    Args:
        headers: Fields as they came in, names in lower case.
        without: Further names to leave out, in lower case.

    Returns:
        The fields without hop-by-hop ones, and without those that ``connection`` names.

    Source: RFC 9110, section 7.6.1.
    """
    dropped = _HOP_BY_HOP.union(without)
    for name, value in headers:
        if name == "connection":
            dropped = dropped.union(option.strip().lower() for option in value.split(","))
    return [field for field in headers if field[0] not in dropped]


def from_wire(text: bytes) -> str:
    """Decode a field byte for byte: every byte is one character (ISO 8859-1)."""
    return text.decode("latin-1")


def as_utf8(text: str) -> str:
    """Respell text that was decoded byte for byte, for a writer that encodes UTF-8.

    Bytes that are not UTF-8 cannot be kept by such a writer; their characters are.
    """
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text
