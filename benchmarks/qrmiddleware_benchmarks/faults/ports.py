"""Ports that stay free while nobody listens on them."""

import secrets
from typing import Final

from qrmiddleware_benchmarks.engines import probes

_FIRST: Final = 20_000
_COUNT: Final = 12_000


def free_ports(count: int = 1) -> int:
    """Return the first of so many free ports in a row.

    They are below those that the system gives to outgoing connections: whoever is killed finds
    its port free when it is started again.
    """
    while True:
        first = _FIRST + secrets.randbelow(_COUNT)
        if all(probes.port_is_free(first + offset) for offset in range(count)):
            return first
