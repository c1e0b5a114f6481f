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


def to_wire(text: str) -> bytes:
    """Encode what ``from_wire`` has decoded; other text is spelt in UTF-8."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
