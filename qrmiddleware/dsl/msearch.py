"""``_msearch``: newline-delimited pairs of header and body, to the byte."""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Raw

from qrmiddleware.dsl.raw import (
    Json,
    NotJsonError,
    RawObject,
    raw,
    read_array,
    read_object,
    read_value,
    write,
)


@dataclass(frozen=True, slots=True)
class MsearchItem:
    """One search of several; both lines as they came, without the newline."""

    header: bytes
    body: bytes

    @property
    def index(self) -> str | None:
        """The header's index expression, comma-separated; ``None`` leaves the URL's.

        Raises:
            NotJsonError: If the header is none; the engine will say so itself.
        """
        if not self.header.strip():
            return None
        index: Json = read_value(read_object(self.header).get("index", Raw(b"null")))
        if index is None:
            return None
        names = index if isinstance(index, list) else [index]
        if not all(isinstance(name, str) for name in names):
            problem = "[index] is no name"
            raise NotJsonError(problem)
        return ",".join(names)


def read_msearch(data: bytes) -> tuple[MsearchItem, ...]:
    """Split the pairs.

    Raises:
        NotJsonError: If a line is missing; the engine will say so itself.
    """
    lines = data.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    if not lines or len(lines) % 2:
        problem = f"{len(lines)} lines are no pairs of header and body"
        raise NotJsonError(problem)
    return tuple(map(MsearchItem, lines[::2], lines[1::2]))


def render_msearch(items: Sequence[MsearchItem]) -> bytes:
    """Write the pairs, each line ended by a newline."""
    return b"".join(b"%b\n%b\n" % (item.header, item.body) for item in items)


def read_replies(data: bytes) -> tuple[RawObject, list[Raw]]:
    """Read an ``_msearch`` reply into its other keys and its replies; raises ``NotJsonError``."""
    tree = read_object(data)
    if "responses" not in tree:
        problem = "no responses in the reply"
        raise NotJsonError(problem)
    return tree, read_array(tree["responses"])


def render_replies(tree: RawObject, replies: Sequence[bytes | Raw]) -> bytes:
    """Put replies back among the other keys."""
    return write({**tree, "responses": raw([Raw(reply) for reply in replies])})
