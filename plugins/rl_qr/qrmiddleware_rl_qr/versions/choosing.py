"""Which version answers a query: always the same one, and the canary a share of them."""

import hashlib
from typing import Final

from qrmiddleware.students.generator.texts import normalised
from qrmiddleware_rl_qr.versions.state import State

_BYTES: Final = 8


def query_key(text: str, trial: str) -> bytes:
    """Return 64 bits that differ with the query and the trial; spellings of one query share them.

    A query is one that differs in more than case, blanks and width.
    """
    content = f"{trial}\n{normalised(text)}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(content, digest_size=_BYTES, usedforsecurity=False).digest()


def chosen_version(state: State, text: str) -> str:
    """Return the version that answers a query.

    It depends on the query and the trial alone, so that a query's pages, and all its searches in
    all processes, are of one version. In another trial the canary gets other queries; in the
    same trial a larger share would only add some.
    """
    if not state.canary:
        return state.serving
    place = int.from_bytes(query_key(text, state.trial)) / 2 ** (8 * _BYTES)
    return state.canary if place < state.share else state.serving
