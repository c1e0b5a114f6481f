"""How long clients may keep the proxy waiting, and what they are told then."""

import asyncio
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

from qrmiddleware.proxy.refusals import write_refusal

Late: TypeAlias = Literal["head", "body", "reply"]
"""What a client is late with: a request's line and headers, its body, or with reading its reply."""

_LOOKS: Final = 4
"""Looks at a connection within the limit; it may end as late as one of them is apart."""


def unread_by_client_bytes(transport: asyncio.Transport) -> int:
    """Return how much has been written, and has not reached the client's system.

    The system's own queue counts where it can be asked: it takes megabytes, and more only when a
    third of it is empty, so that a slow reader would be taken for one who has stopped. Over TLS it
    is all that is known; what uvloop holds back then is counted nowhere.
    """
    ours_bytes = transport.get_write_buffer_size()
    if sys.platform != "linux":
        return ours_bytes
    import fcntl  # noqa: PLC0415 does not exist on Windows
    import termios  # noqa: PLC0415 likewise

    descriptor = transport.get_extra_info("socket").fileno()
    (queued_bytes,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4))
    return ours_bytes + int(queued_bytes)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one process waits for a client that has begun something.

    Attributes:
        limit_s: From the first byte of a request to the end of its headers, and between two pieces
            of a body or of a reply.
        note_late: Is called with what a client was late with, when its connection ends.
    """

    limit_s: float
    note_late: Callable[[Late], None]

    @property
    def look_s(self) -> float:
        """From one look at a connection to the next."""
        return self.limit_s / _LOOKS

    def refusal(self, what: Late) -> bytes:
        """Write, as HTTP, that the rest of a request has not come."""
        return write_refusal(
            HTTPStatus.REQUEST_TIMEOUT,
            "request_timeout_exception",
            f"the rest of the request's {what} has not come within {self.limit_s:g} seconds, "
            "which is limits.client_timeout_ms",
            closes=True,
        )
